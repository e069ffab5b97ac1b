# Databricks notebook source
# MAGIC %md
# MAGIC # An export, looked at
# MAGIC Its classes, its splits, and how far the usual first classifier gets. Set `WORKSPACE` to your own folder and
# MAGIC `EXPORT` to the export's: a folder inside it, or a URI.

# COMMAND ----------
from pipelines.adapters.baselines import fit_baseline
from pipelines.adapters.plots import Words, bars, heatmap
from pipelines.cli.notebooks import open_notebook
from pipelines.jobs.exported import read_export
from pipelines.vocabulary import Split

WORKSPACE = "demo"
EXPORT = "export"
lake = open_notebook("05_dataset_card", WORKSPACE)
exported = read_export(lake.workspace.uri(EXPORT), lake.spark)
lake.say(exported.sentence)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Classes and splits
# MAGIC No near-duplicate cluster and no normalised text is in two splits.

# COMMAND ----------
rows = exported.rows
lake.plot(
    bars(
        rows.pivot_table(index="label", columns="split", values="record_id", aggfunc="count").reindex(
            columns=list(Split)
        ),
        Words(
            title="Rows by class and split",
            x="rows",
            y="class",
            see="The longest bar beside the shortest shows how far the classes are out of balance. A class without a "
            "test part cannot be measured.",
            nothing=exported.sentence,
        ),
    )
)
lake.table(
    "Splits",
    rows.groupby("split", as_index=False).agg(rows=("record_id", "size"), classes=("label", "nunique")),
    nothing=exported.sentence,
)

# COMMAND ----------
confidence = rows.assign(from_confidence=(rows["confidence"] * 20).clip(upper=19) // 1 / 20)
lake.plot(
    bars(
        confidence.pivot_table(index="from_confidence", columns="split", values="record_id", aggfunc="count").reindex(
            index=[step / 20 for step in range(20)], columns=list(Split)
        ),
        Words(
            title="Confidence of exported labels",
            x="confidence, from this value on (steps of 0.05)",
            y="rows",
            see="All bars stand above the gate. The splits should look alike: a test split of sure rows only would "
            "flatter every model.",
            nothing=exported.sentence,
        ),
        upright=True,
    )
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## A baseline
# MAGIC TF-IDF with logistic regression, trained on `train` and tested on `test`: what any model has to be better
# MAGIC than. What the gate kept out is not here, and it is the harder part: in the stream every model does worse.

# COMMAND ----------
baseline = fit_baseline(rows)
lake.say(baseline.sentence)
lake.plot(
    heatmap(
        baseline.confusion.replace(0, float("nan")),
        Words(
            title="The baseline on the test split",
            x="label by the baseline",
            y="label in the data",
            see="Off the diagonal the baseline is wrong, or the data are: lakehouse audit-labels lists rows worth a "
            "look.",
            nothing=baseline.sentence,
        ),
        unit="test rows",
    )
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## The card itself

# COMMAND ----------
lake.say(exported.card or exported.sentence)
