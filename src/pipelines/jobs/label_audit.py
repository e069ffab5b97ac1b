"""Auditing the labels of gold: which ones do all other rows contradict? Nothing is written; people are asked."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from pyspark.sql import SparkSession

from pipelines.adapters.delta import TableStore, read_place, read_table
from pipelines.adapters.frames import stream_rows
from pipelines.contracts import CLUSTER_MERGES, EMBEDDINGS
from pipelines.intents import Intent, name_text
from pipelines.kernels.label_errors import audit_labels
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.label_audit import audited_rows
from pipelines.vocabulary import Place

Encode = Callable[[Sequence[str]], np.ndarray]
PURPOSE = "label_error"
MOST_ROWS = 1_000
"""Of each label: with more, five fits take many minutes."""


@dataclass(frozen=True)
class Suspect:
    """A row of gold whose label the others contradict.

    Attributes:
        rows: how many near-duplicates with this label it stands for.
        probability: of the given label, out of fold.
        suggested_probability: of the suggested one.
    """

    record_id: str
    text: str
    label: str
    suggested: str
    probability: float
    suggested_probability: float
    by_human: bool
    rows: int
    purpose: str = PURPOSE


@dataclass(frozen=True)
class LabelAudit:
    """What was found.

    Attributes:
        audited: rows that were looked at, one a cluster and label.
        not_audited: rows that could not be: their label is none of today's, or has too few examples.
        suspects: the most contradicted first.
    """

    audited: int
    not_audited: int
    suspects: tuple[Suspect, ...]

    def as_dict(self) -> dict[str, object]:
        """For `--json`: counts only; texts are for --out."""
        pairs = Counter((suspect.label, suspect.suggested) for suspect in self.suspects)
        return {
            "purpose": PURPOSE,
            "audited": self.audited,
            "not_audited": self.not_audited,
            "suspects": len(self.suspects),
            "rows": sum(suspect.rows for suspect in self.suspects),
            "by_human": sum(suspect.by_human for suspect in self.suspects),
            "pairs": [{"label": one, "suggested": other, "count": many} for (one, other), many in pairs.most_common()],
        }

    def lines(self) -> list[dict[str, object]]:
        """Rows for annotators."""
        return [asdict(suspect) for suspect in self.suspects]


def audit(
    spark: SparkSession, store: TableStore, intents: Sequence[Intent], encoder_hash: str, encode: Encode
) -> LabelAudit:
    """Ask about every row of gold a student that learnt from the others.

    Args:
        spark: the session.
        store: where the tables stand.
        intents: their verified examples teach, and are not audited.
        encoder_hash: SHA-256 (hex) of the weights of the encoder whose stored vectors are used.
        encode: gives texts their vectors by it.
    """
    places = {intent.name: place for place, intent in enumerate(intents)}
    merges = read_table(spark, store, CLUSTER_MERGES)
    gold = read_place(spark, store, Place.GOLD).transform(current_clusters, merges)
    stored = read_table(spark, store, EMBEDDINGS)
    chosen = gold.transform(audited_rows, stored, encoder_hash, MOST_ROWS)
    candidates = list(stream_rows(chosen))
    rows = [row for row in candidates if row["label"] in places]
    shown = [(text, place) for place, intent in enumerate(intents) for text in intent.examples]
    vectors = encode([*(text for text, _ in shown), *(name_text(intent) for intent in intents)])
    asked = np.array([row["vector"] for row in rows], dtype=np.float64).reshape(len(rows), vectors.shape[1])
    given = np.array([*(places[row["label"]] for row in rows), *(place for _, place in shown)], dtype=np.int64)
    trusted = np.arange(len(given)) >= len(rows)
    every = np.concatenate([asked, vectors[: len(shown)]])
    found = audit_labels(every, given, trusted, vectors[len(shown) :])
    names = [intent.name for intent in intents]
    order = np.argsort(-found.margins, kind="stable")
    suspects = [place for place in order.tolist() if found.suggested[place] != given[found.audited[place]]]
    columns = {label: column for column, label in enumerate(found.labels.tolist())}
    return LabelAudit(
        audited=len(found.audited),
        not_audited=len(candidates) - len(found.audited),
        suspects=tuple(
            Suspect(
                record_id=row["record_id"],
                text=row["text"],
                label=row["label"],
                suggested=names[found.suggested[place]],
                probability=round(float(found.probabilities[place, columns[places[row["label"]]]]), 6),
                suggested_probability=round(float(found.probabilities[place, columns[found.suggested[place]]]), 6),
                by_human=row["by_human"],
                rows=row["rows"],
            )
            for place in suspects
            for row in (rows[found.audited[place]],)
        ),
    )
