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
# MAGIC Versions of models, and what more than half of the people say; then people with each other, by pseudonym.

# COMMAND ----------
voters = lake.query(
    "SELECT version, other_version, sum(texts) AS texts, sum(if(agrees, 0, texts)) AS differing, "
    "sum(if(agrees, 0, texts)) / sum(texts) AS share FROM gold.voter_agreement GROUP BY ALL"
)
lake.plot(
    heatmap(
        voters.pivot(index="version", columns="other_version", values="share"),
        Words(
            title="How often two voters label the same text differently",
            x="voter, with its version (human: the majority of people)",
            y="voter, with its version",
            see="A bright row is a voter who is alone with what it says. White: no text in common. How many texts a "
            "share rests on is in the table.",
            nothing="No text has labels of two voters yet. Type: lakehouse run all, or drop labelled files",
        ),
        unit="share of common texts (0 to 1)",
        form="{:.2f}",
        square=True,
    )
)
lake.table(
    "Pairs of voters with the most differing texts",
    voters[voters["version"] < voters["other_version"]].sort_values("differing", ascending=False).head(10),
    nothing="No two voters have a text in common yet.",
)

# COMMAND ----------
people = lake.query(
    "WITH busiest AS (SELECT annotator_id FROM gold.annotator_pairs "
    "GROUP BY annotator_id ORDER BY sum(texts) DESC, annotator_id LIMIT 12) "
    "SELECT annotator_id, other_annotator_id, differing / texts AS share FROM gold.annotator_pairs "
    "WHERE annotator_id IN (TABLE busiest) AND other_annotator_id IN (TABLE busiest)"
)
lake.plot(
    heatmap(
        people.pivot(index="annotator_id", columns="other_annotator_id", values="share"),
        Words(
            title="How often two people label the same text differently",
            x="annotator (pseudonym)",
            y="annotator (pseudonym)",
            see="One bright row and column is a person who reads the labels otherwise; brightness everywhere means "
            "that the labels themselves are not clear. Shown are the twelve who share most texts.",
            nothing="No two named people have labelled the same text yet.",
        ),
        unit="share of common texts (0 to 1)",
        form="{:.2f}",
        square=True,
    )
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Which labels are mixed up

# COMMAND ----------
mixed = lake.query(
    "SELECT label, other_label, sum(texts) AS texts FROM gold.voter_agreement "
    "WHERE voter <> 'human' AND other_voter = 'human' GROUP BY ALL"
)
lake.plot(
    heatmap(
        mixed.pivot(index="label", columns="other_label", values="texts"),
        Words(
            title="Labels of models where people have labelled too",
            x="label by the majority of people",
            y="label by a model",
            see="What is off the diagonal is mixed up. Two labels that are mixed up both ways may be one intent; one "
            "that swallows others needs sharper examples.",
            nothing="No text has a label of a model and of people yet. Type: "
            "lakehouse annotate sample --budget N --out FILE, then import it",
        ),
        unit="texts, once for each version",
        square=True,
    )
)

# COMMAND ----------
between = lake.query(
    "SELECT label, other_label, sum(texts) AS texts FROM gold.voter_agreement "
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
        unit="texts, once for each version",
        square=True,
    )
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## The most contested clusters
# MAGIC Near-duplicates say the same thing, so their labels should be one.

# COMMAND ----------
contested = lake.query(
    "SELECT cluster_id, records, votes, differing, round(share, 2) AS share, concat_ws(', ', labels) AS labels, "
    "left(example, 80) AS example FROM gold.contested_clusters "
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
    "SELECT day, rater, cohen_kappa, kappa_low, kappa_high FROM gold.current_agreement "
    "WHERE label IS NULL AND day IS NOT NULL AND compared = 'model_and_people' AND cohen_kappa IS NOT NULL"
)
lake.plot(
    lines(
        kappa.pivot(index="day", columns="rater", values="cohen_kappa"),
        Words(
            title="Agreement of models with people, by day",
            x="day of the model's vote (UTC)",
            y="Cohen's kappa, -1 to 1",
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
        "FROM gold.annotator_quality WHERE measured_at = (SELECT max(measured_at) FROM gold.annotator_quality) "
        "ORDER BY accuracy, person"
    ),
    nothing="No named person has voted yet.",
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## One ticket's whole life
# MAGIC Where it came from, who voted, what was decided and why. It reads bronze: on Databricks that takes the role
# MAGIC `platform`.

# COMMAND ----------
chosen = [RECORD_ID] if RECORD_ID else contested["cluster_id"].head(1).to_list()
for record_id in chosen:
    show_life(lineage(lake.spark, lake.store, record_id), lake.workspace.settings.gate.min_confidence)
if not chosen:
    lake.say("No cluster is contested. Put a ticket's id into RECORD_ID to read its story.")
