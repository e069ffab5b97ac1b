# Databricks notebook source
# MAGIC %md
# MAGIC # Data quality
# MAGIC Whether every message is accounted for, why tickets are kept out, what was redacted, and whether the mix of
# MAGIC labels moves. Set `WORKSPACE` to your own folder. The ledger reads bronze: on Databricks that takes the role
# MAGIC `platform`.

# COMMAND ----------
import pandas as pd

from pipelines.adapters.plots import Words, bars, heatmap, lines
from pipelines.cli.looking import show_ledger
from pipelines.cli.notebooks import open_notebook
from pipelines.jobs.label_drift import label_drift
from pipelines.jobs.reporting import report
from pipelines.kernels.drift import PSI_ALARM

WORKSPACE = "demo"
lake = open_notebook("03_data_quality", WORKSPACE)
counted = report(lake.spark, lake.store, lake.workspace.settings.labelling)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Ledger
# MAGIC A message is a record, a re-delivery or invalid; a record is in one place. Every difference must be 0.

# COMMAND ----------
books = counted.ledger
show_ledger(books)
of_messages = {"new records": books["records"] - books["records_of_files"]}
went = pd.DataFrame.from_dict(
    {
        "messages": of_messages | {name: books[name] for name in ("redeliveries", "invalid", "waiting")},
        "records": {name: books[name] for name in ("gold", "quarantine", "shed", "discarded", "pending")},
        "label rows": {"votes": books["votes"], "invalid": books["label_invalid"], "waiting": books["label_waiting"]},
    },
    orient="index",
)
lake.plot(
    bars(
        went.loc[:, went.any()],
        Words(
            title=f"What came in, and where it went; what is missing: {books['difference']:,}",
            x="messages, records, rows of labelled files",
            y="what came in",
            see="Each bar adds up to what came in. Waiting and pending is work to do. If something is missing, keep "
            "the workspace as it is: bronze holds every message.",
            nothing="Nothing has come in yet. Type: lakehouse ingest, or lakehouse demo",
        ),
        longest_first=False,
    )
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Why tickets are kept out of gold

# COMMAND ----------
reasons = lake.query("SELECT reason, sum(records) AS records FROM gold.quarantine_by_reason GROUP BY reason")
lake.plot(
    bars(
        reasons.set_index("reason"),
        Words(
            title="Quarantine by reason",
            x="tickets",
            y="reason code",
            see="confidence_below_threshold shrinks with more examples and audits, intent_unknown with new intents, "
            "labels_disagree and people_disagree when people settle them.",
            nothing="Nothing is in quarantine.",
        ),
    )
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## What was redacted
# MAGIC What was found, by type. What was missed cannot be counted here: see the README on limits.

# COMMAND ----------
redacted = lake.query("SELECT type, source, sum(found) AS found FROM gold.pii_by_type GROUP BY ALL")
lake.plot(
    bars(
        redacted.pivot(index="type", columns="source", values="found"),
        Words(
            title="Redacted values by type",
            x="values found",
            y="type of personal value",
            see="A type that nobody expects here, or one that should be here and is not, wants a look at the policy "
            "(conf/redaction.yml).",
            nothing="Nothing personal was found in any ticket.",
        ),
    )
)

# COMMAND ----------
by_day = lake.query(
    "WITH tickets AS (SELECT day, sum(records) AS records FROM gold.records_by_day GROUP BY day) "
    "SELECT day, type, 100 * sum(found) / first(tickets.records) AS each FROM gold.pii_by_type "
    "JOIN tickets USING (day) GROUP BY day, type"
)
lake.plot(
    heatmap(
        by_day.pivot(index="type", columns="day", values="each"),
        Words(
            title="Redacted values for 100 tickets, by type and day",
            x="day received (UTC)",
            y="type of personal value",
            see="A row should keep its shade: one that fades may be a detector that misses a new form. White: none "
            "that day.",
            nothing="Nothing personal was found in any ticket.",
        ),
        unit="values for 100 tickets",
    )
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Does the mix of labels move?
# MAGIC Labels of all decided tickets, accepted or not.

# COMMAND ----------
mix = lake.query(
    "SELECT day, label, sum(records) AS records, sum(records) / sum(sum(records)) OVER (PARTITION BY day) AS share "
    "FROM gold.records_by_day WHERE day IS NOT NULL AND label IS NOT NULL GROUP BY day, label"
)
lake.plot(
    heatmap(
        mix.pivot(index="label", columns="day", values="share"),
        Words(
            title="Share of each label, by day",
            x="day received (UTC)",
            y="label",
            see="A row that brightens is an intent on the rise: a campaign, an outage, or a model that has learnt a "
            "bad habit.",
            nothing="No ticket has a label yet. Type: lakehouse run all",
        ),
        unit="share of the day's labelled tickets (0 to 1)",
        form="{:.2f}",
    )
)

# COMMAND ----------
drift = label_drift(mix)
lake.plot(
    lines(
        drift.set_index("day")[["psi"]].set_axis(["each day"], axis="columns"),
        Words(
            title="Drift of the mix of labels: each day against all days before it",
            x="day received (UTC)",
            y="population stability index (nats)",
            see="Above the dashed line a day differs much. Whether that can be chance is in the table: few tickets "
            "move easily, and only what is both big and no chance counts as drifted.",
            nothing="Drift needs labelled tickets of two days or more.",
        ),
        marks={"much, by convention": PSI_ALARM},
    )
)
lake.table("Drift by day", drift, nothing="Drift needs labelled tickets of two days or more.")
