# Databricks notebook source
# MAGIC %md
# MAGIC # Gold at a glance
# MAGIC How many tickets reach gold, how sure their labels are, and what is promised of them. Set `WORKSPACE` to your
# MAGIC own folder (on Databricks that of the volume `workspace`).

# COMMAND ----------
from pipelines.adapters.plots import Words, bars, lines
from pipelines.cli.notebooks import open_notebook
from pipelines.jobs.promises import in_force

WORKSPACE = "demo"
lake = open_notebook("01_explore_gold", WORKSPACE)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Volumes
# MAGIC Every ticket is in one place: gold, quarantine (with a reason), shed (a copy over the day's limit), discarded,
# MAGIC or pending (not decided yet).

# COMMAND ----------
placed = lake.query(
    "SELECT day, place, sum(records) AS tickets FROM gold.records_by_day WHERE day IS NOT NULL GROUP BY ALL"
)
lake.plot(
    bars(
        placed.pivot(index="day", columns="place", values="tickets"),
        Words(
            title="Tickets by day and place",
            x="day received (UTC)",
            y="tickets",
            see="Gold should have about the same share of every bar; a day on which it has not wants a look at "
            "03_data_quality.",
            nothing="No tickets yet. Type: lakehouse run all",
        ),
        upright=True,
    )
)

# COMMAND ----------
labelled = lake.query(
    "SELECT label, if(place = 'gold', place, 'kept out (best guess)') AS place, sum(records) AS tickets "
    "FROM gold.records_by_day WHERE label IS NOT NULL GROUP BY ALL"
)
lake.plot(
    bars(
        labelled.pivot(index="label", columns="place", values="tickets"),
        Words(
            title="Tickets by label",
            x="tickets",
            y="label",
            see="Labels of which a long part is kept out are the weak ones: more verified examples of them help most. "
            "A label that is rare here is rare in the training data too.",
            nothing="No ticket has a label yet. Type: lakehouse run all",
        ),
    )
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Confidence
# MAGIC Before `lakehouse calibrate` has run it is what the voters say of themselves; from then on the probability of
# MAGIC being right.

# COMMAND ----------
confidence = lake.query(
    "SELECT least(floor(confidence * 20), 19) / 20 AS from_confidence, place, count(*) AS tickets "
    "FROM gold.current_decisions WHERE confidence IS NOT NULL GROUP BY ALL"
)
lake.plot(
    bars(
        confidence.pivot(index="from_confidence", columns="place", values="tickets").reindex(
            [step / 20 for step in range(20)]
        ),
        Words(
            title="Confidence of decided tickets",
            x="confidence, from this value on (steps of 0.05)",
            y="tickets",
            see=f"The gate lets in what reaches {lake.workspace.settings.gate.min_confidence:g}, or the certified "
            "threshold where that is higher. What is in quarantine above it is there for another reason: a "
            "disagreement, or an unknown intent.",
            nothing="No decision has a confidence yet. Type: lakehouse run all",
        ),
        upright=True,
    )
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## What is promised of gold
# MAGIC A certificate says how many of gold's labels are wrong at most, from what people found in audits.

# COMMAND ----------
lake.say(in_force(lake.spark, lake.store))
audits = lake.query(
    "SELECT one.*, 1 - one.error_bound AS at_least, target_error FROM "
    "(SELECT explode(thresholds) AS one, target_error FROM gold.certificate_in_force) WHERE one.audited > 0"
).sort_values("threshold")
lake.plot(
    lines(
        audits.set_index("threshold")[["precision", "at_least", "coverage"]].rename(
            columns={"precision": "right, of those audited", "at_least": "right at least (bound)"}
        ),
        Words(
            title="Precision by threshold, as audits found it",
            x="threshold (least confidence, 0 to 1)",
            y="share (0 to 1)",
            see="Gold is certified where the bound reaches the promised line. Coverage is what a stricter threshold "
            "costs: the share of all judged tickets that still reaches it.",
            nothing="No audits yet: nothing is known of gold's precision. Type: "
            "lakehouse annotate sample --budget N --out FILE, then import it and certify",
        ),
        marks={"promised": 1 - audits["target_error"].max()},
    )
)
lake.table(
    "Precision by threshold",
    audits[["threshold", "records", "audited", "errors", "precision", "error_bound", "coverage"]],
    nothing="The table by threshold comes with the first certificate. Type: lakehouse certify",
)

# COMMAND ----------
lake.table(
    "Labels under audit",
    lake.query(
        "SELECT one.* FROM (SELECT explode(labels) AS one FROM gold.certificate_in_force) ORDER BY one.audited DESC"
    ),
    nothing="No label has audits yet. Type: lakehouse certify",
)
