# Databricks notebook source
# MAGIC %md
# MAGIC # Disagreements
# MAGIC Who says something else than whom, over which labels, on which near-duplicates; and how agreement with people
# MAGIC develops. Set `WORKSPACE` to your own folder, and `RECORD_ID` to a ticket whose story you want to read (its
# MAGIC first eight characters are enough; empty: the first of the most contested cluster).

# COMMAND ----------
from pipelines.adapters.plots import Words, heatmap, lines
from pipelines.cli.explain import show_life
from pipelines.cli.notebooks import open_notebook
from pipelines.jobs.lineage import lineage

WORKSPACE = "demo"
RECORD_ID = ""
lake = open_notebook("02_review_disagreements", WORKSPACE)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Who disagrees with whom
# MAGIC A rater is a version of a model, or a person (by pseudonym). Of each the newest label on each text counts.

# COMMAND ----------
pairs = lake.query(
    "WITH busiest AS (SELECT rater FROM silver_labels_current GROUP BY rater ORDER BY count(*) DESC, rater LIMIT 12) "
    "SELECT rater, other_rater, sum(texts) AS texts, sum(if(label = other_label, 0, texts)) AS differing, "
    "sum(if(label = other_label, 0, texts)) / sum(texts) AS share FROM silver_labels_confusions "
    "WHERE rater IN (TABLE busiest) AND other_rater IN (TABLE busiest) GROUP BY ALL"
)
lake.plot(
    heatmap(
        pairs.pivot(index="rater", columns="other_rater", values="share"),
        Words(
            title="How often two raters label the same text differently",
            x="rater",
            y="rater",
            see="A bright row is a rater who is alone with what it says. White: no text in common. Shown are the "
            "twelve raters of most texts; how many texts a share rests on is in the table.",
            nothing="No text has labels of two raters yet. Type: lakehouse run all, or drop labelled files",
        ),
        unit="share of common texts (0 to 1)",
        form="{:.2f}",
    )
)
lake.table(
    "Pairs of raters with the most differing texts",
    pairs[pairs["rater"] < pairs["other_rater"]].sort_values("differing", ascending=False).head(10),
    nothing="No two raters have a text in common yet.",
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Which labels are mixed up

# COMMAND ----------
mixed = lake.query(
    "SELECT label, other_label, sum(texts) AS texts FROM silver_labels_confusions "
    "WHERE voter <> 'human' AND other_voter = 'human' GROUP BY ALL"
)
lake.plot(
    heatmap(
        mixed.pivot(index="label", columns="other_label", values="texts"),
        Words(
            title="Labels of models where people have labelled too",
            x="label by a person",
            y="label by a model",
            see="What is off the diagonal is mixed up. Two labels that are mixed up both ways may be one intent; one "
            "that swallows others needs sharper examples.",
            nothing="No text has labels of a model and of a person yet. Type: lakehouse annotate sample, then import",
        ),
        unit="pairs of a model and a person on one text",
    )
)

# COMMAND ----------
between = lake.query(
    "SELECT label, other_label, sum(texts) AS texts FROM silver_labels_confusions "
    "WHERE voter = 'memory' AND other_voter IN ('slm', 'student') GROUP BY ALL"
)
lake.plot(
    heatmap(
        between.pivot(index="label", columns="other_label", values="texts"),
        Words(
            title="Labels of the memory beside those of the other models",
            x="label by the language model or the student",
            y="label by the memory",
            see="Off the diagonal the models contradict each other. The language model is asked mostly where the "
            "memory is unsure: this is the hard part of the stream, not a sample of it.",
            nothing="No other model than the memory has voted yet.",
        ),
        unit="pairs of models on one text",
    )
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## The most contested clusters
# MAGIC Near-duplicates say the same thing, so their labels should be one.

# COMMAND ----------
contested = lake.query(
    "SELECT cluster_id, records, votes, differing, round(share, 2) AS share, concat_ws(', ', labels) AS labels, "
    "left(text, 80) AS text FROM gold_contested_clusters "
    "ORDER BY records > 1 DESC, differing DESC, records DESC, cluster_id LIMIT 15"
)
lake.table(
    "Contested clusters: of several tickets first, then single ones",
    contested.assign(cluster_id=contested["cluster_id"].str.slice(stop=8)),
    nothing="On every cluster all votes are for one label.",
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Agreement with people over time
# MAGIC Cohen's kappa is agreement beyond chance: 1 is perfect, 0 is chance.

# COMMAND ----------
kappa = lake.query(
    "SELECT day, rater, cohen_kappa, kappa_low, kappa_high FROM gold_agreement_current "
    "WHERE label IS NULL AND day IS NOT NULL AND compared = 'model_and_people' AND cohen_kappa IS NOT NULL"
)
lake.plot(
    lines(
        kappa.pivot(index="day", columns="rater", values="cohen_kappa"),
        Words(
            title="Agreement of models with people, by day",
            x="day of the model's vote (UTC)",
            y="Cohen's kappa (-1 to 1)",
            see="A line that falls means that the stream has moved away from what the model knows. Bars are 95 % "
            "intervals: a long one rests on few texts.",
            nothing="No day has enough texts that models and people labelled. Type: lakehouse agreement",
        ),
        low=kappa.pivot(index="day", columns="rater", values="kappa_low"),
        high=kappa.pivot(index="day", columns="rater", values="kappa_high"),
        marks={"chance": 0.0},
    )
)
lake.table(
    "Annotators, by Dawid and Skene's model",
    lake.query(
        "SELECT left(annotator_id, 8) AS person, votes, accuracy, compared, majority_agreement, "
        "concat_ws('; ', transform(mistakes, one -> concat(one.said, ' instead of ', one.true_label))) AS mistakes "
        "FROM gold_annotator_quality_current ORDER BY accuracy, person"
    ),
    nothing="No named person has voted yet.",
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## One ticket's whole life
# MAGIC Where it came from, who voted, what was decided and why.

# COMMAND ----------
chosen = [RECORD_ID] if RECORD_ID else contested["cluster_id"].head(1).to_list()
for record_id in chosen:
    show_life(lineage(lake.spark, lake.store, record_id), lake.workspace.settings.gate.min_confidence)
if not chosen:
    lake.say("No cluster is contested. Put a ticket's id into RECORD_ID to read its story.")
