"""`status` and `clusters`: what stands in the tables."""

from dataclasses import asdict
from operator import itemgetter
from typing import Annotated

import typer

from pipelines.cli.opening import open_broker, open_spark, open_tables
from pipelines.cli.options import JsonOption, WorkspaceOption
from pipelines.cli.screens import counting, out, say, show_json, show_table
from pipelines.errors import ServiceUnavailableError
from pipelines.jobs.promises import in_force
from pipelines.jobs.reporting import Counts, Report, biggest_clusters, report
from pipelines.workspace import Workspace, find_workspace

MAX_ROWS = 1_000
SPARED = {
    "cache": "asked before",
    "cluster": "a look-alike was",
    "sure": "others are sure",
    "beside": "no verdict hangs on it",
}


def status(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Show rows per table and place, the ledger, how far bronze is behind Kafka, and what is promised of gold."""
    found = find_workspace(workspace)
    with counting("reading the tables"), open_spark(found) as spark:
        store = open_tables(found, spark)
        counted, promised = report(spark, store, found.settings.labelling), in_force(spark, store)
        lag = count_lag(found, counted)
    if as_json:
        show_json({**counted.as_dict(), "lag": lag, "certificate": promised})
    else:
        show_report(counted)
        show_lag(lag)
        out.print(promised, soft_wrap=True)
    counted.check(drained=False)


def count_lag(workspace: Workspace, counted: Report) -> int | None:
    """Messages in the topic that bronze does not have; None when Kafka does not answer."""
    from pipelines.adapters.kafka_topics import end_offsets

    try:
        with open_broker(workspace) as servers:
            ends = end_offsets(workspace.settings.kafka, servers, workspace.root)
    except ServiceUnavailableError:
        return None
    return sum(ends.values()) - counted.tables["bronze.tickets"]


def show_lag(lag: int | None) -> None:
    """Say how far bronze is behind."""
    if lag is None:
        out.print("Kafka does not answer: how far bronze is behind is not known. lakehouse doctor says more.")
    else:
        out.print(f"Bronze is {lag:,} messages behind the topic." if lag else "Bronze has every message of the topic.")


def show_report(counted: Report) -> None:
    """Print a report for a person."""
    show_table("Rows per table", ("table", "rows"), list(counted.tables.items()))
    show_counts("Quarantine by reason", "reason", counted.quarantine)
    show_counts("Votes by voter", "voter", counted.votes)
    show_questions(counted.questions)
    show_counts("Redacted by type", "type", counted.redactions)
    show_counts("Near-duplicates", "counted", counted.clusters)
    show_ledger(counted.ledger)


def show_counts(title: str, name: str, counts: Counts) -> None:
    """Print a table of counts, unless there is nothing to count."""
    if counts:
        show_table(title, (name, "count"), sorted(counts.items(), key=itemgetter(1), reverse=True))


def show_questions(asked: Counts) -> None:
    """Print what the cascade spared the language model, and how often a sample of that got another answer."""
    if not asked["model"]:
        return
    each = asked["seconds"] / asked["model"]
    sampled = {"cluster": ("cluster_sampled", "cluster_differing"), "sure": ("sampled", "differing")}
    rows = [
        (told, asked[name], f"{asked[name] * each / 60:,.1f}", *(asked[of] for of in sampled.get(name, ())))
        for name, told in SPARED.items()
    ]
    caption = f"The model itself answered {asked['model']:,} times, in {asked['seconds'] / 60:,.1f} minutes."
    headers = ("not asked, because", "texts", "minutes spared", "asked all the same", "answered otherwise")
    show_table("What the cascade spared", headers, [(*row, None, None)[:5] for row in rows], caption)


def show_ledger(books: Counts) -> None:
    """Print the three equations of the ledger with their differences."""
    equations = [
        ("messages", ("records of messages", "redeliveries", "invalid", "waiting"), "message_difference"),
        ("label_rows", ("votes", "label_invalid", "label_withheld", "label_waiting"), "label_difference"),
        ("records", ("gold", "quarantine", "shed", "discarded", "pending"), "record_difference"),
    ]
    numbers = {**books, "records of messages": books["records"] - books["records_of_files"]}
    rows = [
        (
            f"{numbers[total]:,} {total.replace('_', ' ')}",
            " + ".join(f"{numbers[part]:,} {part.removeprefix('label_').replace('_', ' ')}" for part in parts),
            numbers[difference],
        )
        for total, parts, difference in equations
    ]
    caption = f"records in two places: {books['in_two_places']}; decided but in no place: {books['unplaced']}"
    show_table("Ledger", ("came in", "went where", "difference"), rows, caption)
    if books["files_waiting"]:
        out.print(f"{books['files_waiting']:,} labelled files were seen and not read yet. Type: lakehouse run all")


def clusters(
    workspace: WorkspaceOption = None,
    top: Annotated[int, typer.Option("--top", min=1, max=MAX_ROWS, help="How many clusters.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Show the biggest clusters of near-duplicate tickets, named by the key phrases that set them apart."""
    found = find_workspace(workspace)
    with counting("naming clusters"), open_spark(found) as spark:
        named = biggest_clusters(spark, open_tables(found, spark), top)
    if as_json:
        show_json([asdict(cluster) for cluster in named])
        return
    rows = [(cluster.records, ", ".join(cluster.phrases) or None, cluster.cluster_id) for cluster in named]
    show_table("Biggest clusters", ("records", "about", "cluster_id"), rows)
    if named and not any(cluster.phrases for cluster in named):
        say("Names come from silver.text_features. Type: lakehouse run features")
