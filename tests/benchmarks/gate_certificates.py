"""Whether certificates keep what they promise: simulated streams whose errors are known.

    python -m tests.benchmarks.gate_certificates --json gate.json --table tests/benchmarks/gate.md

Each stream draws how right its labels are, how much too sure its voters are, how common its labels are. Of its records
250 are voted on to fit the calibration and 600 to certify, by people who err; a vote against the label gets others
until two agree. Kinds of streams: steady; drifting (labels get worse while the voters notice nothing); a biased queue
(the calibration rows are doubtful ones); noisy annotators (one vote in ten is wrong); and all of it together. A promise
is broken when more than the target of all records behind the certified threshold are wrong. The command fails when that
happens in more than 5 % of the streams, or when a fixed gate of equal true precision covers more.

`--mutation reuse` fits and chooses the threshold on the very rows that it is tested on: the command must then fail.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from scipy.special import expit

from pipelines.kernels.audit_planning import CONFIDENCE, TARGET
from pipelines.kernels.audits import MOST_VOTES, TIMES_WORSE, Watch, decide_audit, watch_errors
from pipelines.kernels.calibration import apply_calibration, fit_calibration
from pipelines.kernels.certification import GRID, Tally, certify, tally
from pipelines.kernels.reliability import measure_reliability
from pipelines.kernels.statistics import clopper_pearson
from pipelines.kernels.vote_features import ANCHOR, FEATURES, VOTERS, Votes, default, vote_features
from tests.benchmarks.report import make_parser, say, write_json

RECORDS = 6_000
LABELS = 30
CALIBRATION, AUDIT = 250, 600
FIXED_GATE = 0.8
ALLOWED = 1 - CONFIDENCE
MOST_SECONDS = 300


@dataclass(frozen=True)
class Kind:
    """What a stream suffers from."""

    drifts: bool = False
    biased: bool = False
    noise: float = 0.03


KINDS = {
    "steady": Kind(),
    "drifting": Kind(drifts=True),
    "biased queue": Kind(biased=True),
    "noisy annotators": Kind(noise=0.1),
    "all of it": Kind(drifts=True, biased=True, noise=0.1),
}


@dataclass(frozen=True)
class Stream:
    """Records with their features, their label, and the truth."""

    features: np.ndarray
    labels: np.ndarray
    truth: np.ndarray

    @property
    def right(self) -> np.ndarray:
        return self.labels == self.truth


def make_stream(kind: Kind, draw: np.random.Generator) -> Stream:
    """Draw a stream: each label has its difficulty, each record its own on top, and each voter a view of it."""
    labels = draw.choice(LABELS, RECORDS, p=draw.dirichlet(np.full(LABELS, 2.0)))
    ease = draw.uniform(2.5, 4.5) + draw.normal(0, 0.5, LABELS)[labels]
    ease = ease + draw.normal(0, draw.uniform(1.5, 2.5), RECORDS)
    unseen = np.linspace(0, draw.uniform(0.5, 2.0), RECORDS) if kind.drifts else 0.0
    right = draw.random(RECORDS) < expit(ease - unseen)
    truth = np.where(right, labels, (labels + draw.integers(1, LABELS, RECORDS)) % LABELS)
    return Stream(vote_features(make_votes(ease, draw)), labels, truth)


def make_votes(ease: np.ndarray, draw: np.random.Generator) -> Votes:
    """Let voters guess how easy a record is; each is too sure or not sure enough in its own way."""
    views = [
        draw.uniform(-0.5, 0.5) + draw.uniform(0.6, 2.0) * (ease + draw.normal(0, draw.uniform(0.5, 2.0), len(ease)))
        for _ in VOTERS
    ]
    given = expit(np.column_stack(views))
    given[given[:, :2].mean(axis=1) >= FIXED_GATE, 2] = np.nan
    rival = (1 - given) * draw.uniform(0.3, 0.9, given.shape)
    unknown, nowhere = (1 - given[:, 0]) * draw.uniform(0, 0.5, len(ease)), np.full((len(ease), 3), np.nan)
    return Votes(given, rival, unknown, np.zeros(len(ease)), nowhere)


def ask(stream: Stream, rows: np.ndarray, noise: float, draw: np.random.Generator) -> tuple[np.ndarray, int]:
    """Have people vote on rows; gives which labels count as wrong, and the votes that were spent."""
    truth = stream.truth[rows, None]
    slips = draw.random((len(rows), MOST_VOTES)) < noise
    votes = np.where(slips, (truth + draw.integers(1, LABELS, (len(rows), MOST_VOTES))) % LABELS, truth)
    decided = decide_audit(stream.labels[rows], votes)
    return decided.errors, int(decided.spent.sum())


def queue(stream: Stream, kind: Kind, draw: np.random.Generator) -> np.ndarray:
    """Choose the calibration rows: by chance, or mostly doubtful ones."""
    doubt = 1 - apply_calibration(stream.features, default())
    weights = doubt + 0.01 if kind.biased else np.ones(RECORDS)
    return draw.choice(RECORDS, CALIBRATION, replace=False, p=weights / weights.sum())


def judge(kind: Kind, seed: int, reuse: bool) -> dict[str, float | None]:
    """Certify one stream and hold the promise against the truth."""
    draw = np.random.default_rng(seed)
    stream = make_stream(kind, draw)
    fitted = queue(stream, kind, draw)
    others = np.setdiff1d(np.arange(RECORDS), fitted)
    fit_wrong, fit_votes = ask(stream, fitted, kind.noise, draw)
    audited = draw.choice(others, AUDIT, replace=False)
    wrong, votes = ask(stream, audited, kind.noise, draw)
    shown, told = (audited, wrong) if reuse else (fitted, fit_wrong)
    model = fit_calibration(stream.features[shown], ~told, FEATURES, ANCHOR)
    sure, raw = apply_calibration(stream.features, model), apply_calibration(stream.features, default())
    counts = tally(sure[audited], wrong, sure)
    threshold, bound = choose(counts, reuse)
    behind = sure >= threshold if threshold is not None else np.zeros(RECORDS, dtype=bool)
    error = float((~stream.right[behind]).mean()) if behind.any() else None
    return {
        "threshold": threshold, "bound": bound, "error": error, "coverage": float(behind.mean()),
        "votes": fit_votes + votes, "ece": measure_reliability(sure, stream.right).ece,
        "raw ece": measure_reliability(raw, stream.right).ece, **beside_fixed_gate(stream.right, sure, raw),
    }  # fmt: skip


def choose(counts: Tally, reuse: bool) -> tuple[float | None, float | None]:
    """Threshold and bound of the certificate; or, as the mutation, the lowest threshold that looks good enough."""
    if not reuse:
        found = certify(counts, RECORDS)
        return found.threshold, found.bound
    looks = [
        (threshold, float(errors / audited))
        for threshold, errors, audited in zip(GRID, counts.errors, counts.audited, strict=True)
        if audited >= 59 and errors <= TARGET * audited
    ]
    return looks[-1] if looks else (None, None)


def beside_fixed_gate(right: np.ndarray, sure: np.ndarray, raw: np.ndarray) -> dict[str, float | None]:
    """What a gate of 0.8 on the voters' own mean lets through, and what ours would at the same true precision."""
    fixed = raw >= FIXED_GATE
    if not fixed.any():
        return {"fixed coverage": 0.0, "fixed error": None, "ours at its precision": 0.0}
    precision = right[fixed].mean()
    order = np.argsort(-sure, kind="stable")
    precise = np.flatnonzero(np.cumsum(right[order]) / np.arange(1, len(right) + 1) >= precision)
    ours = (precise[-1] + 1) / len(right) if len(precise) else 0.0
    return {
        "fixed coverage": float(fixed.mean()),
        "fixed error": float(1 - precision),
        "ours at its precision": float(ours),
    }


def sum_up(rounds: Sequence[dict[str, float | None]]) -> dict[str, object]:
    """Figures over streams."""
    sealed = [each for each in rounds if each["threshold"] is not None]
    broken = sum(each["error"] > TARGET for each in sealed)
    return {
        "streams": len(rounds),
        "certified": len(sealed),
        "broken": broken,
        "broken interval": clopper_pearson(broken, len(rounds)),
        "bound passed": sum(each["error"] > each["bound"] for each in sealed),
        "coverage": mean(each["coverage"] for each in sealed),
        "error": mean(each["error"] for each in sealed),
        "votes": mean(each["votes"] for each in rounds),
        "ece": mean(each["ece"] for each in rounds),
        "raw ece": mean(each["raw ece"] for each in rounds),
        "fixed coverage": mean(each["fixed coverage"] for each in rounds),
        "ours at its precision": mean(each["ours at its precision"] for each in rounds),
        "fixed above target": sum((each["fixed error"] or 0.0) > TARGET for each in rounds),
    }


def mean(values: object) -> float:
    """Mean; not a number of nothing."""
    listed = list(values)
    return float(np.mean(listed)) if listed else float("nan")


def judge_alarm(streams: int, audits: int) -> list[dict[str, object]]:
    """Watch audits behind a certificate: how often the alarm is false, and how soon it hears what got worse."""
    rows = []
    for name, before, after, change in ALARMS:
        delays = []
        for seed in range(streams):
            draw = np.random.default_rng([seed, 7])
            rates = np.where(np.arange(audits) < change, before, after)
            delays.append(first_alarm(draw.random(audits) < rates))
        heard = [delay - change for delay in delays if delay is not None and delay > change]
        early = sum(delay is not None and delay <= change for delay in delays)
        rows.append({
            "case": name, "streams": streams, "audits": audits, "early": early, "heard": len(heard),
            "median delay": float(np.median(heard)) if heard else None,
        })  # fmt: skip
    return rows


ALARMS = (
    ("errors stay at the target", TARGET, TARGET, 2_000),
    ("errors stay at 2 %", 0.02, 0.02, 2_000),
    ("2 %, then 10 % after 500", 0.02, 0.10, 500),
    ("2 %, then 20 % after 500", 0.02, 0.20, 500),
    ("2 %, then 40 % after 500", 0.02, 0.40, 500),
    ("20 % from the start", 0.20, 0.20, 0),
)
"""Name, error rate before, after, and at which audit it changes."""


def first_alarm(wrong: np.ndarray) -> int | None:
    """How many audits the alarm took."""
    state, step = Watch(), 50
    for start in range(0, len(wrong), step):
        after = watch_errors(wrong[start : start + step], state)
        if after.alarmed():
            while not state.alarmed():
                state = watch_errors(wrong[state.seen : state.seen + 1], state)
            return state.seen
        state = after
    return None


def measure(streams: int, reuse: bool) -> dict[str, object]:
    """Judge as many streams of each kind."""
    begin, worked = perf_counter(), process_time()
    kinds: dict[str, list[dict[str, float | None]]] = {}
    for place, (name, kind) in enumerate(KINDS.items()):
        kinds[name] = [judge(kind, 1_000_000 * place + seed, reuse) for seed in range(streams // len(KINDS))]
        say(f"{name}: {perf_counter() - begin:.0f} s")
    result: dict[str, object] = {
        "target": TARGET, "confidence": CONFIDENCE, "alternatives": TIMES_WORSE,
        "kinds": {name: sum_up(rounds) for name, rounds in kinds.items()},
        "together": sum_up([each for rounds in kinds.values() for each in rounds]),
        "alarms": [] if reuse else judge_alarm(300, 2_000),
    }  # fmt: skip
    return result | {"seconds": perf_counter() - begin, "core seconds": process_time() - worked}


def failures(result: dict[str, object]) -> list[str]:
    """Name the bars that were missed."""
    whole = result["together"]
    checks: dict[str, Callable[[], bool]] = {
        "promises broken in more than 5 % of the streams": lambda: whole["broken"] > ALLOWED * whole["streams"],
        "a fixed gate of equal precision covers more": lambda: (
            whole["ours at its precision"] <= whole["fixed coverage"]
        ),
        "it took more than 5 minutes": lambda: result["seconds"] > MOST_SECONDS,
        "false alarms in more than 5 % of the streams": lambda: any(
            row["early"] > ALLOWED * row["streams"] for row in result["alarms"]
        ),
    }
    return [name for name, missed in checks.items() if missed()]


def main() -> int:
    """Judge, print, write; 1 when a bar was missed."""
    from tests.benchmarks.gate_table import certificates_page

    parser = make_parser(__doc__, streams=1000)
    parser.add_argument("--mutation", choices=["reuse"], help="break the rule that test rows are fresh")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    result = measure(options.streams, options.mutation == "reuse")
    page, missed = certificates_page(result), failures(result)
    print(page)
    write_json(result, options.json)
    if options.table:
        options.table.write_text(page + "\n", encoding="utf-8")
    for name in missed:
        say(f"MISSED: {name}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
