"""What the gate promises on real questions: certified gold out of 10 verified examples an intent and 1,000 votes.

    python -m tests.benchmarks.gate_public ../shared/data --json public.json --table tests/benchmarks/gate_public.md

Of each intent 10 texts, drawn by seed, are the verified examples; the rest is the stream. An annotator who errs in one
vote of twenty (any other answer as likely) has 1,000 votes, spent as the product asks for them: some rows teach memory
and student, doubtful ones first; some, by chance, fit the calibration; the rest audit rows that may be accepted, where
a vote against the label gets others until two agree. Memory, student and calibration are the product's kernels. The
second setting takes the intents of `id_oos_split.json` out of the label set: their texts are in the stream, and
`unknown` is the right answer; voters learn votes for it as one label more and, to compare, do not. With clinc150 the
stream holds its out-of-scope texts. `--vectors FOLDER` keeps vectors.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.kernels.audit_planning import TARGET, lowest_hopeful
from pipelines.kernels.audits import MISSING, MOST_VOTES, Outcome, decide_audit
from pipelines.kernels.calibration import Calibration, apply_calibration, fit_calibration
from pipelines.kernels.certification import GRID, certify, tally
from pipelines.kernels.neighbours import build_memory, compare_many
from pipelines.kernels.reliability import measure_reliability
from pipelines.kernels.student import fit_student, predict
from pipelines.kernels.vote_features import ANCHOR, FEATURES, Votes, default, vote_features
from pipelines.labelling_settings import LabellingSettings
from tests.benchmarks.gate_crowds import judge_crowds
from tests.benchmarks.labels import Encode, Vectors, draw_examples, number, read
from tests.benchmarks.report import say, write_json

VOTES = 1_000
NOISE = 0.05
GATE = 0.8
CHOSEN_ON = 8
"""Seeds below it were looked at when the split of the votes and the features were chosen."""
STRENGTHS = (300.0,)
"""What the student's cross-validation chooses on these; fixed, to save it."""
UNKNOWN = -1
LEAK = 0.05
"""Share of the unknown texts that may be in gold."""
LEAST_WORTH = 0.01
"""Of a row that the voters are certain about; of others the variance p (1 - p), at most .25."""
DOUBTFUL = 0.7
"""Below it a calibration vote against the label is taken at its word: more likely the label is wrong than the vote."""
VOTES_AN_AUDIT = 1.15
"""Planned: most labels are confirmed by one vote. Where it is not enough, the last audits are left out."""


@dataclass(frozen=True)
class Split:
    """How the votes are spent: rows to learn from, votes for the calibration; the rest audits."""

    teach: int = 300
    calibrate: int = 280


@dataclass(frozen=True)
class Questions:
    """A stream: unit vectors, the right label of each or `UNKNOWN`, and the vectors of the labels' names."""

    vectors: np.ndarray
    labels: np.ndarray
    names: np.ndarray


@dataclass(frozen=True)
class Opinion:
    """What the voters say of every text: the agreed label, its features, and the default confidence."""

    labels: np.ndarray
    features: np.ndarray
    raw: np.ndarray


class Annotator:
    """Answers with the truth or, now and then, with something else; counts its votes."""

    def __init__(self, truth: np.ndarray, labels: int, draw: np.random.Generator) -> None:
        self.truth, self.labels, self.draw, self.spent = truth, labels, draw, 0

    def answer(self, rows: np.ndarray) -> np.ndarray:
        """One vote on each row."""
        self.spent += len(rows)
        slips = self.draw.random(len(rows)) < NOISE
        other = self.draw.integers(1, self.labels + 1, len(rows))
        return np.where(slips, (self.truth[rows] + 1 + other) % (self.labels + 1) - 1, self.truth[rows])

    def check(
        self, rows: np.ndarray, labels: np.ndarray, most: int, believed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Ask row by row whether labels are right until so many votes are spent.

        Args:
            rows: to ask about, in this order.
            labels: that may be right.
            most: votes to spend.
            believed: rows where one vote against the label is enough, since the label itself is doubtful.

        Returns:
            The rows that were decided, and which of their labels count as wrong.
        """
        start, errors = self.spent, []
        for place, (row, label) in enumerate(zip(rows, labels, strict=True)):
            if self.spent - start + MOST_VOTES > most:
                break
            votes = np.full((1, MOST_VOTES), MISSING)
            for asked in range(MOST_VOTES):
                # Numbered from 1: 0 is `unknown`, since a negative number is a vote that was not given.
                votes[0, asked] = self.answer(np.array([row]))[0] + 1
                decided = decide_audit([label + 1], votes)
                if decided.outcomes[0] != Outcome.OPEN or (believed is not None and believed[place]):
                    break
            errors.append(decided.outcomes[0] != Outcome.RIGHT)
        return rows[: len(errors)], np.array(errors, dtype=bool)


def vote(questions: Questions, rows: np.ndarray, owners: np.ndarray, with_unknown: bool) -> Opinion:
    """Ask memory and student, each given the same verified examples.

    Args:
        questions: the stream and the examples.
        rows: examples among them.
        owners: their verified labels; `UNKNOWN` ones are left out or, `with_unknown`, learnt as one label more.
        with_unknown: see `owners`.
    """
    labels, names, settings = len(questions.names), questions.names, LabellingSettings()
    kept = owners >= 0
    if with_unknown and not kept.all():
        names = np.concatenate([names, [questions.vectors[rows[~kept]].mean(axis=0)]])
        owners, kept = np.where(kept, owners, labels), np.ones(len(owners), dtype=bool)
    examples, owners = questions.vectors[rows[kept]], owners[kept]
    opinions = compare_many(
        questions.vectors, build_memory(examples, owners, names), settings.neighbours, settings.temperature
    )
    student = fit_student(examples, owners, names, STRENGTHS)
    if student is None:
        raise RuntimeError("There are enough examples for a student, but there is none.")
    learnt = np.zeros_like(opinions.shares)
    learnt[:, student.labels] = predict(questions.vectors, student)
    near = (opinions.familiarity - settings.unknown_similarity) / settings.unknown_softness
    return weigh(1 / (1 + np.exp(-near)), [opinions.shares, learnt], opinions.nearest, labels)


def weigh(known: np.ndarray, shares: Sequence[np.ndarray], nearest: np.ndarray, labels: int) -> Opinion:
    """Agree on a label as the gate does, the most confident vote's, and compute the features.

    Args:
        known: how likely each text is near any example, shape (texts,).
        shares: of memory and student, each of shape (texts, labels), or one more where `unknown` is learnt.
        nearest: cosine to each label's nearest example, of the shape of the memory's shares.
        labels: how many are intents.
    """
    told = [part[:, :labels] * known[:, None] for part in shares]
    unknown = [1 - each.sum(axis=1) for each in told]
    surest = np.stack([each.max(axis=1) for each in told]).argmax(axis=0)
    agreed = np.where(surest == 0, told[0].argmax(axis=1), told[1].argmax(axis=1))
    rows, silent = np.arange(len(known)), np.full(len(known), np.nan)
    strangers = nearest[:, labels] if nearest.shape[1] > labels else silent
    given, rival = [], []
    for each, rest in zip(told, unknown, strict=True):
        given.append(each[rows, agreed])
        rival.append(np.maximum(without(each, agreed, 0.0).max(axis=1), rest))
    features = vote_features(
        Votes(
            np.column_stack([*given, silent]), np.column_stack([*rival, silent]), unknown[0], np.zeros(len(known)),
            np.column_stack([nearest[rows, agreed], without(nearest[:, :labels], agreed).max(axis=1), strangers]),
        )
    )  # fmt: skip
    return Opinion(agreed, features, apply_calibration(features, default()))


def without(numbers: np.ndarray, columns: np.ndarray, instead: float = -1.0) -> np.ndarray:
    """Put something else in one column of each row."""
    others = numbers.copy()
    others[np.arange(len(columns)), columns] = instead
    return others


@dataclass(frozen=True)
class Taught:
    """A stream whose voters have learnt from people."""

    person: Annotator
    draw: np.random.Generator
    stream: np.ndarray
    rest: np.ndarray
    before: Opinion
    opinion: Opinion


def teach(questions: Questions, count: int, with_unknown: bool, seed: int) -> Taught:
    """Let people label rows of the stream and the voters learn from them.

    Rows are drawn by how much their outcome is worth: the variance p (1 - p) of the label's being right.
    """
    draw = np.random.default_rng(seed)
    shown = draw_examples(questions.labels, draw)
    stream = np.setdiff1d(np.arange(len(questions.labels)), shown)
    person = Annotator(questions.labels, len(questions.names), draw)
    before = vote(questions, shown, questions.labels[shown], with_unknown)
    worth = before.raw[stream] * (1 - before.raw[stream]) + LEAST_WORTH
    chosen = draw.choice(stream, count, replace=False, p=worth / worth.sum())
    owners = np.concatenate([questions.labels[shown], person.answer(chosen)])
    opinion = vote(questions, np.concatenate([shown, chosen]), owners, with_unknown)
    return Taught(person, draw, stream, np.setdiff1d(stream, chosen), before, opinion)


def promise(questions: Questions, taught: Taught, calibrate: int) -> dict[str, object]:
    """Calibrate, audit and certify with the votes that are left, and hold the promise against the truth."""
    person, opinion, draw = taught.person, taught.opinion, taught.draw
    queue = draw.permutation(taught.rest)
    asked, wrong = person.check(queue, opinion.labels[queue], calibrate, opinion.raw[queue] < DOUBTFUL)
    model = fit_calibration(opinion.features[asked], ~wrong, FEATURES, ANCHOR)
    sure, rest = apply_calibration(opinion.features, model), draw.permutation(queue[len(asked) :])
    left = VOTES - person.spent
    thresholds = tuple(threshold for threshold in GRID if threshold >= GATE)
    # How many are audited is settled before the first answer: stopping by what was answered would bend the test.
    planned = int(left / VOTES_AN_AUDIT)
    floor = lowest_hopeful(sure[rest], planned, thresholds)
    hopeful = rest[sure[rest] >= floor][:planned]
    audited, errors = person.check(hopeful, opinion.labels[hopeful], left)
    tested = tuple(threshold for threshold in thresholds if threshold >= floor)
    found = certify(tally(sure[audited], errors, sure[rest], tested), len(rest), tested)
    right = opinion.labels == questions.labels
    gold = rest[sure[rest] >= found.threshold] if found.threshold is not None else rest[:0]
    return figures(questions, right, sure, taught.stream, rest, gold) | {
        "votes": person.spent, "calibrated on": len(asked), "audited": len(audited), "audit errors": int(errors.sum()),
        "bound": found.bound, "threshold": found.threshold, "floor": floor, "model": weights(model),
        "accuracy": float(right[rest].mean()), "raw ece": measure_reliability(opinion.raw[rest], right[rest]).ece,
        "first accuracy": float((taught.before.labels == questions.labels)[taught.stream].mean()),
        "fixed": fixed_gate(opinion.raw[rest], right[rest]),
    }  # fmt: skip


def figures(
    questions: Questions, right: np.ndarray, sure: np.ndarray, stream: np.ndarray, rest: np.ndarray, gold: np.ndarray
) -> dict[str, object]:
    """Coverage is of the whole stream; what people labelled to teach or calibrate counts as not covered."""
    known = questions.labels >= 0
    reliability = measure_reliability(sure[rest], right[rest])
    unknown = stream[~known[stream]]
    strangers = sure[rest[~known[rest]]]
    cut = np.quantile(strangers, 1 - LEAK) if len(strangers) else 0.0
    return {
        "known at leak": float((sure[rest[known[rest]]] > cut).sum() / known[stream].sum()) if len(unknown) else None,
        "stream": len(stream),
        "coverage": len(gold) / len(stream),
        "error": float((~right[gold]).mean()) if len(gold) else None,
        "known in gold": float(known[gold].sum() / known[stream].sum()),
        "unknown in gold": float((~known[gold]).sum() / len(unknown)) if len(unknown) else None,
        "ece": reliability.ece,
        "auroc": reliability.auroc,
        "aurc": reliability.aurc,
        "curve": [vars(each) for each in reliability.curve],
    }


def weights(model: Calibration) -> dict[str, float]:
    """Weights of the features as they are, not standardised."""
    return {
        name: weight / scale for name, weight, scale in zip(model.features, model.weights, model.scales, strict=True)
    }


def fixed_gate(raw: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """What a gate of 0.8 on the voters' mean would do."""
    passed = raw >= GATE
    return {"coverage": float(passed.mean()), "error": float((~right[passed]).mean())}


def banking(data: Path, encode: Encode, unknown: bool) -> Questions:
    """banking77; with the intents of the split unknown or not."""
    texts, intents = read(data / "banking77" / "train.csv", "text", "category")
    split = json.loads((data / "banking77" / "id_oos_split.json").read_text(encoding="utf-8"))
    names = sorted(set(intents) - set(split["id_oos"] if unknown else ()))
    return Questions(encode(texts), number(intents, names), encode([name.replace("_", " ") for name in names]))


def clinc(data: Path, encode: Encode) -> Questions:
    """clinc150, both files; its out-of-scope texts are unknown."""
    texts, intents = read(data / "clinc150" / "train.csv", "text", "intent")
    more, more_intents = read(data / "clinc150" / "val.csv", "text", "intent")
    names = sorted(set(intents) - {"oos"})
    vectors = encode(texts + more)
    return Questions(vectors, number(intents + more_intents, names), encode([name.replace("_", " ") for name in names]))


def main() -> int:
    """Measure, print the page, write both files; 1 when a bar was missed."""
    from tests.benchmarks.gate_table import public_misses, public_page

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds banking77, clinc150 and crowd")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--teach", type=int, default=Split.teach)
    parser.add_argument("--calibrate", type=int, default=Split.calibrate)
    parser.add_argument("--only", help="one setting")
    parser.add_argument("--vectors", type=Path, help="folder that keeps the vectors")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    missing = [name for name in ("banking77", "clinc150", "crowd") if not (options.data / name).exists()]
    if missing:
        print(f"Skipped: {' and '.join(missing)} not found in {options.data}")
        return 0
    encode, split = Vectors(options.vectors), Split(options.teach, options.calibrate)
    settings: dict[str, tuple[Callable[[], Questions], bool]] = {
        "banking77": (lambda: banking(options.data, encode, unknown=False), False),
        "banking77, 27 intents unknown": (lambda: banking(options.data, encode, unknown=True), True),
        "the same, votes for unknown not learnt": (lambda: banking(options.data, encode, unknown=True), False),
        "clinc150": (lambda: clinc(options.data, encode), True),
    }
    result: dict[str, object] = {"votes": VOTES, "noise": NOISE, "target": TARGET, "split": vars(split), "settings": {}}
    for name, (load, with_unknown) in settings.items():
        if options.only in (None, name):
            questions = load()
            rounds = [
                promise(questions, teach(questions, split.teach, with_unknown, seed), split.calibrate)
                for seed in range(CHOSEN_ON, CHOSEN_ON + options.seeds)
            ]
            result["settings"][name] = rounds
            say(f"{name}: " + ", ".join(f"{each['coverage']:.3f} at {each['error'] or 0:.3f}" for each in rounds))
    result["crowds"] = judge_crowds(options.data / "crowd")
    page = public_page(result)
    print(page)
    write_json(result, options.json)
    if options.table:
        options.table.write_text(page + "\n", encoding="utf-8")
    for name in (missed := public_misses(result)):
        say(f"MISSED: {name}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
