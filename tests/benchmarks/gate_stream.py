"""What the product promises on a whole stream of real questions, by its own commands: ingest to certified gold.

    python -m tests.benchmarks.gate_stream ../shared/data --json stream.json --table tests/benchmarks/gate_stream.md

Of each intent 10 texts, drawn by seed, stand in `intents.yml`; all other texts of the file are tickets, in an order by
chance. They go through the embedded broker and `lakehouse run all` in two parts. People (see `stream_oracle`; one vote
of twenty is wrong) have 1,000 votes, asked for by `annotate sample` and brought back by `annotate import`: on the first
part those that teach most, from which `train` makes the student; then, with all tickets there, a random sample for
`calibrate`, which says from which confidence on audits are worth it: there the gate is set. The rest are audits for
`certify`, and further votes where one contradicts gold. The language model is off.
In the second setting the intents of `id_oos_split.json` are in nobody's list: `unknown` is the right answer about their
texts, and so it is about clinc150's out-of-scope texts.
"""

import argparse
import io
import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pipelines.cli.app import run
from pipelines.cli.evaluate import read_labels
from pipelines.cli.opening import open_spark
from pipelines.configuration import load_settings
from pipelines.vocabulary import Purpose
from pipelines.workspace import open_workspace
from tests.benchmarks.flows import lasting_session
from tests.benchmarks.report import say, write_json
from tests.benchmarks.stream_oracle import Oracle
from tests.benchmarks.stream_questions import SETTINGS, Questions, lay_out, read_questions
from tests.benchmarks.stream_truth import measure

NOISE = 0.05
TEACH, CALIBRATE = 300, 280
CALIBRATED = 0.85
"""Of these so many are first votes; others go to rows where a person contradicts what models are fairly sure about."""
VOTES = 1_000
VOTES_AN_AUDIT = 1.22
"""Planned: 5 % slips and 3 % wrong labels take two further votes each, and some look-alikes are asked about as well."""
AUDITED, CALIBRATING = 1_700, 450
"""Tickets in the shares: more than are asked about, since of those to audit only some reach the gate (of 27 unknown
intents' stream a fifth), and what models call unknown does not calibrate."""
NO_SHARES = {"audit": 0.0, "second_votes": 0.0, "calibration": 0.0}
SHARE_OF = {Purpose.AUDIT: "audit", Purpose.SECOND_VOTE: "second_votes", Purpose.CALIBRATION: "calibration"}


@dataclass
class Product:
    """The product's commands on one workspace, run in this process and its session."""

    root: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def do(self, *arguments: object, **annotation: float) -> Any:
        """Run a command with `--json` and give what it said.

        Args:
            arguments: as a person would type them.
            annotation: shares of the budget, as environment variables set them.
        """
        shares = {f"LAKEHOUSE_ANNOTATION__{name.upper()}": str(share) for name, share in annotation.items()}
        typed, told, began = [*map(str, arguments)], io.StringIO(), time.monotonic()
        with redirect_stdout(told), patch.dict(os.environ, shares):
            code = run([*typed, "--workspace", str(self.root), "--json"])
        name = " ".join(typed[:2]) if typed[0] in ("annotate", "run", "quarantine") else typed[0]
        took = time.monotonic() - began
        self.seconds[name] = self.seconds.get(name, 0.0) + took
        say(f"  {took:6.1f} s  lakehouse {name}")
        if code:
            raise RuntimeError(f"`lakehouse {name}` ended with {code}: {told.getvalue()[-500:]}")
        return json.loads(told.getvalue())

    def ask(self, people: Oracle, purpose: Purpose, most: int) -> int:
        """Let people answer up to so many questions of a purpose, and the stream take their votes; gives how many."""
        if most <= 0:
            return 0
        file = self.root.parent / f"questions-{len(people.asked)}-{purpose.value}.jsonl"
        shares = NO_SHARES | ({SHARE_OF[purpose]: 1.0} if purpose in SHARE_OF else {})
        self.do("annotate", "sample", "--budget", most, "--out", file, **shares)
        answered = people.fill_in(file, (purpose.value,), most)
        if answered:
            self.do("annotate", "import", file)
            self.do("run", "all")
        say(f"          {answered} votes: {purpose.value}")
        return answered

    def settle(self, people: Oracle, most: int) -> None:
        """Let people see again what one of them contradicted, until all is settled or so many votes are spent."""
        while self.ask(people, Purpose.SECOND_VOTE, most - people.spent.total()):
            pass


def open_product(folder: Path, tickets: int) -> Product:
    """Make the workspace, with samples as large as people can look at."""
    product = Product(folder / "project")
    if run(["init", str(product.root), "--intents", str(folder / "intents.yml")]):
        raise RuntimeError("`lakehouse init` failed.")
    audit, calibration = (min(0.5, many / tickets) for many in (AUDITED, CALIBRATING))
    own = f"gate: {{audit_share: {audit:.4f}, calibration_share: {calibration:.4f}}}\n"
    # The gate may rise above the default of slm_below_confidence, which settings refuse, model or no model.
    others = 'labelling: {slm: "off", slm_below_confidence: 1.0}\nfeatures: {enabled: false}\n'
    with (product.root / "lakehouse.yml").open("a", encoding="utf-8") as file:
        file.write(own + others)
    return product


def judge_stream(questions: Questions, folder: Path, options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Run one setting from an empty workspace to certified gold; gives its figures."""
    folder.mkdir(parents=True)
    parts, began = lay_out(questions, folder, options.limit, seed), time.monotonic()
    truth = {name: label for part in parts for name, label in read_labels(part, "truth", COLUMNS, set()).items()}
    product = open_product(folder, len(truth))
    people = Oracle(truth, questions.intents, NOISE, seed)
    ingest(product, parts[0])
    product.ask(people, Purpose.GAIN, options.teach)
    student = product.do("train")
    product.do("quarantine", "replay", "--version", f"{student['name']}@{student['version']}", "--all")
    ingest(product, parts[1])
    before = people.spent.total()
    product.ask(people, Purpose.CALIBRATION, int(CALIBRATED * options.calibrate))
    product.settle(people, before + options.calibrate)
    calibration = product.do("calibrate")
    audits = int((options.votes - people.spent.total()) / VOTES_AN_AUDIT)
    gate = raise_gate(product, calibration["hopes"], audits)
    # A first certificate, without audits: the gate judges anew, by the calibrated confidence.
    product.do("certify")
    product.do("run", "gate")
    product.ask(people, Purpose.AUDIT, audits)
    product.settle(people, options.votes)
    certificate = product.do("certify")
    product.do("run", "gate")
    status = product.do("status")
    minutes = (time.monotonic() - began) / 60
    workspace = open_workspace(product.root)
    with open_spark(workspace) as spark:
        found = measure(spark, workspace, truth)
    return found | {
        "tickets": len(truth), "seed": seed, "votes": dict(people.spent), "minutes": minutes,
        "student": student, "calibration": calibration, "gate": gate, "seconds": product.seconds,
        "ledger difference": status["ledger"]["difference"], "certificate": {name: certificate[name] for name in KEPT},
    }  # fmt: skip


def raise_gate(product: Product, hopes: Sequence[Mapping[str, Any]], audits: int) -> float | None:
    """Set the gate to where `calibrate` says that about so many audits may prove something, if anywhere; gives it."""
    nearest = min(hopes, key=lambda hope: abs(hope["audits"] - audits))
    if nearest["threshold"] is None:
        return None
    file = product.root / "lakehouse.yml"
    own = f"gate: {{min_confidence: {nearest['threshold']}, "
    file.write_text(file.read_text(encoding="utf-8").replace("gate: {", own), encoding="utf-8")
    return float(nearest["threshold"])


COLUMNS = ("text", "id", None)
KEPT = ("status", "threshold", "error_bound", "coverage", "audited", "votes_spent", "labels_needed", "thresholds")


def ingest(product: Product, part: Path) -> None:
    """Let a part of the stream arrive, and drain it."""
    product.do("ingest", part, "--text-column", "text", "--id-column", "id")
    product.do("run", "all")


def main() -> int:
    """Run the settings, print the page, write both files; 1 when a bar was missed."""
    from tests.benchmarks.stream_table import stream_misses, stream_page

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds banking77 and clinc150")
    parser.add_argument("--limit", type=int, default=0, help="tickets of the stream; 0: all")
    parser.add_argument("--only", choices=SETTINGS, action="append", help="these settings")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the workspaces, kept to look at; else they go")
    for name, votes in (("votes", VOTES), ("teach", TEACH), ("calibrate", CALIBRATE)):
        parser.add_argument(f"--{name}", type=int, default=votes)
    parser.add_argument("--json", type=Path, help="result; settings that it holds already and are not run stay in it")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    missing = [name for name in ("banking77", "clinc150") if not (options.data / name).exists()]
    if missing:
        print(f"Skipped: {' and '.join(missing)} not found in {options.data}")
        return 0
    result = kept(options.json)
    with lasting_session(load_settings([])) as (_, passing):
        for place, name in enumerate(options.only or SETTINGS):
            say(name)
            folder = (options.keep or passing) / f"setting-{place}"
            result[name] = judge_stream(read_questions(options.data, name), folder, options, options.seed)
            write_json(result, options.json)
    page = stream_page(result)
    print(page)
    if options.table:
        options.table.write_text(page + "\n", encoding="utf-8")
    for missed in (misses := stream_misses(result)):
        say(f"MISSED: {missed}")
    return 1 if misses else 0


def kept(file: Path | None) -> dict[str, Mapping[str, Any]]:
    """Read what an earlier run measured of other settings."""
    return json.loads(file.read_text(encoding="utf-8")) if file and file.exists() else {}


if __name__ == "__main__":
    raise SystemExit(main())
