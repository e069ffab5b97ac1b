# Databricks notebook source
# MAGIC %md
# MAGIC # One ticket's whole life
# MAGIC Where it came from, who voted, what was decided and why. Change `WORKSPACE` and `RECORD_ID` to your own.

# COMMAND ----------
from pathlib import Path

from pipelines.cli.opening import open_spark, table_store
from pipelines.jobs.lineage import lineage
from pipelines.workspace import find_workspace

WORKSPACE = Path("demo")
RECORD_ID = "3f9a01c2"
workspace = find_workspace(WORKSPACE)

# COMMAND ----------
with open_spark(workspace) as spark:
    life = lineage(spark, table_store(workspace), RECORD_ID)
print(life.place, life.ticket, sep="\n")

# COMMAND ----------
print(*life.votes, sep="\n")

# COMMAND ----------
print(*life.decisions, sep="\n")
