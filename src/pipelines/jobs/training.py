"""Training the student: examples in, a fitted classifier and what is known about it out. Nothing is registered here."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyspark.sql import DataFrame, Row, SparkSession

from pipelines.adapters.delta import TableStore, read_place, read_table, table_version
from pipelines.adapters.frames import stream_rows
from pipelines.adapters.student_files import Verified
from pipelines.contracts import CLUSTER_MERGES, DECISIONS, EMBEDDINGS, LABELS, TICKETS_SILVER, TRAINING_EXAMPLES
from pipelines.declaration import Table
from pipelines.gate_settings import GateSettings
from pipelines.intents import Intent, examples_hash, label_set_hash, name_text
from pipelines.kernels.student import LEAST_EXAMPLES, Likely, Student, fit_student
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.training import learning_rows, likely_rows, may_teach, told_rows
from pipelines.vocabulary import UNKNOWN_LABEL, Place

Encode = Callable[[Sequence[str]], np.ndarray]
MOST_EXAMPLES = 200
"""Of each label: with more, a fit takes minutes and is hardly better."""


@dataclass(frozen=True)
class LearningSet:
    """What a student learns from.

    Attributes:
        vectors: shape (examples, dimensions).
        owners: place of each example's label among the intents, and behind them for `unknown`, shape (examples,).
        by_people: whether a person said so, in this workspace, shape (examples,).
        names: vectors of the intents' names and descriptions, and for `unknown` the mean of its examples; shape
            (intents + 1, dimensions).
        sources: how many examples are of intents.yml, of people, of models that the gate followed, and merely likely.
        tables: version of each table that was read.
        likely: texts that are likely of a label and not settled, with the place of that label.
    """

    vectors: np.ndarray
    owners: np.ndarray
    by_people: np.ndarray
    names: np.ndarray
    sources: Counter[str]
    tables: dict[str, int]
    likely: Likely | None = None


@dataclass(frozen=True)
class Trained:
    """A student, or what is missing for one.

    Attributes:
        missing: labels with fewer examples than can be learnt from, with what they have.
    """

    student: Student | None
    labels: tuple[str, ...]
    missing: dict[str, int]

    @property
    def metrics(self) -> dict[str, float]:
        """How good it is on examples that it was not fitted on."""
        return {"held_out_loss": self.student.loss, "held_out_accuracy": self.student.accuracy} if self.student else {}


@dataclass(frozen=True)
class Shares:
    """What is learnt from, and what never.

    Attributes:
        likely_from: mean probability from which a text that nobody settled is likely to be of a label.
        gate: whose audited and calibrating records nothing learns from.
    """

    likely_from: float
    gate: GateSettings


def read_learning_set(
    spark: SparkSession,
    store: TableStore,
    intents: Sequence[Intent],
    encoder_hash: str,
    encode: Encode,
    shares: Shares,
) -> LearningSet:
    """Collect the verified examples of intents.yml, accepted gold, what else people said, and likely texts.

    No text is encoded twice.

    Args:
        spark: the session.
        store: where the tables stand.
        intents: their order is that of `owners`.
        encoder_hash: SHA-256 (hex) of the weights of the encoder that votes now.
        encode: gives texts their vectors by it.
        shares: what is learnt from, and what never.
    """
    places = {intent.name: place for place, intent in enumerate(intents)} | {UNKNOWN_LABEL: len(intents)}
    read = {table: table_version(spark, store, table) for table in (TRAINING_EXAMPLES, EMBEDDINGS, LABELS, DECISIONS)}
    stored = read_table(spark, store, EMBEDDINGS, read[EMBEDDINGS])
    gold, told = read_settled(spark, store, read, shares.gate)
    settled = gold.select(*told.columns).unionByName(told)
    learnt = settled.transform(learning_rows, stored, encoder_hash, MOST_EXAMPLES)
    rows = [row for row in stream_rows(learnt) if row["label"] in places]
    shown = [(text, place) for place, intent in enumerate(intents) for text in intent.examples]
    vectors = encode([*(text for text, _ in shown), *(name_text(intent) for intent in intents)])
    examples = np.concatenate([vectors[: len(shown)], as_vectors(rows, vectors.shape[1])])
    owners = np.array([*(place for _, place in shown), *(places[row["label"]] for row in rows)], dtype=np.int64)
    cast = read_table(spark, store, LABELS, read[LABELS]).transform(may_teach, shares.gate)
    found = cast.transform(likely_rows, gold, stored, shares.likely_from, encoder_hash, MOST_EXAMPLES)
    likely = [row for row in stream_rows(found) if row["label"] in places]
    by_people = np.array([False] * len(shown) + [bool(row["by_human"]) for row in rows])
    sources = Counter("people" if row["by_human"] else "models" for row in rows)
    sources += Counter(intents=len(shown), likely=len(likely))
    tables = {table.full_name: version for table, version in read.items()}
    names = np.vstack([vectors[len(shown) :], mean_of(examples[owners == len(intents)])])
    return LearningSet(examples, owners, by_people, names, sources, tables, as_likely(likely, places, vectors.shape[1]))


def read_settled(
    spark: SparkSession, store: TableStore, read: Mapping[Table, int], gate: GateSettings
) -> tuple[DataFrame, DataFrame]:
    """Read what is settled and may teach, with the clusters of today: gold, and what people said of others."""
    merges = read_table(spark, store, CLUSTER_MERGES)
    tickets = read_table(spark, store, TICKETS_SILVER)
    told = read_table(spark, store, DECISIONS, read[DECISIONS]).transform(told_rows, tickets)
    gold = read_place(spark, store, Place.GOLD, read[TRAINING_EXAMPLES])
    return (
        gold.transform(may_teach, gate).transform(current_clusters, merges),
        told.transform(may_teach, gate).transform(current_clusters, merges),
    )


def mean_of(vectors: np.ndarray) -> np.ndarray:
    """Stand in for the name of what has none: the mean of its examples; zeros without any."""
    return np.asarray(vectors.mean(axis=0)) if len(vectors) else np.zeros(vectors.shape[1])


def as_vectors(rows: Sequence[Row], dimensions: int) -> np.ndarray:
    """Lay the vectors of rows out, shape (rows, dimensions)."""
    return np.array([row["vector"] for row in rows], dtype=np.float64).reshape(len(rows), dimensions)


def as_likely(rows: Sequence[Row], places: dict[str, int], dimensions: int) -> Likely:
    """Lay likely texts out for the fit."""
    return as_vectors(rows, dimensions), np.array([places[row["label"]] for row in rows], dtype=np.int64)


def train(examples: LearningSet, intents: Sequence[Intent]) -> Trained:
    """Fit a student; without enough examples there is none, and `missing` says why."""
    counts = np.bincount(examples.owners, minlength=len(intents))[: len(intents)]
    few = {intent.name: int(count) for intent, count in zip(intents, counts, strict=True) if count < LEAST_EXAMPLES}
    student = fit_student(examples.vectors, examples.owners, examples.names, likely=examples.likely)
    names = [*(intent.name for intent in intents), UNKNOWN_LABEL]
    labels = tuple(names[place] for place in student.labels) if student else ()
    return Trained(student, labels, few)


def told_by_people(examples: LearningSet, intents: Sequence[Intent]) -> Verified:
    """Choose what the memory takes in: what people said, `unknown` too; what models said would only confirm itself."""
    names = [*(intent.name for intent in intents), UNKNOWN_LABEL]
    labels = tuple(names[owner] for owner in examples.owners[examples.by_people])
    return Verified(examples.vectors[examples.by_people].astype(np.float32), labels)


def describe(examples: LearningSet, trained: Trained, intents: list[Intent], encoder: str) -> dict[str, str]:
    """Say what a student was made of, for its run in the registry."""
    versions = {f"version_of_{name}": str(version) for name, version in examples.tables.items()}
    counted = {f"examples_of_{source}": str(count) for source, count in sorted(examples.sources.items())}
    return {
        "encoder": encoder,
        "labels": str(len(trained.labels)),
        "strength": str(trained.student.strength if trained.student else ""),
        "label_set_hash": label_set_hash(intents),
        "examples_hash": examples_hash(intents),
        **counted,
        **versions,
    }
