"""Redacted tickets a second on one core: ours and Presidio's BatchAnalyzerEngine, with what they find in the same run.

    pip install 'intent-lakehouse[redact,bench]'
    python -m tests.benchmarks.redaction --json result.json   # 100 texts a corpus, 5 rounds: some minutes

Both have the same spaCy model, the same types and the same least score. Ours goes the whole way: normalise, find, read
again what was changed until nothing more is found, replace. Presidio's only finds, once; it reads 64 texts a batch.
`unique`: different texts. `stream`: 30 % are copies of earlier ones, 30 % are earlier ones with a sentence changed or
added, in batches of 1,000 as they come from Arrow. Before each run ours forgets all sentences and numbers that it has
met; words are kept by both. `structured`: both run the very same recognizers of Presidio (cards, phones, security and
account numbers, IP addresses, ...), and the spans are compared text by text. Rounds are interleaved, ratios are taken
within a round, and a corpus is read up to MOST_CHARS; times are those of the processor, since others may use the
machine. What is not in ../shared/data is left out, and said.
"""

import csv
import json
import logging
import os
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import process_time

# Before any of them starts its threads.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.setdefault("REGEX_TIMEOUT_SECONDS", "10")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine, EntityRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine

from pipelines.adapters import detectors
from pipelines.adapters.entities import sentences
from pipelines.adapters.screens import Screens, outermost
from pipelines.configuration import load_settings
from tests.benchmarks.made_up_tickets import make_tickets
from tests.benchmarks.report import DATA, make_parser, ratios, say, write_json

SETTINGS = load_settings([], environment={}).redaction
STRUCTURED = (
    "CREDIT_CARD", "US_SSN", "IP_ADDRESS", "CRYPTO", "US_PASSPORT", "US_DRIVER_LICENSE", "US_BANK_NUMBER",
    "PHONE_NUMBER",
)  # fmt: skip
"""Types whose recognizers are Presidio's own, unchanged."""
BATCH = 64
ARROW_BATCH = 1000
MOST_CHARS = 40_000
"""Of a corpus: complaints are ten times as long as the other texts."""
Spans = set[tuple[int, int, str]]


@dataclass
class Contest:
    """One comparison: seconds of each contestant, round by round."""

    name: str
    texts: list[str]
    seconds: dict[str, list[float]]


def read_corpora(most: int, data: Path) -> dict[str, list[str]]:
    """Read different texts of each corpus, spread over it; made-up ones need no file."""
    readers: dict[str, Callable[[Path], Iterable[str]]] = {
        "pii_presidio/samples.jsonl": lambda path: (json.loads(line)["text"] for line in path.open(encoding="utf-8")),
        "cfpb_complaints/complaints.csv": lambda path: column(path, "narrative"),
        "banking77/train.csv": lambda path: column(path, "text"),
    }
    corpora = {}
    for name, read in readers.items():
        if (data / name).is_file():
            texts = list(dict.fromkeys(read(data / name)))
            spread = texts[:: max(1, len(texts) // most)][:most]
            fitting = max(1, MOST_CHARS * len(spread) // max(1, sum(map(len, spread))))
            corpora[name.partition("/")[0]] = spread[:fitting]
        else:
            say(f"{name}: left out, since it is not in {data}")
    corpora["made_up"] = list(dict.fromkeys(make_tickets(most, 1, 0, 0)))
    return corpora


def column(path: Path, part: str) -> Iterable[str]:
    """Give the filled cells of the column whose name holds a word."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        name = next(one for one in rows.fieldnames or () if part in one.lower())
        return [row[name] for row in rows if row[name]]


def make_stream(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """Draw new texts, copies (30 %) and earlier texts with one sentence changed or added (30 %)."""
    random, new, stream = Random(seed), iter(texts), []
    spare = [text[start:end] for text in texts for start, end in sentences(text)]
    for _ in range(count):
        kind = random.random()
        if stream and kind < 0.3:
            stream.append(random.choice(stream))
        elif stream and kind < 0.6:
            stream.append(edit(random.choice(stream), random.choice(spare), random))
        else:
            fresh = next(new, None)
            if fresh is None:
                break
            stream.append(fresh)
    return stream


def edit(text: str, sentence: str, random: Random) -> str:
    """Put a sentence in the place of one, or behind one."""
    start, end = random.choice(list(sentences(text)) or [(0, len(text))])
    return f"{text[: end if random.random() < 0.5 else start].rstrip()} {sentence} {text[end:].lstrip()}".strip()


def stock_recognizers(types: Sequence[str]) -> list[EntityRecognizer]:
    """Give Presidio's recognizers of some types."""
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    return [one for one in registry.recognizers if not set(types).isdisjoint(one.supported_entities)]


def presidio(types: Sequence[str], unused: Sequence[str] = ()) -> Callable[[Sequence[str]], list[Spans]]:
    """Build Presidio's engine over the same model, whole or without the pipes that only grammar needs."""
    models = [{"lang_code": "en", "model_name": SETTINGS.spacy_model}]
    nlp = SpacyNlpEngine(models, NerModelConfiguration(labels_to_ignore=["CARDINAL", "ORDINAL"]))
    nlp.load()
    for pipe in unused:
        nlp.get_nlp("en").remove_pipe(pipe)
    registry = RecognizerRegistry(recognizers=stock_recognizers(types), supported_languages=["en"])
    engine = BatchAnalyzerEngine(AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"]))

    def find(texts: Sequence[str]) -> list[Spans]:
        found = engine.analyze_iterator(
            texts, "en", batch_size=BATCH, entities=list(types), score_threshold=SETTINGS.min_score
        )
        return [{(one.start, one.end, one.entity_type) for one in results} for results in found]

    return find


def ours_whole(texts: Sequence[str]) -> None:
    """Redact as the product does, batch by batch, with no sentence known before."""
    forget()
    for first in range(0, len(texts), ARROW_BATCH):
        detectors.redact_texts(texts[first : first + ARROW_BATCH], SETTINGS)


def ours_structured(screens: Screens, texts: Sequence[str]) -> list[Spans]:
    """Run Presidio's recognizers behind our screens; equal texts once, as the product does."""
    forget_numbers(screens)
    found = {
        text: {
            (span.start, span.end, span.type)
            for span in outermost(screens.find(text))
            if span.score >= SETTINGS.min_score
        }
        for text in dict.fromkeys(texts)
    }
    return [found[text] for text in texts]


def forget() -> None:
    """Forget the sentences and numbers that were met."""
    engine = detectors.load_engine(SETTINGS)
    engine.entities.memory.values.clear()
    forget_numbers(engine.screens)


def forget_numbers(screens: Screens) -> None:
    """Forget the numbers that were looked at."""
    for part in screens.parts:
        if part.phones:
            part.phones.memory.values.clear()


def compete(name: str, texts: list[str], runners: dict[str, Callable[[Sequence[str]], object]], rounds: int) -> Contest:
    """Time everybody in turn."""
    contest = Contest(name, texts, {runner: [] for runner in runners})
    for number in range(rounds):
        for runner, run in runners.items():
            start = process_time()
            run(texts)
            contest.seconds[runner].append(process_time() - start)
        speeds = ", ".join(f"{runner} {len(texts) / times[-1]:.0f}/s" for runner, times in contest.seconds.items())
        say(f"{name}, round {number + 1}: {speeds}")
    return contest


def compare(screens: Screens, ours: list[Spans], theirs: list[Spans], texts: list[str]) -> dict[str, object]:
    """Count texts with the same spans, and say of the others which types differ and why."""
    causes: Counter[str] = Counter()
    for mine, other, text in zip(ours, theirs, texts, strict=True):
        unsure = {(span.start, span.end, span.type) for span in screens.find(text)}
        for _, _, kind in (one for one in mine ^ other if one in unsure):
            causes[f"{kind}: the score, by a context word's lemma"] += 1
        for _, _, kind in (one for one in mine ^ other if one not in unsure):
            causes[f"{kind}: not found by ours"] += 1
    same = sum(mine == other for mine, other in zip(ours, theirs, strict=True))
    return {"same_spans": same / len(texts), "spans": sum(map(len, theirs)), "causes": dict(causes)}


def summarise(contest: Contest, more: dict[str, object]) -> dict[str, object]:
    """Everything measured of one comparison, ready for JSON."""
    return {
        "contest": contest.name,
        "texts": len(contest.texts),
        "different": len(set(contest.texts)),
        "tickets_a_second": {
            name: len(contest.texts) / statistics.median(times) for name, times in contest.seconds.items()
        },
        "times_ours": {
            name: ratios(times, contest.seconds["ours"]) for name, times in contest.seconds.items() if name != "ours"
        },
        **more,
    }


def show(results: list[dict[str, object]]) -> None:
    """Print the table."""
    print(f"{'':34}{'texts':>7}{'ours/s':>9}   {'against':26}{'/s':>8}{'x ours':>9}{'least':>8}{'most':>8}{'same':>9}")
    for result in results:
        speeds = result["tickets_a_second"]
        for name, ratio in result["times_ours"].items():
            same = f"{result['same_spans']:9.2%}" if "same_spans" in result else ""
            print(
                f"{result['contest']:34}{result['texts']:7}{speeds['ours']:9.0f}   {name:26}{speeds[name]:8.0f}", end=""
            )
            print(f"{ratio['median']:9.1f}{ratio['least']:8.1f}{ratio['greatest']:8.1f}{same}")
        for cause, count in result.get("causes", {}).items():
            print(f"{'':34}{count} x {cause}")


def measure(corpora: dict[str, list[str]], rounds: int, seed: int) -> list[dict[str, object]]:
    """Run all comparisons."""
    types = [name for name in SETTINGS.names if name != "ACCOUNT_NUMBER"]
    whole = presidio(types)
    lean = presidio(types, ["parser", "attribute_ruler", "lemmatizer", "tagger"])
    number_reader = presidio(STRUCTURED)
    engine = detectors.load_engine(SETTINGS)
    screens = Screens(stock_recognizers(STRUCTURED), engine.entities.tagger, "en", STRUCTURED)
    everybody = {"ours": ours_whole, "Presidio": whole, "Presidio, grammar left out": lean}
    product = {"ours": ours_whole, "Presidio": whole}
    same = {"ours": lambda texts: ours_structured(screens, texts), "Presidio": number_reader}
    for run in (*everybody.values(), *same.values()):
        run(["Ann Lee of Paris called +44 20 7946 0958 from 192.168.1.1."])
    results = []
    for name, texts in corpora.items():
        results.append(summarise(compete(f"unique {name}", texts, everybody, rounds), {}))
        stream = make_stream(texts, 2 * len(texts), seed)
        results.append(summarise(compete(f"stream {name}", stream, product, rounds), {}))
        found = compare(screens, same["ours"](texts), number_reader(texts), texts)
        results.append(summarise(compete(f"structured {name}", texts, same, rounds), found))
    return results


def main() -> None:
    """Read the options, measure, print."""
    options = make_parser(__doc__, texts=100, rounds=5, seed=1, data=DATA).parse_args()
    logging.disable(logging.CRITICAL)
    results = measure(read_corpora(options.texts, options.data), options.rounds, options.seed)
    write_json(results, options.json)
    show(results)


if __name__ == "__main__":
    main()
