"""Which texts people should label next: candidates by purpose, each in an order that answers alone can change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.gate_settings import GateSettings
from pipelines.kernels.audits import MOST_VOTES
from pipelines.transforms.lots import in_audit, in_calibration, lot
from pipelines.transforms.people import people_said
from pipelines.vocabulary import UNKNOWN_LABEL, Purpose, Reason, Verdict, Voter

JUDGED = (
    Verdict.ACCEPTED, Verdict.LOW_CONFIDENCE, Verdict.DISAGREEMENT, Verdict.UNKNOWN_INTENT, Verdict.UNCONFIRMED,
)  # fmt: skip
AUDIT = Reason.AUDIT_SAMPLE.value
LEAST_WORTH = 0.01
"""What a label tells at least; of a text that the models are torn about, .25."""
SURE = 0.7
"""From it on a person who contradicts models is more likely to have slipped than below; see `contradicted_rows`."""


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
    """Choose records in the audit's share that are in gold, or would be but for a certificate: text_key, record_id.

    No person has voted on them yet; the lowest lot comes first.

    Args:
        judged: what `with_people` gave.
        settings: the share.
        budget: how many at most.
    """
    audited = _stands_for_gold(settings) & in_audit(settings.audit_share)
    open_rows = judged.where(audited & (F.col("people") == 0))
    return _first_of_texts(open_rows, lot(AUDIT), budget)


def contradicted_rows(judged: DataFrame, decisions: DataFrame, settings: GateSettings, budget: int) -> DataFrame:
    """Choose texts that one more person should see; lowest lot first.

    These are audit rows that a person contradicted, fewer than `MOST_VOTES` have voted on and no two agree about, the
    like of calibration rows that models were fairly sure about, texts that people differ about, and one of each crowd
    of look-alikes that nobody has confirmed. What is contradicted is the label that models alone had given; in the
    audit, had put into gold. It may be there no more. One person's slips would else be errors of gold, or of a
    calibration that thinks the surest labels wrong as often as people slip.

    Args:
        judged: what `with_people` gave.
        decisions: gold.decisions.
        settings: the shares of audit and calibration.
        budget: how many at most.
    """
    by_models = ~F.exists("parts", lambda part: part["label"] == Voter.HUMAN.value)
    audited = _stands_for_gold(settings) & in_audit(settings.audit_share)
    calibrates = in_calibration(settings.calibration_share, settings.audit_share)
    sure = calibrates & (F.col("confidence") >= SURE) & (F.col("label") != UNKNOWN_LABEL)
    by_record = decisions.where(by_models & (audited | sure)).groupBy("record_id")
    given = by_record.agg(F.max_by("label", "decision_no").alias("given_label"))
    is_open = (F.col("people") < MOST_VOTES) & (F.size("said") == F.col("people"))
    contradicted = F.exists("said", lambda label: label != F.col("given_label")) & is_open
    people_differ = F.col("reason") == Reason.PEOPLE_DISAGREE.value
    needs_another = F.coalesce(people_differ, F.lit(False)) | F.coalesce("leads", F.lit(False))
    known = judged.where(F.col("people") > 0).join(given, on="record_id", how="left")
    asked = known.where(F.coalesce(contradicted, F.lit(False)) | needs_another)
    return _first_of_texts(asked, lot(AUDIT), budget)


def calibration_rows(judged: DataFrame, settings: GateSettings, budget: int) -> DataFrame:
    """Choose records in the calibration's share that no person has voted on, by a lot of its own.

    What models call `unknown` is left out: confidence in known labels is what is calibrated.
    """
    drawn = in_calibration(settings.calibration_share, settings.audit_share)
    open_rows = judged.where((F.col("people") == 0) & drawn & (F.col("label") != UNKNOWN_LABEL))
    return _first_of_texts(open_rows, lot(Purpose.CALIBRATION.value), budget)


def gainful_rows(judged: DataFrame, clusters: DataFrame, budget: int) -> DataFrame:
    """Choose where one more label is likely to tell the models most, by chance, one a cluster.

    What a label tells is taken to be the variance of its outcome, p (1 - p) where the models find their label right
    with probability p, and `LEAST_WORTH` more. Texts are drawn in proportion to it, without putting back (Efraimidis
    and Spirakis, 2006), by lot. The least certain ones alone would be of few kinds: on 77 intents, 27 of them unknown,
    they teach what is unknown so much worse that a third less can be told from errors. Clusters that a person has voted
    in are left out.

    Args:
        judged: what `with_people` gave.
        clusters: record_id, cluster_id of today.
        budget: how many at most.
    """
    sure = F.coalesce("confidence", F.lit(0.0))
    chance = (lot(Purpose.GAIN.value) + 1.0) / 2.0**32
    told = judged.join(clusters, on="record_id", how="left").withColumns(
        {
            "order": -F.log(chance) / (sure * (1.0 - sure) + LEAST_WORTH),
            "cluster": F.coalesce("cluster_id", "record_id"),
        }
    )
    by_cluster = Window.partitionBy("cluster")
    ranked = told.withColumns(
        {
            "answered": F.max("people").over(by_cluster),
            "place": F.row_number().over(by_cluster.orderBy("order", "record_id")),
        }
    ).where((F.col("answered") == 0) & (F.col("place") == 1))
    return ranked.orderBy("order", "record_id").limit(budget).select("text_key", "record_id")


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


def _stands_for_gold(settings: GateSettings) -> Column:
    """Tell the records that the user's own gate accepts, whether or not a certificate asks for more.

    Were those above the certified threshold audited alone, their few errors would soon make lower thresholds look as
    good. Those of a suspended label show when it can return.
    """
    reaches = (F.col("confidence") >= settings.min_confidence) & (F.col("label") != UNKNOWN_LABEL)
    held_back = (F.col("verdict") == Verdict.LOW_CONFIDENCE.value) & F.coalesce(reaches, F.lit(False))
    suspended = F.col("reason").eqNullSafe(Reason.LABEL_SUSPENDED.value)
    return (F.col("verdict") == Verdict.ACCEPTED.value) | held_back | suspended


def _first_of_texts(rows: DataFrame, order: Column, budget: int) -> DataFrame:
    """Keep a text's first record, and the first texts of all."""
    drawn = rows.withColumn("lot", order)
    place = F.row_number().over(Window.partitionBy("text_key").orderBy("lot", "record_id"))
    once = drawn.withColumn("place", place).where(F.col("place") == 1)
    return once.orderBy("lot", "record_id").limit(budget).select("text_key", "record_id")
