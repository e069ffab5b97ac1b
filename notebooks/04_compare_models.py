# Databricks notebook source
# MAGIC %md
# MAGIC # Two versions of a model or prompt
# MAGIC Which texts change their label, which version people agree with more, and what each costs. Set `WORKSPACE` to
# MAGIC your own folder. `BEFORE` and `AFTER` are versions as `gold.agreement` writes them
# MAGIC (`slm=intent-slm@1/intent-prompt@2`); what is empty is chosen: the newest version, and the one
# MAGIC that shares most texts with it. A
# MAGIC new version reads old tickets by `lakehouse quarantine replay --version NAME@NUMBER`.

# COMMAND ----------
from pipelines.adapters.plots import Words, bars, heatmap, lines
from pipelines.cli.notebooks import open_notebook

WORKSPACE = "demo"
BEFORE, AFTER = "", ""
lake = open_notebook("04_compare_models", WORKSPACE)

# COMMAND ----------
versions = lake.query(
    "SELECT *, flips / texts AS share FROM gold.compared_versions ORDER BY began_at DESC, texts DESC, before"
)
lake.table(
    "Versions of one voter that read the same texts",
    versions,
    nothing="No two versions of a voter have read the same texts, so flips cannot be told; agreement and cost can.",
)
before, after = BEFORE, AFTER
fitting = versions[(versions["before"].eq(before) | (not before)) & (versions["after"].eq(after) | (not after))]
if len(fitting):
    before, after = fitting.iloc[0][["before", "after"]]

# COMMAND ----------
# MAGIC %md
# MAGIC ## Flips
# MAGIC Texts that both versions read.

# COMMAND ----------
flips = lake.query(
    "SELECT label, other_label, sum(texts) AS texts FROM gold.voter_agreement "
    "WHERE version = :before AND other_version = :after GROUP BY ALL",
    before=before,
    after=after,
)
lake.plot(
    heatmap(
        flips.pivot(index="label", columns="other_label", values="texts"),
        Words(
            title="Labels of both versions on the same texts",
            x=f"label by {after or 'the later version'}",
            y=f"label by {before or 'the earlier version'}",
            see="What is off the diagonal has flipped. A column that gathers flips from many rows is a label that the "
            "later version likes too much.",
            nothing="No two versions of a voter have read the same texts.",
        ),
        unit="texts",
        square=True,
    )
)
lake.table(
    "Flips, the biggest change of confidence first",
    lake.query(
        "WITH said AS (SELECT text_key, version, max_by(struct(record_id, label, confidence), voted_at) AS newest "
        "FROM silver.votes WHERE label IS NOT NULL AND version IN (:before, :after) GROUP BY text_key, version) "
        "SELECT earlier.newest.label AS before, later.newest.label AS after, "
        "earlier.newest.confidence AS confidence_before, later.newest.confidence AS confidence_after, "
        "left(tickets.text, 80) AS text FROM said AS earlier JOIN said AS later USING (text_key) "
        "JOIN silver.tickets AS tickets ON tickets.record_id = later.newest.record_id "
        "WHERE earlier.version = :before AND later.version = :after AND earlier.newest.label <> later.newest.label "
        "ORDER BY abs(confidence_after - confidence_before) DESC, tickets.record_id LIMIT 15",
        before=before,
        after=after,
    ),
    nothing="No text has flipped.",
)

# COMMAND ----------
sure = lake.query(
    "SELECT least(floor(confidence * 10), 9) / 10 AS from_confidence, version, "
    "count(*) / sum(count(*)) OVER (PARTITION BY version) AS share "
    "FROM silver.votes WHERE version IN (:before, :after) AND confidence IS NOT NULL "
    "GROUP BY version, least(floor(confidence * 10), 9) / 10",
    before=before,
    after=after,
)
lake.plot(
    lines(
        sure.pivot(index="from_confidence", columns="version", values="share")
        .reindex([step / 10 for step in range(10)])
        .fillna(0),
        Words(
            title="How sure both versions are",
            x="confidence, from this value on (steps of 0.1)",
            y="share of the version's votes (0 to 1)",
            see="A version whose line lies further to the right passes the gate more often; whether rightly, only "
            "people can tell (below).",
            nothing="No two versions of a voter have read the same texts.",
        ),
    )
)

# COMMAND ----------
# MAGIC %md
# MAGIC ## Beside people
# MAGIC All versions, on texts where people have a majority.

# COMMAND ----------
people = lake.query(
    "SELECT rater, items, observed_agreement, cohen_kappa, kappa_low, kappa_high FROM gold.current_agreement "
    "WHERE compared = 'model_and_people' AND label IS NULL AND day IS NULL AND items > 0 ORDER BY rater"
)
by_version = people.set_index("rater")
lake.plot(
    lines(
        by_version[["cohen_kappa"]].set_axis(["Cohen's kappa"], axis="columns"),
        Words(
            title="Agreement of each version with people",
            x="version",
            y="Cohen's kappa, -1 to 1",
            see="Bars are 95 % intervals: where two overlap much, people's labels do not tell the versions apart yet. "
            "The language model is asked about hard texts, so hold it against its own versions only.",
            nothing="No version has texts that people labelled too. Type: "
            "lakehouse annotate sample --budget N --out FILE, then import it",
        ),
        low=by_version[["kappa_low"]].set_axis(["Cohen's kappa"], axis="columns"),
        high=by_version[["kappa_high"]].set_axis(["Cohen's kappa"], axis="columns"),
        marks={"chance": 0.0},
        joined=False,
    )
)
lake.table("Versions beside people", people, nothing="No version has texts that people labelled too.")

# COMMAND ----------
# MAGIC %md
# MAGIC ## Cost
# MAGIC Of texts that a version read itself: what is taken over from a copy or a look-alike costs nothing.

# COMMAND ----------
cost = lake.query(
    "SELECT version, sum(texts) AS texts, sum(seconds) AS seconds, "
    "1000 * sum(seconds) / sum(texts) AS milliseconds_each, "
    "sum(tokens_in) / sum(texts) AS tokens_in_each, sum(tokens_out) / sum(texts) AS tokens_out_each "
    "FROM gold.cost_per_label WHERE tier = 'model' GROUP BY version ORDER BY version"
)
lake.plot(
    bars(
        cost.set_index("version")[["milliseconds_each"]],
        Words(
            title="What a label costs, by version",
            x="milliseconds of a worker for one text",
            y="version",
            see="The memory costs a fraction of what a language model does, which is why that is asked only where it "
            "can change the verdict.",
            nothing="No model has voted yet. Type: lakehouse run labels",
        ),
    )
)
lake.table("Cost by version", cost, nothing="No model has voted yet. Type: lakehouse run labels")
