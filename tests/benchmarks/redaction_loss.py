"""What a classifier loses when it learns from redacted texts: the same model on the same folds, raw against redacted.

    pip install 'intent-lakehouse[bench]'
    python -m tests.benchmarks.redaction_loss ../shared/data/banking77/train.csv --label-column category

Cross-validation judges every text once by a model that has not seen it. The difference is taken text by text, so its
interval (bootstrap over texts) is far narrower than that of either accuracy. `--planted` puts a made-up personal value
(12 types, tests/canaries.py) behind every text first: real question sets hold few. `--encoder` adds the product's own
sentence encoder.
"""

import argparse
import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from pipelines.adapters.detectors import redact_texts
from pipelines.adapters.embedded_models import cache_folder, prepare_encoder
from pipelines.configuration import load_settings
from pipelines.transforms.normalisation import normalise_text
from tests.benchmarks.report import make_parser, say, write_json
from tests.canaries import make_canaries

DRAWS = 2_000
WAYS = {"raw": ["raw"], "redacted": ["redacted", "raw"]}
"""What is tested by what it was trained on."""

Right = np.ndarray
"""Whether each text was classified rightly by the model that had not seen it."""
Predict = Callable[[np.ndarray, str], np.ndarray]
"""Label the texts of some places, in a form of them."""
Train = Callable[[np.ndarray, str], Predict]
"""Learn from the texts of some places, in a form of them."""


def train_words(forms: dict[str, list[str]], labels: np.ndarray) -> Train:
    """TF-IDF of words and pairs of words, then logistic regression."""

    def train(places: np.ndarray, form: str) -> Predict:
        model = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=20, max_iter=150)
        )
        model.fit([forms[form][place] for place in places], labels[places])
        return lambda others, other: model.predict([forms[other][place] for place in others])

    return train


def train_vectors(forms: dict[str, list[str]], labels: np.ndarray) -> Train:
    """The product's sentence encoder, then logistic regression; texts that redaction left alone are encoded once."""
    distinct = sorted({text for texts in forms.values() for text in texts})
    vectors = dict(zip(distinct, encode(distinct), strict=True))
    stacked = {form: np.stack([vectors[text] for text in texts]) for form, texts in forms.items()}

    def train(places: np.ndarray, form: str) -> Predict:
        model = LogisticRegression(C=20, max_iter=150).fit(stacked[form][places], labels[places])
        return lambda others, other: model.predict(stacked[other][others])

    return train


def encode(texts: Sequence[str]) -> np.ndarray:
    """Encode texts with the embedded encoder, straight from its files."""
    from transformers import AutoModel, AutoTokenizer

    from pipelines.adapters.encoder import build_encoder
    from pipelines.adapters.hardware import choose_place

    folder = prepare_encoder(cache_folder())
    network = AutoModel.from_pretrained(folder, use_safetensors=True, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return build_encoder(tokenizer, network.float().eval(), choose_place("auto")).encode(texts)


def judge(train: Train, labels: np.ndarray, folds: int, seed: int) -> dict[str, Right]:
    """Classify every text once in each of the ways."""
    right = {f"{form} on {other}": np.zeros(len(labels), np.bool_) for form, others in WAYS.items() for other in others}
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    for number, (known, unseen) in enumerate(splits, 1):
        for form, others in WAYS.items():
            predict = train(known, form)
            for other in others:
                right[f"{form} on {other}"][unseen] = predict(unseen, other) == labels[unseen]
        say(f"fold {number} of {folds}")
    return right


def interval(differences: np.ndarray, seed: int) -> tuple[float, float]:
    """95 % of the means of texts drawn anew."""
    draw = np.random.default_rng(seed)
    means = [differences[draw.integers(0, len(differences), len(differences))].mean() for _ in range(DRAWS)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def summarise(right: dict[str, Right], seed: int) -> dict[str, dict[str, float]]:
    """Give accuracies, and what is lost against raw on raw, in points."""
    base = right["raw on raw"].astype(float)
    rows = {}
    for name, one in right.items():
        low, high = interval(base - one, seed)
        rows[name] = {"accuracy": float(one.mean()), "lost": 100 * float((base - one).mean())}
        rows[name] |= {"lost_low": 100 * low, "lost_high": 100 * high}
    return rows


def read_texts(options: argparse.Namespace) -> tuple[list[str], np.ndarray]:
    """Read texts and labels of a CSV file; with `--planted`, a personal value behind every text."""
    with options.file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows = rows[:: max(1, len(rows) // options.most)] if options.most else rows
    texts = [normalise_text(row[options.text_column]) for row in rows]
    if options.planted:
        canaries = [canary.text.partition(", ")[2] for canary in make_canaries()]
        texts = [f"{text}\n{canaries[place % len(canaries)]}" for place, text in enumerate(texts)]
    return texts, np.array([row[options.label_column] for row in rows])


def show(result: dict[str, object]) -> None:
    """Print the table."""
    print(f"{result['texts']} texts, {result['labels']} labels, {result['changed']} texts changed by redaction")
    print(f"{'':30}{'accuracy':>9}{'points lost':>13}{'95 % interval':>18}")
    for classifier, rows in result["classifiers"].items():
        for name, row in rows.items():
            span = f"{row['lost_low']:.2f} to {row['lost_high']:.2f}"
            print(f"{classifier + ', ' + name:30}{row['accuracy']:9.4f}{row['lost']:13.2f}{span:>18}")


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, text_column="text", label_column="label", folds=5, seed=1)
    parser.add_argument("file", type=Path)
    parser.add_argument("--most", type=int, help="take about that many rows, evenly spread")
    parser.add_argument("--planted", action="store_true")
    parser.add_argument("--encoder", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Redact, cross-validate, print."""
    options = read_options()
    raw, labels = read_texts(options)
    redacted = [str(one.text) for one in redact_texts(raw, load_settings([], environment={}).redaction)]
    forms = {"raw": raw, "redacted": redacted}
    makers = {"words": train_words} | ({"encoder": train_vectors} if options.encoder else {})
    result: dict[str, object] = {
        "texts": len(raw),
        "labels": len(set(labels)),
        "changed": sum(one != other for one, other in zip(raw, redacted, strict=True)),
        "folds": options.folds,
        "seed": options.seed,
        "planted": options.planted,
        "classifiers": {
            name: summarise(judge(make(forms, labels), labels, options.folds, options.seed), options.seed)
            for name, make in makers.items()
        },
    }
    write_json(result, options.json)
    show(result)


if __name__ == "__main__":
    main()
