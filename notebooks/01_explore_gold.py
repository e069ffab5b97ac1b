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
    "SELECT received_day AS day, status, count(*) AS tickets FROM gold_documents "
    "WHERE received_day IS NOT NULL GROUP BY ALL"
)
lake.plot(
    bars(
        placed.pivot(index="day", columns="status", values="tickets"),
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
    "SELECT label, 'gold' AS place, count(*) AS tickets FROM gold_training_examples_current GROUP BY label "
    "UNION ALL SELECT label, 'quarantine (best guess)', count(*) FROM quarantine_tickets_current "
    "WHERE label IS NOT NULL GROUP BY label"
)
lake.plot(
    bars(
        labelled.pivot(index="label", columns="place", values="tickets"),
        Words(
            title="Tickets by label",
            x="tickets",
            y="label",
            see="Labels with a long part in quarantine are the weak ones: more verified examples of them help most. A "
            "label that is rare here is rare in the training data too.",
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
    "SELECT least(floor(confidence_score * 20), 19) / 20 AS from_confidence, status, count(*) AS tickets "
    "FROM gold_quality_metrics WHERE confidence_score IS NOT NULL GROUP BY ALL"
)
lake.plot(
    bars(
        confidence.pivot(index="from_confidence", columns="status", values="tickets").reindex(
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
    "(SELECT explode(thresholds) AS one, target_error FROM gold_certificates_current) WHERE one.audited > 0"
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
            nothing="No audits yet: nothing is known of gold's precision. Type: lakehouse annotate sample, then "
            "certify",
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
        "SELECT one.* FROM (SELECT explode(labels) AS one FROM gold_certificates_current) ORDER BY one.audited DESC"
    ),
    nothing="No label has audits yet. Type: lakehouse certify",
)
