"""What the cascade saves: a stream with duplicates through our label stage, and every ticket of it through CTranslate2.

    pip install 'intent-lakehouse[local,label,demo,bench]'
    python -m tests.benchmarks.label_stream --batch 1000 --rounds 4 --json result.json

Made-up tickets of the demo's ten intents in micro-batches: of each 30 % are near duplicates of earlier tickets (a typo
and another ending) and 10 % exact ones. Ours is all that the stream does to them behind redaction: clusters found and
committed, vectors and votes made and committed to Delta, on two workers. CTranslate2 (int8, two threads, prompts of
equal length together, the constant head kept) reads each ticket once and gives a code, as in `scoring`; it stores
nothing. The first batch loads models and warms up; it is not counted. Rounds are interleaved. Right is a ticket whose
likeliest label, by the gate's own rule, is the one that it was written for.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from time import perf_counter

import ctranslate2
import numpy as np
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from pipelines import contracts as tables
from pipelines.adapters.delta import BatchWrite, read_batch, read_table
from pipelines.adapters.embedded_models import cache_folder, prepare_slm, torch_and_transformers
from pipelines.adapters.embedded_registry import prepare_registry
from pipelines.adapters.label_prompts import code_prompt
from pipelines.adapters.model_files import PinnedVersions
from pipelines.adapters.models import LanguageModel, build_voters, load_slm
from pipelines.adapters.registry import pin_versions
from pipelines.adapters.table_creation import ensure_tables
from pipelines.intents import Intent, load_intents, name_text
from pipelines.jobs.labelling import label
from pipelines.kernels.label_distributions import calibrate
from pipelines.labelling_settings import LabellingSettings, ModelSettings
from pipelines.settings import Settings, SparkSettings
from pipelines.simulated_text import mistype
from pipelines.simulation import generate
from pipelines.transforms.evidence import weigh_votes
from pipelines.transforms.labelling import Voters
from pipelines.transforms.payloads import Ticket, parse_ticket
from tests.benchmarks.flows import lasting_session
from tests.benchmarks.report import make_parser, ratios, say, write_json
from tests.benchmarks.scoring import INTENTS, MESSAGE, convert, ctranslate
from tests.benchmarks.scoring_plain import Task
from tests.benchmarks.stream_clusters import Silver, redacted_rows

NEAR, EXACT = 0.3, 0.1
BAR = 5.0
Labelled = tuple[str, str]
"""A text and the intent that it was written for."""


class Stream(Silver):
    """A workspace's cluster step and label stage."""

    def __init__(self, spark: SparkSession, root: Path, voters: Voters, settings: LabellingSettings) -> None:
        super().__init__(spark, root)
        ensure_tables(spark, self.flow.store, (tables.ANNOTATIONS, tables.LABELS, tables.EMBEDDINGS))
        self.flow = replace(self.flow, pin_voters=lambda: voters, settings=Settings(labelling=settings))

    def take(self, texts: Sequence[str], first: int) -> tuple[float, float]:
        """Cluster and label one micro-batch; gives the seconds of both together, and of the labels alone."""
        write = BatchWrite("silver", 1, self.batches)
        clustering = self.send(texts, first)
        begin = perf_counter()
        records = read_batch(self.spark, self.flow.store, tables.TICKETS_SILVER, write)
        nobody = read_table(self.spark, self.flow.store, tables.ANNOTATIONS)
        label(records, nobody, self.flow, replace(write, query="labels"))
        labelling = perf_counter() - begin
        return clustering + labelling, labelling

    def answers(self) -> dict[str, str]:
        """The likeliest label of each text, by the key of the text."""
        votes = read_table(self.spark, self.flow.store, tables.LABELS)
        weighed = votes.transform(weigh_votes, self.flow.settings.gate).select("text_key", "label")
        return {row.text_key: row.label for row in weighed.collect()}

    def tiers(self) -> dict[str, dict[str, float]]:
        """How many texts each voter voted on, by how the votes came about, and the seconds of a core that they took."""
        votes = read_table(self.spark, self.flow.store, tables.LABELS).where("voter <> 'human'")
        # Votes on one text are of one call, however many records have it.
        calls = votes.groupBy("voter", "tier", "text_key", "voted_at").agg(F.max("latency_ms").alias("latency_ms"))
        spent = calls.groupBy("voter", "tier").agg(
            F.count_distinct("text_key").alias("texts"), (F.sum("latency_ms") / 1000).alias("seconds")
        )
        return {
            f"{row.voter} by {row.tier}": {"texts": row.texts, "core seconds": row.seconds} for row in spent.collect()
        }


def make_stream(count: int, seed: int) -> list[Labelled]:
    """Write tickets, and among them near and exact duplicates of earlier ones."""
    random = Random(seed)
    unique = iter(write_tickets(count, seed))
    sent: list[Labelled] = [next(unique)]
    originals = [*sent]
    while len(sent) < count:
        chance = random.random()
        if chance >= NEAR + EXACT:
            originals.append(next(unique))
            sent.append(originals[-1])
            continue
        text, intent = random.choice(originals)
        ending = random.choice(["!!", " Please!", " ASAP", " ??"])
        sent.append((text if chance < EXACT else mistype(text.rstrip(".!? "), random) + ending, intent))
    return sent


def write_tickets(count: int, seed: int) -> list[Labelled]:
    """Take different tickets of one intent from the simulation."""
    made, texts = generate(seed, 8 * count + 100), dict[str, str]()
    for message, truth in zip(made.messages, made.truth, strict=True):
        ticket = parse_ticket(message.value)
        if isinstance(ticket, Ticket) and truth.kind == "ticket" and truth.intent:
            texts.setdefault(ticket.text, truth.intent)
    return [*texts.items()]


def read_all(folder: Path, slm: LanguageModel, intents: Sequence[Intent]) -> Callable[[Sequence[str]], list[str]]:
    """Let CTranslate2 label texts, each on its own; its prior is taken off."""

    prompt = code_prompt(slm, MESSAGE, [name_text(intent) for intent in intents], range(len(intents)))
    generator = ctranslate2.Generator(str(folder), compute_type="int8", intra_threads=2, inter_threads=1)
    run = ctranslate(generator, slm, Task(prompt, [], []), 768, False)
    prior = run([()])[0]

    def read(texts: Sequence[str]) -> list[str]:
        logs = calibrate(run([slm.tokens(text) for text in texts]), prior)
        return [intents[int(place)].name for place in np.argmax(logs, axis=1)]

    return read


def measure(spark: SparkSession, root: Path, options: argparse.Namespace) -> dict[str, object]:
    """Send micro-batches through both in turn; gives all that is shown."""
    uri = f"sqlite:///{root / 'mlflow' / 'mlflow.db'}"
    prepare_registry(uri, say)
    intents, settings = load_intents(INTENTS), LabellingSettings()
    pinned = pin_versions(uri, ModelSettings(prompt_uri=options.prompt), slm_needed=True)
    slm = own_model(pinned, uri)
    stream = Stream(spark, root, build_voters(pinned, intents, settings, uri), settings)
    sent = make_stream(options.batch * (options.rounds + 1), options.seed)
    seconds: dict[str, list[float]] = {"ours": [], "ours, labels alone": [], "CTranslate2 int8": []}
    told: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        read = read_all(convert(prepare_slm(cache_folder(), say), Path(scratch) / "ct2"), slm, intents)
        for start in range(0, len(sent), options.batch):
            texts = [text for text, _ in sent[start : start + options.batch]]
            both, labels = stream.take(texts, start)
            begin = perf_counter()
            told += read(texts)
            for name, took in zip(seconds, (both, labels, perf_counter() - begin), strict=True):
                seconds[name].append(took)
            say(f"batch {start // options.batch}: " + ", ".join(f"{name} {s[-1]:.1f} s" for name, s in seconds.items()))
    counted = {name: each[1:] for name, each in seconds.items()}
    theirs = counted["CTranslate2 int8"]
    return {
        "tickets a batch": options.batch,
        "rounds": options.rounds,
        "prompt": options.prompt,
        "tickets_a_second": {name: options.batch * options.rounds / sum(each) for name, each in counted.items()},
        "times_faster": {name: ratios(theirs, counted[name]) for name in counted if name.startswith("ours")},
        "right": {
            "ours": right(stream_answers(stream, sent), sent),
            "CTranslate2 int8": right(told, sent),
        },
        "votes": stream.tiers(),
    }


def own_model(pinned: PinnedVersions, uri: str) -> LanguageModel:
    """Load the language model that votes."""
    if pinned.slm is None:
        raise RuntimeError("No language model was pinned.")
    return load_slm(pinned.slm, uri)


def stream_answers(stream: Stream, sent: Sequence[Labelled]) -> list[str]:
    """What ours says of each ticket, in their order."""
    answers = stream.answers()
    keys = [row.text_key for row in redacted_rows(stream.spark, [text for text, _ in sent], 0).collect()]
    return [answers[key] for key in keys]


def right(told: Sequence[str], sent: Sequence[Labelled]) -> float:
    """The share of tickets that got their intent."""
    return sum(label == truth for label, (_, truth) in zip(told, sent, strict=True)) / len(sent)


def show(result: dict[str, object]) -> None:
    """Print the table."""
    print(f"{'':24}{'tickets/s':>10}{'x CTranslate2':>15}{'least':>8}{'most':>8}{'right':>8}")
    for name, speed in result["tickets_a_second"].items():
        times, accuracy = result["times_faster"].get(name), result["right"].get(name)
        told = f"{times['median']:15.2f}{times['least']:8.2f}{times['greatest']:8.2f}" if times else " " * 31
        print(f"{name:24}{speed:10.1f}{told}" + (f"{accuracy:8.1%}" if accuracy else ""))
    print(f"bar {BAR}; votes: {result['votes']}")


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__, batch=1000, rounds=4, seed=3, prompt="prompts:/intent-prompt@champion")
    options = parser.parse_args()
    torch_and_transformers()
    with lasting_session(Settings(spark=SparkSettings(master="local[2]"))) as (spark, root):
        result = measure(spark, root, options)
    write_json(result, options.json)
    show(result)


if __name__ == "__main__":
    main()
