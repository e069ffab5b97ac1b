"""Look-alikes that one person has labelled: a few of them reach gold, a flood of them waits for a second person.

A *crowd* is what people have voted on in one near-duplicate cluster of today, where that is more texts than the gate
lets in on one word. Within it each text whose label no model gives as well needs a label that the people of the cluster
share: two of them at least, and more than half of all, each counted once however many texts they voted on. A vote
without an annotator confirms nothing: whose it is cannot be told. If more texts wait for that than the gate lets in,
none of them is accepted; a second person's word on any of them is one on all.

All this is a function of stored rows, and every change of it touches a text that people voted on, or merges clusters:
then the whole crowd is judged again, so that it does not matter in which batches what came.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from pipelines.gate_rules import GateRules
from pipelines.gate_settings import GateSettings
from pipelines.transforms.clusters import current_clusters
from pipelines.transforms.evidence import standing_votes
from pipelines.transforms.opinions import POOL
from pipelines.transforms.people import LEAST_PEOPLE, newest_of_annotators
from pipelines.transforms.verdicts import as_outcome
from pipelines.vocabulary import Place, Reason, Tier, Verdict, Voter


def in_question(votes: DataFrame, touched: DataFrame) -> DataFrame:
    """Find the texts whose crowds may have changed, those of people's votes and those that made clusters one: text_key.

    Args:
        votes: rows of silver.labels on the touched texts.
        touched: what `commands.touched_texts` gave.
    """
    merging = touched.where("is_merge").select("text_key")
    return votes.transform(_of_people).select("text_key").unionByName(merging)


def find_crowds(tickets: DataFrame, records: DataFrame, votes: DataFrame, merges: DataFrame, most: int) -> DataFrame:
    """Find the crowds in the clusters that some records are part of today.

    Args:
        tickets: silver.tickets.
        records: some of them.
        votes: silver.labels.
        merges: silver.cluster_merges.
        most: texts that reach gold on one word; a crowd has more.

    Returns:
        One row a record of a crowd: record_id, text_key, crowd_id, arrival_no.
    """
    asked = records.select("cluster_id").transform(current_clusters, merges)
    members = tickets.select("record_id", "text_key", "cluster_id", "arrival_no").transform(current_clusters, merges)
    by_people = votes.transform(_of_people).select("text_key")
    told = members.join(asked, on="cluster_id", how="left_semi").join(by_people, on="text_key", how="left_semi")
    sizes = told.groupBy("cluster_id").agg(F.count_distinct("text_key").alias("texts"))
    crowded = told.join(sizes.where(F.col("texts") > most), on="cluster_id", how="left_semi")
    return crowded.select("record_id", "text_key", F.col("cluster_id").alias("crowd_id"), "arrival_no")


def with_crowds(touched: DataFrame, crowds: DataFrame) -> DataFrame:
    """Add the records of crowds to what a micro-batch is about; columns as `commands.touched_texts` gives them."""
    named = crowds.select("text_key", F.col("record_id").alias("named_id"), F.lit(False).alias("is_merge"))
    return touched.unionByName(named)


def hold_back(judged: DataFrame, crowds: DataFrame | None, votes: DataFrame, rules: GateRules) -> DataFrame:
    """Take the records of a crowd back whose label too many look-alikes have on one person's word alone.

    Texts that people or models disagree about are counted as well, and discarded ones: neither who contradicts one of a
    flood nor who discards most of it brings the rest into gold. The first record to arrive that is not discarded leads:
    people are asked about it.

    Args:
        judged: rows with text_key, label, labels, parts, outcome and is_discarded; all records of each crowd.
        crowds: what `find_crowds` gave; None: there are none.
        votes: rows of silver.labels, all on these texts.
        rules: the gate's.

    Returns:
        judged's columns, with the outcome that counts, and leads.
    """
    if crowds is None:
        return judged.withColumn("leads", F.lit(None).cast("boolean"))
    told = judged.transform(_add_voices, crowds, votes, rules.settings)
    # Records outside of crowds must not end up in one partition: each is its own.
    crowd = Window.partitionBy(F.coalesce("crowd_id", "record_id"))
    is_backed = (F.size("labels") == 1) & _gives_as_much(rules.settings.min_confidence)
    waits = F.col("crowd_id").isNotNull() & F.col("is_said") & F.col("is_confirmed").isNull() & ~is_backed
    texts = F.size(F.collect_set(F.when(F.col("waits"), F.col("text_key"))).over(crowd))
    is_out = F.col("waits") & (F.col("outcome.place") == Place.GOLD.value)
    is_out &= texts > rules.settings.look_alikes_on_one_word
    is_open = F.col("is_out") & ~F.col("is_discarded")
    first = F.min(F.when(is_open, F.struct("arrival_no", "record_id"))).over(crowd)["record_id"]
    counted = told.withColumn("waits", F.coalesce(waits, F.lit(False))).withColumn("is_out", is_out)
    unconfirmed = as_outcome(Verdict.UNCONFIRMED, Reason.LOOK_ALIKES_UNCONFIRMED)
    held = {
        "outcome": F.when(F.col("is_out"), unconfirmed).otherwise(F.col("outcome")),
        "leads": F.when(is_open & (F.col("record_id") == F.col("first")), F.lit(True)),
    }
    return counted.withColumn("first", first).withColumns(held).select(*judged.columns, "leads")


def words_of_people(votes: DataFrame, crowds: DataFrame, settings: GateSettings) -> DataFrame:
    """Keep what stands of each annotator's newest votes on a crowd's texts: crowd_id, text_key, label, annotator_id.

    Args:
        votes: rows of silver.labels.
        crowds: what `find_crowds` gave.
        settings: from which confidence on a vote stands.
    """
    newest = votes.transform(_of_people).transform(newest_of_annotators)
    texts = crowds.select("crowd_id", "text_key").distinct()
    said = newest.transform(standing_votes, settings.min_confidence).join(texts, on="text_key", how="inner")
    return said.select("crowd_id", "text_key", "label", "annotator_id")


def confirmed_labels(words: DataFrame) -> DataFrame:
    """Find the labels that two people of a crowd or more, and more than half of all, gave to it: crowd_id, label.

    Args:
        words: what `words_of_people` gave.
    """
    signed, who = words.where(F.col("annotator_id").isNotNull()), F.count_distinct("annotator_id")
    people = signed.groupBy("crowd_id").agg(who.alias("people"))
    voices = signed.groupBy("crowd_id", "label").agg(who.alias("voices")).join(people, on="crowd_id", how="inner")
    is_shared = (F.col("voices") >= LEAST_PEOPLE) & (F.col("voices") * 2 > F.col("people"))
    return voices.where(is_shared).select("crowd_id", "label")


def borrowed_voices(votes: DataFrame) -> DataFrame:
    """Name the models that did not look at a text, but took over what they said of a look-alike: text_key, borrowed.

    Where one did, what all models say together is borrowed as well.

    Args:
        votes: rows of silver.labels.
    """
    answers = votes.where((F.col("voter") != Voter.HUMAN.value) & F.col("label").isNotNull())
    newest = F.max_by("tier", F.struct("voted_at", "vote_id")).alias("tier")
    taken = answers.groupBy("text_key", "voter").agg(newest).where(F.col("tier") == Tier.CLUSTER.value)
    return taken.groupBy("text_key").agg(F.array_append(F.collect_set("voter"), POOL).alias("borrowed"))


def _add_voices(judged: DataFrame, crowds: DataFrame, votes: DataFrame, settings: GateSettings) -> DataFrame:
    """Add crowd_id, arrival_no, is_said (a person's word stands), is_confirmed (the label is shared) and borrowed."""
    ours = votes.join(crowds, on="text_key", how="left_semi")
    words = ours.transform(words_of_people, crowds, settings)
    said = words.select("text_key").distinct().withColumn("is_said", F.lit(True))
    confirmed = words.transform(confirmed_labels).withColumn("is_confirmed", F.lit(True))
    return (
        judged.join(crowds.select("record_id", "crowd_id", "arrival_no"), on="record_id", how="left")
        .join(said, on="text_key", how="left")
        .join(confirmed, on=["crowd_id", "label"], how="left")
        .join(ours.transform(borrowed_voices), on="text_key", how="left")
    )


def _of_people(votes: DataFrame) -> DataFrame:
    return votes.where(F.col("voter") == Voter.HUMAN.value)


def _gives_as_much(least: float) -> Column:
    """Whether a model that looked at the text itself gives the label as much as the gate asks for, over `parts`."""
    taken = F.coalesce("borrowed", F.array().cast("array<string>"))

    def backs(part: Column) -> Column:
        looked = (part["label"] != Voter.HUMAN.value) & ~F.array_contains(taken, part["label"])
        return looked & F.coalesce(part["probability"] >= least, F.lit(False))

    return F.coalesce(F.exists("parts", backs), F.lit(False))
