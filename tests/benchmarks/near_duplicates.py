"""Near-duplicate pairs per second on one core: ours, datasketch and rensa, with recall and precision in the same run.

    pip install 'intent-lakehouse[bench]'
    python -m tests.benchmarks.near_duplicates --tickets 20000 --rounds 5 --threshold 0.8 --json result.json

Everybody starts from the same list of strings, collapses equal texts first, uses the same signature length and bands,
and gives the pairs of different texts at or above the threshold: ours by exact Jaccard, the others by their estimate.
The peers' shingles are made in Python because that is what their interface takes; `signing` leaves that out. rensa's
fastest road (rho) gives no pairs but a flag a text; its row is judged by whether a text has an earlier near-duplicate.
Rounds are interleaved, so that a busy machine is busy for all; ratios are taken within a round.
"""

import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

# Before any of them starts its threads.
os.environ["RAYON_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import datasketch
import numpy as np
import rensa

from pipelines.kernels.bands import choose_bands
from pipelines.kernels.clusters import Pairs, find_pairs
from pipelines.kernels.minhash import signatures
from pipelines.kernels.similarity import Search
from pipelines.kernels.texts import encode, first_equal, normalise, normalise_texts
from tests.benchmarks.made_up_tickets import brute_force, make_tickets
from tests.benchmarks.report import make_parser, ratios, say, write_json

Couples = set[tuple[int, int]]
CYCLES_A_SHINGLE = 4
"""Computed limit of signing: the rolling hash of each shingle waits for a multiplication (3 cycles) and an addition (1)
of the one before; everything else could be done meanwhile."""


@dataclass
class Contest:
    """What all contestants share."""

    tickets: list[str]
    threshold: float
    bands: int
    rows: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    quality: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def permutations(self) -> int:
        """Signature length."""
        return self.bands * self.rows


def distinct(tickets: list[str]) -> list[str]:
    """Normalise and collapse as a user of the peers would."""
    return list(dict.fromkeys(map(normalise, tickets)))


def shingles(texts: list[str]) -> list[list[str]]:
    """Cut texts into 5-grams, as strings."""
    return [[text[i : i + 5] for i in range(max(1, len(text) - 4))] for text in texts]


def byte_shingles(texts: list[str]) -> list[list[bytes]]:
    """Cut texts into 5-grams, as bytes; the made-up tickets are ASCII."""
    return [[text[i : i + 5] for i in range(max(1, len(text) - 4))] for text in map(str.encode, texts)]


def ours(contest: Contest) -> Pairs:
    """Find the pairs from strings to exact similarities."""
    return find_pairs(normalise_texts(*encode(contest.tickets)), Search(contest.threshold))


def as_couples(contest: Contest, pairs: Pairs) -> Couples:
    """Name the pairs of different texts as the peers do, by the number of the distinct text."""
    texts = normalise_texts(*encode(contest.tickets))
    numbers = np.cumsum(first_equal(texts) == np.arange(len(texts))) - 1
    different = pairs.similarity < 1.0
    return set(zip(numbers[pairs.left[different]].tolist(), numbers[pairs.right[different]].tolist(), strict=True))


def with_datasketch(contest: Contest) -> Couples:
    """MinHash.bulk and MinHashLSH: insert after asking, so that each pair comes once."""
    texts = distinct(contest.tickets)
    sketches = datasketch.MinHash.bulk(byte_shingles(texts), num_perm=contest.permutations)
    index = datasketch.MinHashLSH(num_perm=contest.permutations, params=(contest.bands, contest.rows))
    found = set()
    for place, sketch in enumerate(sketches):
        near = [other for other in index.query(sketch) if sketches[other].jaccard(sketch) >= contest.threshold]
        found.update((other, place) for other in near)
        index.insert(place, sketch, check_duplication=False)
    return found


def with_rensa(contest: Contest) -> Couples:
    """RMinHash.from_token_sets and RMinHashLSH.query_all."""
    texts = distinct(contest.tickets)
    sketches = rensa.RMinHash.from_token_sets(shingles(texts), contest.permutations, 42)
    index = rensa.RMinHashLSH(contest.threshold, contest.permutations, contest.bands)
    index.insert_many(sketches)
    found = set()
    for place, candidates in enumerate(index.query_all(sketches)):
        earlier = [other for other in candidates if other < place]
        found.update((o, place) for o in earlier if sketches[o].jaccard(sketches[place]) >= contest.threshold)
    return found


def with_rensa_rho(contest: Contest) -> Couples:
    """The fastest road of rensa: positions sampled, flags instead of pairs, given here as (text, text)."""
    texts = distinct(contest.tickets)
    matrix = rensa.RMinHash.digest_matrix_from_token_sets_rho(shingles(texts), contest.permutations, 42)
    index = rensa.RMinHashLSH(contest.threshold, contest.permutations, contest.bands)
    flags = index.query_duplicate_flags_matrix_one_shot(matrix)
    return {(place, place) for place, flag in enumerate(flags) if flag}


def judge(found: Couples, truth: Couples) -> tuple[float, float]:
    """Recall and precision."""
    right = len(found & truth)
    return right / max(1, len(truth)), right / max(1, len(found))


def run_rounds(contest: Contest, runners: dict[str, Callable[[Contest], Couples | Pairs]], rounds: int) -> None:
    """Time everybody in turn; the first answers are judged against brute force."""
    known = brute_force(distinct(contest.tickets), contest.threshold)
    pairs = set(known)
    flagged = {(later, later) for _, later in known}
    for name, runner in runners.items():
        found = runner(contest)
        couples = as_couples(contest, found) if isinstance(found, Pairs) else found
        contest.quality[name] = judge(couples, flagged if "flags" in name else pairs)
        say(f"{name}: recall {contest.quality[name][0]:.4f}, precision {contest.quality[name][1]:.4f}")
    for number in range(rounds):
        for name, runner in runners.items():
            start = perf_counter()
            runner(contest)
            contest.seconds.setdefault(name, []).append(perf_counter() - start)
        say(f"round {number + 1}: " + ", ".join(f"{name} {times[-1]:.3f} s" for name, times in contest.seconds.items()))


def sign_rounds(contest: Contest, rounds: int) -> dict[str, list[float]]:
    """Time the signatures alone, from what each interface takes: our buffer, the peers' lists of shingles."""
    texts = distinct(contest.tickets)
    laid, strings, raw = normalise_texts(*encode(texts)), shingles(texts), byte_shingles(texts)
    length = contest.permutations
    signers: dict[str, Callable[[], object]] = {
        "ours": lambda: signatures(laid, 5, length, 1),
        "datasketch": lambda: datasketch.MinHash.bulk(raw, num_perm=length),
        "rensa": lambda: rensa.RMinHash.digest_matrix_from_token_sets(strings, length, 42),
        "rensa bytes": lambda: rensa.RMinHash.digest_matrix_from_token_byte_sets(raw, length, 42),
    }
    seconds: dict[str, list[float]] = {name: [] for name in signers}
    for _ in range(rounds):
        for name, signer in signers.items():
            start = perf_counter()
            signer()
            seconds[name].append(perf_counter() - start)
    return seconds


def clock_hertz() -> float:
    """Read the processor's clock; 0 where the system does not tell."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return max((float(line.split(":")[1]) * 1e6 for line in lines if line.startswith("cpu MHz")), default=0.0)


def summarise(contest: Contest, signing: dict[str, list[float]]) -> dict[str, object]:
    """Everything measured, ready for JSON."""
    cut = sum(max(1, len(text) - 4) for text in distinct(contest.tickets))
    speed, limit = cut / statistics.median(signing["ours"]), clock_hertz() / CYCLES_A_SHINGLE
    return {
        "tickets": len(contest.tickets),
        "distinct": len(distinct(contest.tickets)),
        "threshold": contest.threshold,
        "bands": contest.bands,
        "rows": contest.rows,
        "contestants": {
            name: {
                "seconds": times,
                "microseconds_a_ticket": 1e6 * statistics.median(times) / len(contest.tickets),
                "times_ours": ratios(times, contest.seconds["ours"]),
                "recall": contest.quality[name][0],
                "precision": contest.quality[name][1],
            }
            for name, times in contest.seconds.items()
        },
        "signing": {
            name: {"seconds": times, "times_ours": ratios(times, signing["ours"])} for name, times in signing.items()
        },
        "shingles_signed_a_second": speed,
        "share_of_computed_limit": speed / limit if limit else None,
    }


def show(result: dict[str, object]) -> None:
    """Print the table."""
    print(f"{result['tickets']} tickets, {result['distinct']} distinct, J >= {result['threshold']}", end="")
    print(f", {result['bands']} bands x {result['rows']} rows, one core")
    print(f"{'':22}{'us/ticket':>10}{'x ours':>9}{'least':>8}{'most':>8}{'recall':>9}{'precision':>11}")
    for name, row in result["contestants"].items():
        ratio = row["times_ours"]
        times = (
            f"{row['microseconds_a_ticket']:10.2f}{ratio['median']:9.1f}{ratio['least']:8.1f}{ratio['greatest']:8.1f}"
        )
        print(f"{name:22}{times}{row['recall']:9.4f}{row['precision']:11.4f}")
    for name, row in result["signing"].items():
        ratio = row["times_ours"]
        print(f"signing, {name:13}{'':10}{ratio['median']:9.1f}{ratio['least']:8.1f}{ratio['greatest']:8.1f}")
    print(f"signing: {result['shingles_signed_a_second'] / 1e6:.0f} million shingles/s", end="")
    limit = result["share_of_computed_limit"]
    print(f", {limit:.0%} of the computed limit" if limit else "")


def main() -> None:
    """Read the options, measure, print."""
    options = make_parser(__doc__, tickets=20_000, rounds=5, threshold=0.8, seed=1).parse_args()
    contest = Contest(
        make_tickets(options.tickets, options.seed),
        options.threshold,
        *choose_bands(options.threshold, Search(options.threshold).max_miss),
    )
    runners = {
        "ours": ours, "datasketch": with_datasketch, "rensa": with_rensa, "rensa rho (flags)": with_rensa_rho,
    }  # fmt: skip
    run_rounds(contest, runners, options.rounds)
    result = summarise(contest, sign_rounds(contest, options.rounds))
    write_json(result, options.json)
    show(result)


if __name__ == "__main__":
    main()
