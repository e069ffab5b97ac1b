"""The baseline on rows that words tell apart, and where it cannot be."""

import pandas as pd

from pipelines.adapters.baselines import fit_baseline

TEXTS = {"refund": "please give my money back", "login": "cannot sign in any more", "card": "my card was stolen"}


def rows(split: str, *labels: str) -> list[dict[str, str]]:
    return [{"text": f"{TEXTS[label]} {number}", "label": label, "split": split} for number, label in enumerate(labels)]


def test_it_learns_from_the_train_split_and_is_measured_on_the_test_split() -> None:
    # In the validation split every label is wrong: whoever learns from it, or is measured on it, is wrong too.
    swapped = [{"text": TEXTS["refund"], "label": "login", "split": "validation"}] * 50
    mistaken = {"text": TEXTS["login"], "label": "refund", "split": "test"}
    data = [*rows("train", *[*TEXTS] * 4), *swapped, *rows("test", "refund", "login", "login"), mistaken]
    found = fit_baseline(pd.DataFrame(data))
    assert (found.trained, found.tested, found.right) == (12, 4, 3)
    assert found.confusion.loc["refund"].to_dict() == {"login": 1, "refund": 1}
    assert found.confusion.loc["login"].to_dict() == {"login": 2, "refund": 0}
    # F1 of login: precision 2/3, recall 1; of refund: precision 1, recall 1/2.
    assert round(found.macro_f1, 6) == round((0.8 + 2 / 3) / 2, 6)
    assert found.sentence.startswith("TF-IDF and logistic regression, trained on 12 rows, gives 3 of 4 test rows")
    assert "75.0% (95 % interval 19.4% to 99.4%)" in found.sentence


def test_without_two_classes_or_a_test_split_it_says_so() -> None:
    nothing = pd.DataFrame(columns=["text", "label", "split"])
    untested, one_class = rows("train", "card", "login"), rows("train", "card", "card") + rows("test", "card")
    for data in (nothing, pd.DataFrame(untested), pd.DataFrame(one_class)):
        found = fit_baseline(data)
        assert found.confusion.empty
        assert found.sentence.startswith("No baseline: it takes two classes in the train split and a test split")
