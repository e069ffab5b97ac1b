"""Which texts people should label next: candidates by purpose, each in an order that answers alone can change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.gate_settings import GateSettings
from pipelines.transforms.lots import in_audit, in_calibration, lot
from pipelines.transforms.people import people_said
from pipelines.vocabulary import UNKNOWN_LABEL, Purpose, Reason, Verdict, Voter

MOST_VOTES = 3
"""People who are asked about an audit row that one of them contradicted."""
JUDGED = (
    Verdict.ACCEPTED, Verdict.LOW_CONFIDENCE, Verdict.DISAGREEMENT, Verdict.UNKNOWN_INTENT, Verdict.UNCONFIRMED,
)  # fmt: skip
AUDIT = Reason.AUDIT_SAMPLE.value


@dataclass(frozen=True)
class Candidate:
    """A text that may be asked about, in its place among those of one purpose."""

    purpose: Purpose
    record_id: str
    text_key: str


def with_people(newest: DataFrame, votes: DataFrame) -> DataFrame:
    """Add what people said to the newest decisions on records that models judged: people, said."""
    by_model = F.exists("parts", lambda part: part["label"] != Voter.HUMAN.value)
    judged = newest.where(F.col("verdict").isin([verdict.value for verdict in JUDGED]) & by_model)
    told = judged.join(votes.transform(people_said), on="text_key", how="left")
    return told.withColumn("people", F.coalesce("people", F.lit(0))).select(*newest.columns, "people", "said")


def audit_rows(judged: DataFrame, settings: GateSettings, budget: int) -> DataFrame:
    """Choose accepted records, and those of suspended labels, in the audit's share: text_key, record_id.

    No person has voted on them yet; the lowest lot comes first.

    Args:
        judged: what `with_people` gave.
        settings: the share.
        budget: how many at most.
    """
    # A suspended label's records would be in gold but for that: they show when it can return.
    accepted = (F.col("verdict") == Verdict.ACCEPTED.value) | F.col("reason").eqNullSafe(Reason.LABEL_SUSPENDED.value)
    open_rows = judged.where(accepted & in_audit(settings.audit_share) & (F.col("people") == 0))
    return _first_of_texts(open_rows, lot(AUDIT), budget)


def contradicted_rows(judged: DataFrame, decisions: DataFrame, settings: GateSettings, budget: int) -> DataFrame:
    """Choose texts that one more person should see; lowest lot first.

    These are audit rows that a person contradicted and fewer than three have voted on, texts that people differ about,
    and one of each crowd of look-alikes that nobody has confirmed. What is contradicted is the label that models alone
    had put into gold; it may be there no more.

    Args:
        judged: what `with_people` gave.
        decisions: gold.decisions.
        settings: the audit's share.
        budget: how many at most.
    """
    by_models = ~F.exists("parts", lambda part: part["label"] == Voter.HUMAN.value)
    accepted = decisions.where(
        (F.col("verdict") == Verdict.ACCEPTED.value) & by_models & in_audit(settings.audit_share)
    )
    in_gold = accepted.groupBy("record_id").agg(F.max_by("label", "decision_no").alias("gold_label"))
    contradicted = F.exists("said", lambda label: label != F.col("gold_label")) & (F.col("people") < MOST_VOTES)
    people_differ = F.col("reason") == Reason.PEOPLE_DISAGREE.value
    needs_another = F.coalesce(people_differ, F.lit(False)) | F.coalesce("leads", F.lit(False))
    known = judged.where(F.col("people") > 0).join(in_gold, on="record_id", how="left")
    asked = known.where(F.coalesce(contradicted, F.lit(False)) | needs_another)
    return _first_of_texts(asked, lot(AUDIT), budget)


def calibration_rows(judged: DataFrame, settings: GateSettings, budget: int) -> DataFrame:
    """Choose records in the calibration's share that no person has voted on, by a lot of its own."""
    drawn = in_calibration(settings.calibration_share, settings.audit_share)
    return _first_of_texts(judged.where((F.col("people") == 0) & drawn), lot(Purpose.CALIBRATION.value), budget)


def gainful_rows(judged: DataFrame, votes: DataFrame, clusters: DataFrame, budget: int) -> DataFrame:
    """Choose where one more label tells the models most: the lowest margin, one a cluster, the labels in turn.

    The margin is how much more probable a model finds its first label than its second, in the mean over the models'
    newest votes; nothing where they disagree. Clusters that a person has voted in are left out.

    Args:
        judged: what `with_people` gave.
        votes: silver.labels.
        clusters: record_id, cluster_id of today.
        budget: how many at most.
    """
    margins = votes.transform(model_margins)
    margin = F.when(F.size("labels") > 1, F.lit(0.0)).otherwise(F.coalesce("margin", F.lit(0.0)))
    in_cluster = judged.join(clusters, on="record_id", how="left").join(margins, on="text_key", how="left")
    told = in_cluster.withColumns(
        {"margin": margin, "lot": lot(Purpose.GAIN.value), "cluster": F.coalesce("cluster_id", "record_id")}
    )
    by_cluster = Window.partitionBy("cluster")
    ranked = told.withColumns(
        {
            "answered": F.max("people").over(by_cluster),
            "place": F.row_number().over(by_cluster.orderBy("margin", "lot", "record_id")),
        }
    ).where((F.col("answered") == 0) & (F.col("place") == 1))
    turn = F.row_number().over(Window.partitionBy("label").orderBy("margin", "lot", "record_id"))
    in_turns = ranked.withColumn("turn", turn).orderBy("turn", "margin", "lot", "record_id")
    return in_turns.limit(budget).select("text_key", "record_id")


def model_margins(votes: DataFrame) -> DataFrame:
    """Say how sure the models are of their first label against their second: text_key, margin (0 to 1)."""
    said = F.struct("confidence", "second_confidence")
    newest = F.max_by(said, F.struct("voted_at", "vote_id")).alias("newest")
    by_voter = votes.where(F.col("voter") != Voter.HUMAN.value).groupBy("text_key", "voter").agg(newest)
    first, second = (F.coalesce(f"newest.{name}", F.lit(0.0)) for name in ("confidence", "second_confidence"))
    return by_voter.groupBy("text_key").agg(F.avg(first - second).alias("margin"))


def asked_texts(tickets: DataFrame, newest: DataFrame, votes: DataFrame, record_ids: Sequence[str]) -> DataFrame:
    """Show chosen records as people are to see them: record_id, text (redacted, with its subject), candidates.

    The candidates are all labels that a voter or the verdict names, in the order of their names: the order tells nobody
    which one gold has.
    """
    is_chosen = F.col("record_id").isin([*record_ids])
    subject = F.when(F.col("subject") != "", F.col("subject"))
    told = tickets.where(is_chosen).select("record_id", "text_key", F.concat_ws("\n", subject, "text").alias("text"))
    named = votes.groupBy("text_key").agg(
        F.array_union(F.collect_set("label"), F.collect_set("second_label")).alias("voted")
    )
    decided = newest.where(is_chosen).select("record_id", "label", "labels")
    labels = F.array_union(
        F.coalesce("voted", F.array().cast("array<string>")), F.array_union("labels", F.array("label"))
    )
    candidates = F.array_sort(F.array_remove(F.array_compact(labels), UNKNOWN_LABEL))
    joined = told.join(decided, on="record_id", how="inner").join(named, on="text_key", how="left")
    return joined.select("record_id", "text", candidates.alias("candidates"))


def spend(
    ranked: Mapping[Purpose, Sequence[Candidate]], budget: int, shares: Mapping[Purpose, float]
) -> list[Candidate]:
    """Spend a budget on candidates: each purpose its share, what one leaves over goes on to the next, each text once.

    Args:
        ranked: candidates of each purpose, the best first; the purposes in the order of their importance.
        budget: how many texts.
        shares: of the budget; a purpose without one takes what is left.
    """
    chosen = dict[str, Candidate]()
    allowed = 0.0
    for purpose, candidates in ranked.items():
        allowed += budget * shares.get(purpose, 1.0)
        take(chosen, candidates, min(budget, ceil(allowed - 1e-9)))
    for candidates in ranked.values():
        take(chosen, candidates, budget)
    order = list(ranked)
    return sorted(chosen.values(), key=lambda one: order.index(one.purpose))


def take(chosen: dict[str, Candidate], candidates: Sequence[Candidate], most: int) -> None:
    """Add candidates whose text is not chosen yet, until there are so many."""
    for candidate in candidates:
        if len(chosen) >= most:
            return
        chosen.setdefault(candidate.text_key, candidate)


def _first_of_texts(rows: DataFrame, order: Column, budget: int) -> DataFrame:
    """Keep a text's first record, and the first texts of all."""
    drawn = rows.withColumn("lot", order)
    place = F.row_number().over(Window.partitionBy("text_key").orderBy("lot", "record_id"))
    once = drawn.withColumn("place", place).where(F.col("place") == 1)
    return once.orderBy("lot", "record_id").limit(budget).select("text_key", "record_id")
