"""The usual first classifier on exported rows: what any other model has to be better than."""

from dataclasses import dataclass

import pandas as pd

from pipelines.errors import MissingDependencyError
from pipelines.kernels.statistics import clopper_pearson
from pipelines.vocabulary import Split

LEAST_CLASSES = 2


@dataclass(frozen=True)
class Baseline:
    """How right a baseline is on the test split.

    Attributes:
        trained: rows of the train split.
        tested: rows of the test split.
        right: of these, how many got their label.
        macro_f1: mean of the F1 of each class of the test split; not a number where there is no test.
        confusion: test rows by label in the data (rows) and label that the classifier gave (columns); may be empty.
    """

    trained: int
    tested: int
    right: int
    macro_f1: float
    confusion: pd.DataFrame

    @property
    def sentence(self) -> str:
        """Say how good it is, with an exact 95 % interval, or why nobody knows."""
        if self.confusion.empty:
            return (
                f"No baseline: it takes two classes in the train split and a test split; there are {self.trained:,} "
                f"rows to train on and {self.tested:,} to test on."
            )
        low, high = clopper_pearson(self.right, self.tested)
        return (
            f"TF-IDF and logistic regression, trained on {self.trained:,} rows, gives {self.right:,} of "
            f"{self.tested:,} test rows their label: {self.right / self.tested:.1%} (95 % interval {low:.1%} to "
            f"{high:.1%}), macro F1 {self.macro_f1:.2f}."
        )


def fit_baseline(rows: pd.DataFrame) -> Baseline:
    """Train TF-IDF of words and pairs of words with logistic regression on the train split, and test it.

    Args:
        rows: an export's `text`, `label` and `split`.

    Raises:
        MissingDependencyError: without scikit-learn.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import f1_score
        from sklearn.pipeline import make_pipeline
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "A baseline needs scikit-learn, which is not installed. Type: pip install 'intent-lakehouse[notebooks]'"
        ) from error
    train, test = (rows[rows["split"] == split] for split in (Split.TRAIN, Split.TEST))
    if train["label"].nunique() < LEAST_CLASSES or test.empty:
        return Baseline(len(train), len(test), 0, float("nan"), pd.DataFrame())
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    classifier = make_pipeline(words, LogisticRegression(C=10, max_iter=1000))
    said = classifier.fit(train["text"], train["label"]).predict(test["text"])
    right = int((said == test["label"]).sum())
    macro_f1 = float(f1_score(test["label"], said, average="macro", labels=sorted(test["label"].unique())))
    confusion = pd.crosstab(test["label"].to_numpy(), said)
    names = sorted({*confusion.index, *confusion.columns})
    return Baseline(len(train), len(test), right, macro_f1, confusion.reindex(index=names, columns=names, fill_value=0))
