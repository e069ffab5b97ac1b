# Databricks notebook source
# MAGIC %md
# MAGIC # Gold at a glance
# MAGIC What is in gold, what is not, and why. Change `WORKSPACE` to your own folder.

# COMMAND ----------
from pathlib import Path

from pipelines.adapters.views import register_views
from pipelines.cli.opening import open_spark, table_store
from pipelines.workspace import find_workspace

WORKSPACE = Path("demo")
workspace = find_workspace(WORKSPACE)

# COMMAND ----------
with open_spark(workspace) as spark:
    register_views(spark, table_store(workspace))
    spark.sql(
        "SELECT label, count(*) AS examples, round(avg(confidence), 3) AS confidence "
        "FROM gold_training_examples_current GROUP BY label ORDER BY examples DESC"
    ).show(50, truncate=False)
    spark.sql(
        "SELECT verdict, reason, count(*) AS records FROM quarantine_tickets_current GROUP BY ALL ORDER BY records DESC"
    ).show(truncate=False)
