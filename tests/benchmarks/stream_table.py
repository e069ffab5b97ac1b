"""The figures of `gate_stream` as a page, and the bars they are held to."""

from collections.abc import Mapping
from typing import Any

from tests.benchmarks.gate_table import curves, table

Figures = Mapping[str, Any]
MOST_WRONG, LEAST_COVERED, MOST_ECE, MOST_LEAKED, LEAST_KNOWN = 0.05, 0.6, 0.03, 0.05, 0.3

HEAD = """# What the product promises on a whole stream of real questions
Made by `make bench-gate-stream`: the product's own commands from `init` to `certify`, one stream a setting, embedded
broker, language model off. 10 verified examples an intent; people err in 5 % of their votes.
Coverage and error are of all tickets and of all of gold, the rows that people labelled among them; in brackets what
models alone brought into gold. ECE and AUROC: of the models' confidence in known labels, on tickets that neither taught
nor calibrated."""


def stream_page(result: Mapping[str, Figures]) -> str:
    """Write the page."""
    parts = [HEAD, table(
        ["setting", "tickets", "certificate", "audited: wrong", "gold's true error (by models)",
         "coverage (by models)", "known in gold", "unknown in gold", "ECE", "AUROC", "models right"],
        [setting_row(name, found) for name, found in result.items()],
    ), "## Where the votes went, and the time", table(
        ["setting", "seed", "taught", "calibrated", "gate set to", "audits", "further votes", "student learnt from",
         "ledger's difference", "minutes"],
        [votes_row(name, found) for name, found in result.items()],
    ), "## Reliability: share that is right, at mean confidence (tickets)",
        curves({name: [found["curve"]] for name, found in result.items()})]  # fmt: skip
    return "\n\n".join(parts)


def setting_row(name: str, found: Figures) -> list[str]:
    """One setting's figures."""
    certificate = found["certificate"]
    told = certificate["status"].replace("_", " ")
    behind = {"audited": certificate["audited"], "errors": None}
    if certificate["threshold"] is not None:
        told += f" from {certificate['threshold']:.2f}: at most {certificate['error_bound']:.4f}"
        behind = next(row for row in certificate["thresholds"] if row["threshold"] == certificate["threshold"])
    return [
        name, f"{found['tickets']:,}", told, f"{behind['audited']}: {shown(behind['errors'], 0)}",
        f"{shown(found['error'], 4)} ({shown(found['error by models'], 4)})",
        f"{shown(found['coverage'])} ({shown(found['coverage by models'])})", shown(found["known in gold"]),
        shown(found["unknown in gold"]), shown(found["ece"]), shown(found["auroc"]), shown(found["accuracy"]),
    ]  # fmt: skip


def votes_row(name: str, found: Figures) -> list[str]:
    """What a setting's people and machine spent."""
    votes = [str(found["votes"].get(purpose, 0)) for purpose in ("gain", "calibration", "audit", "second_vote")]
    votes.insert(2, shown(found["gate"], 2))
    learnt = ", ".join(f"{count:,} of {source}" for source, count in found["student"]["examples"].items())
    return [name, str(found["seed"]), *votes, learnt, str(found["ledger difference"]), f"{found['minutes']:.0f}"]


def shown(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


def stream_misses(result: Mapping[str, Figures]) -> list[str]:
    """Name the bars that were missed."""
    missed = []
    for name, found in result.items():
        plain = found["unknown in gold"] is None
        bars = {
            "not certified": found["certificate"]["status"] != "certified",
            "a true error above the target": (found["error"] or 0.0) > MOST_WRONG,
            "coverage below 60 %": plain and found["coverage"] < LEAST_COVERED,
            "ECE above .03": found["ece"] > MOST_ECE,
            "more than 5 % of the unknown in gold": not plain and found["unknown in gold"] > MOST_LEAKED,
            "less than 30 % of the known in gold": found["known in gold"] < LEAST_KNOWN,
            "the ledger does not add up": found["ledger difference"] != 0,
        }
        missed += [f"{name}: {bar}" for bar, is_missed in bars.items() if is_missed]
    return missed
