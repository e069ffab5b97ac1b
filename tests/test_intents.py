from pathlib import Path

import pytest

from pipelines.errors import InputDataError
from pipelines.intents import (
    Intent,
    LabelSet,
    dump_intents,
    examples_hash,
    label_set_hash,
    load_intents,
    load_label_set,
)

INTENTS = [
    Intent("refund", "Money: back, please", ("Where's my money?", "caf\u00e9 #1")),
    Intent("card arrival", was=("card",)),
]


def written(folder: Path, content: str) -> Path:
    path = folder / "intents.yml"
    path.write_text(content, encoding="utf-8")
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    dump_intents(INTENTS, tmp_path / "intents.yml")
    assert load_intents(tmp_path / "intents.yml") == INTENTS


def test_a_bare_name_is_an_intent(tmp_path: Path) -> None:
    assert load_intents(written(tmp_path, "intents: [refund, {name: card}]")) == [Intent("refund"), Intent("card")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "must hold `intents:`"),
        ("intents: []", "must hold `intents:`"),
        ("- refund", "must hold `intents:`"),
        ("intents: [", "not valid YAML"),
        ("intents: [7]", "entry 1: expected a name"),
        ("intents: [refund, {description: x}]", "entry 2: expected a name"),
        ("intents: [{name: a, colour: red}]", "unknown key colour"),
        ("intents: [{name: a, examples: one}]", "must be a list of texts"),
        ("intents: [{name: a, examples: ['']}]", "must be a list of texts"),
        ("intents: [{name: a, examples: [" + "a, " * 51 + "]}]", "51 examples, at most 50"),
        ("intents: [ok, 'a,b']", "without comma, bar or quote"),
        ("intents: ['a|b']", "without comma, bar or quote"),
        ("intents: ['']", "1 to 80 characters"),
        ("intents: [unknown]", "not 'unknown'"),
        ("intents: [a, b, a]", "'a' stands there twice"),
        ("intents: [{name: a, was: b}]", "`was` must be a list of texts"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(InputDataError, match=words):
        load_intents(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("intents: [a]\nretired: b", "`retired` must be a list of names"),
        ("intents: [a]\nretired: [a]", "'a' stands there 2 times"),
        ("intents: [{name: a, was: [a]}]", "'a' stands there 2 times"),
        ("intents: [{name: a, was: [c]}, {name: b, was: [c]}]", "'c' stands there 2 times.*belongs under `retired`"),
    ],
)
def test_a_former_name_has_one_fate(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(InputDataError, match=words):
        load_label_set(written(tmp_path, content))


def test_the_label_set_knows_what_became_of_former_names(tmp_path: Path) -> None:
    content = "intents: [refund, {name: card_gone, was: [card_lost, card_stolen]}]\nretired: [other]"
    labels = load_label_set(written(tmp_path, content))
    assert labels == LabelSet(
        ("refund", "card_gone"), {"card_lost": "card_gone", "card_stolen": "card_gone"}, frozenset({"other"})
    )
    assert labels.former == {"card_lost", "card_stolen", "other"}


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputDataError, match="cannot be read"):
        load_intents(tmp_path / "none.yml")


def test_fingerprints_see_names_descriptions_and_examples_but_not_their_order() -> None:
    turned = [INTENTS[1], Intent("refund", INTENTS[0].description, INTENTS[0].examples[::-1])]
    assert label_set_hash(turned) == label_set_hash(INTENTS)
    assert examples_hash(turned) == examples_hash(INTENTS)
    assert label_set_hash([Intent("refund", "other"), INTENTS[1]]) != label_set_hash(INTENTS)
    assert examples_hash(INTENTS[1:]) != examples_hash(INTENTS)
