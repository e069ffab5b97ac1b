"""Names without any list of names; the dictionary here is small and hand-made."""

from dataclasses import replace

import pytest

from pipelines.adapters.name_shapes import ShapeFinder, name_finder
from pipelines.adapters.names import NameFinder
from tests.adapters.test_names import LISTS

WORDS = replace(
    LISTS,
    names=frozenset(),
    common_given=frozenset(),
    ordinary=LISTS.ordinary
    | {"christian", "david", "frank", "hill", "bank", "support", "payment", "key"}
    | {"and", "to", "was", "given", "real", "person", "speak"},
    doing=LISTS.doing
    | {"frank", "key", "told", "had", "given", "asked", "about", "appear"}
    | {"the", "and", "to", "was", "ask"},
)
FINDER = ShapeFinder(WORDS)


def found(text: str) -> list[str]:
    return sorted({text[start:end] for start, end, _ in FINDER.find(text)})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ask Zlata Novak about it", ["Zlata Novak"]),
        ("ask Zlata K. Hill, MD about it", ["Zlata K. Hill, MD"]),
        ("> rose yamamura\n> 12 lane", ["rose yamamura"]),
        ("mr. hill asked", ["hill"]),
        ("my name is hyuuma maida", ["hyuuma maida"]),
        ("What is your name? david pinto", ["david pinto"]),
        ("Her maiden name is Key", ["Key"]),
        ("Frank had given Ludmila his card", ["Frank", "Ludmila"]),
        ("here is Oliverio's address", ["Oliverio"]),
        ("David is a very friendly person", ["David"]),
    ],
)
def test_names_are_found(text: str, names: list[str]) -> None:
    assert found(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "My name appears wrong on the card",
        "Payment is in the bank",
        "my payment and card",
        "ask the Bank Support team",
        "CAN I SPEAK TO A REAL PERSON",
        "It was given to the bank",
        "the recieve mony card",
        "In May Monday is here",
    ],
)
def test_words_of_the_trade_are_no_names(text: str) -> None:
    assert found(text) == []


def test_names_of_one_enumeration_go_together_and_a_part_goes_as_it_is_written() -> None:
    text = "Zlata Novak, Hill and Frank asked. Zlata told the bank about hill"
    again = {text[start:end] for start, end in FINDER.find_again(text, [(0, 11)])}
    assert again == {"Zlata Novak", "Hill", "Frank", "Zlata"}


def test_a_model_is_shown_pairs_with_capitals_and_believed_where_a_word_has_one() -> None:
    assert FINDER.recase("ask rose yamamura about my card") == "ask Rose Yamamura about my card"
    assert FINDER.recase("Ask rose yamamura") == "Ask rose yamamura"
    assert FINDER.is_plausible("David")
    assert FINDER.is_plausible("yamamura")
    assert not FINDER.is_plausible("david")
    assert not FINDER.is_plausible("A REAL BANK")
    assert not FINDER.is_plausible("Is")
    assert FINDER.may_name("David asked")
    assert not FINDER.may_name("my payment is in the bank")


def test_lists_decide_who_looks() -> None:
    assert type(name_finder(LISTS)) is NameFinder
    assert type(name_finder(WORDS)) is ShapeFinder
