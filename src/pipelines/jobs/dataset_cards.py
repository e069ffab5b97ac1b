"""The dataset card: what a folder of exported files is, for whoever trains on it; written from its manifest alone."""

from collections.abc import Iterable, Iterator, Mapping

from pipelines.jobs.manifests import DATASET, DISAGREEMENTS, Certificate, Manifest
from pipelines.vocabulary import Split

SPLIT_WAYS = {
    "hash": "each cluster by a hash of its id, so that it is in the same split in every export; when clusters become "
    "one, the rows of the younger one move to the split of the older one",
    "stratified": "the clusters of each label in the order of a hash, cut by exact shares; when gold changes, clusters "
    "near a cut move",
    "time": "the newest clusters are the test split, a cluster being as old as its oldest row, and the others are "
    "shared out by a hash of their id; later exports have another test split",
}
LIMITS = (
    "Redaction misses some personal values: treat the texts as confidential. What was replaced is counted above; what "
    "was missed is not.",
    "Labels are votes of models and people that passed the gate. Some are wrong; see Certificate.",
    "Near-duplicates are found by words. Two texts that say the same in other words can stand in different splits.",
    "Copies of a text over a daily limit are left out: frequencies are not those of the stream.",
    "What the gate kept out (see Sources) is missing here, and it is the harder part: a model looks better on this "
    "test split than it will in the stream.",
)


def write_card(manifest: Manifest) -> Iterator[str]:
    """Write the card, line by line; equal manifests give equal cards.

    Args:
        manifest: complete but for the facts of the card itself.
    """
    rows = manifest["files"][DATASET]["rows"]
    made_of = "governed tables" if manifest["tables"] else "labelled files"
    yield "# Support tickets with their intents"
    yield ""
    yield f"{rows:,} redacted texts with one label each, made of {made_of} on {manifest['created_at']}."
    if manifest.get("as_of"):
        yield f"It tells the tables as they stood at {manifest['as_of']}."
    yield ""
    yield f"`{DATASET}` has one JSON object a line, described by the schema beside it. `{DISAGREEMENTS}` lists"
    yield "the texts that several labels stand for. `manifest.json` has the size and SHA-256 of every file, which"
    yield "`lakehouse verify` checks."
    if manifest["tables"]:
        yield "`lakehouse rebuild` makes the same files again from the table versions below."
    yield from classes_and_splits(manifest)
    yield from origins(manifest)
    yield from redaction(manifest)
    yield from labels(manifest)
    yield from certified(manifest.get("certificate"))
    yield from section("Known limits")
    yield from (f"- {limit}" for limit in LIMITS)


def classes_and_splits(manifest: Manifest) -> Iterator[str]:
    """Say how many rows of each class are in each split, and how they came there."""
    classes, facts = manifest["contents"]["classes"], manifest["split"]
    yield from section("Classes and splits")
    yield "No near-duplicate cluster and no normalised text is in two splits."
    yield f"Shared out: {SPLIT_WAYS[facts['split']]}."
    asked = dict(facts)
    shares = ", ".join(f"{split} {asked[f'{split}_share']}" for split in Split)
    yield f"Shares of clusters asked for: {shares}."
    yield ""
    names = sorted({name for counts in classes.values() for name in counts})
    counted = [(name, *(classes.get(split, {}).get(name, 0) for split in Split)) for name in names]
    totals = ("all", *(sum(classes.get(split, {}).values()) for split in Split))
    yield from table(("class", *Split), [*counted, totals])
    absent = [row[0] for row in counted if 0 in row[1:]]
    if absent:
        yield ""
        yield f"Classes that some split lacks: {len(absent)} of {len(names)}."


def origins(manifest: Manifest) -> Iterator[str]:
    """Say where the rows come from, when they were written, and what was kept out."""
    contents = manifest["contents"]
    yield from section("Sources")
    yield from count_table("source", contents["sources"])
    yield ""
    yield from count_table("month of writing", contents["months"])
    if manifest["tables"]:
        yield ""
        yield from table(("table", "version"), sorted(manifest["tables"].items()))
    kept_back = {**manifest["not_clean"], **manifest["not_votes"]}
    if kept_back:
        yield ""
        yield from count_table("kept out, because", kept_back)


def redaction(manifest: Manifest) -> Iterator[str]:
    """Say what was redacted, by which policy."""
    policy, contents = manifest["policy"], manifest["contents"]
    yield from section("Redaction")
    yield f"Policy in force: `{policy['redaction_policy']}`. It replaces:"
    yield ", ".join(f"{name} ({operator})" for name, operator in sorted(policy["redaction"].items())) + "."
    yield ""
    yield from count_table("rows were redacted by", contents["policies"])
    yield ""
    yield from count_table("values replaced in their texts", contents["replaced"])


def labels(manifest: Manifest) -> Iterator[str]:
    """Say who voted, and what the gate asked for."""
    policy, contents = manifest["policy"], manifest["contents"]
    yield from section("Labels")
    yield (
        f"Gate `{policy['gate_version']}` in force: votes and records need a confidence of "
        f"{policy['min_confidence']:g}; every text has one label only, whoever voted."
    )
    yield ""
    yield from count_table("voter", contents["voters"])
    yield ""
    yield from count_table("version", contents["versions"])
    if manifest["models"]:
        yield ""
        names = ("kind", "name", "version", "hash")
        yield from table(names, [[model[name] for name in names] for model in manifest["models"]])


def certified(certificate: Certificate | None) -> Iterator[str]:
    """Give the certificate in force, or say that there is none."""
    yield from section("Certificate")
    if certificate is None:
        yield "None: nobody has measured how many of these labels are wrong. The gate's threshold is no such measure."
    else:
        yield f"{certificate['name']}: {certificate['statement']}"


def section(title: str) -> Iterator[str]:
    """Begin a section."""
    yield from ("", f"## {title}", "")


def count_table(name: str, counts: Mapping[str, int]) -> Iterator[str]:
    """Write counts as a table, by name; of nothing, one line."""
    if counts:
        yield from table((name, "count"), sorted(counts.items()))
    else:
        yield f"{name}: nothing."


def table(headers: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Write a Markdown table."""
    heads = list(headers)
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(escape(str(cell)) for cell in row)} |"


def escape(text: str) -> str:
    """Keep a name from breaking its table: labels of files may hold anything."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
