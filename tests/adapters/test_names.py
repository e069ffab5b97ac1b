"""Names found by lists and by what stands beside them; the lists here are small and hand-made."""

import pytest

from pipelines.adapters.gazetteer import Gazetteer
from pipelines.adapters.names import NameFinder

LISTS = Gazetteer(
    names=frozenset({"sierra", "lilja", "mark", "rose", "anna", "will", "smith", "brooks", "zlata", "novak", "may"}),
    common_given=frozenset({"anna", "mark"}),
    cities=frozenset({"sierra"}),
    countries=frozenset({"spain"}),
    ordinary=frozenset(
        {
            "mark",
            "rose",
            "will",
            "brook",
            "card",
            "is",
            "the",
            "my",
            "i",
            "can",
            "grant",
            "anna",
            "tale",
            "ask",
            "about",
        }
        | {"points", "out", "so", "called", "it", "she", "give", "here", "from", "hello", "asked", "in", "with"}
    ),
    doing=frozenset({"mark", "will", "can", "is"}),
)
FINDER = NameFinder(LISTS)


def found(text: str) -> list[str]:
    return sorted({text[start:end] for start, end, _ in FINDER.find(text)})


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ask zlata novak about it", ["zlata novak"]),
        ("ask Anna K. Novak about it", ["Anna K. Novak"]),
        ("ask Zlata de la Novak, MD about it", ["Zlata de la Novak, MD"]),
        ("so anna bizier points out", ["anna bizier"]),
        ("give Zlata's card", ["Zlata"]),
        ("Mark is from here", ["Mark"]),
        ("I asked Mark about it", ["Mark"]),
        ("dr. quinzia called", ["quinzia"]),
        ("my name is Yaco Angulo, hello", ["Yaco Angulo"]),
        ("here is Fiammetta's address", ["Fiammetta"]),
        ("> Rose Brooks\n> 12 Lane", ["Rose Brooks"]),
    ],
)
def test_names_are_found(text: str, names: list[str]) -> None:
    assert found(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "Can I use my card",
        "Will I get it",
        "mark the card",
        "CAN I SPEAK",
        "I may rose",
        "my card is in Spain",
        "Mark my card",
        "XXXX XXXX asked",
    ],
)
def test_words_that_are_names_as_well_stay(text: str) -> None:
    assert found(text) == []


def test_a_name_is_found_again_whole_and_in_part() -> None:
    text = "Zlata Novak wrote. novak, and Zlata Novak, wait; Mark does not."
    first = [(0, 11)]
    again = {text[start:end] for start, end in FINDER.find_again(text, first)}
    assert again == {"Zlata Novak", "novak", "Zlata", "Novak"}
    assert list(FINDER.find_again("Mark Rose, please mark the rose", [(0, 9)])) == [(0, 9)]


def test_lower_cased_names_get_their_capital_and_nothing_moves() -> None:
    text = "ask zlata, she is in spain with anna"
    assert FINDER.recase(text) == "ask Zlata, she is in Spain with Anna"
    assert FINDER.recase("Ask Zlata about anna") == "Ask Zlata about anna"


def test_a_person_of_dictionary_words_alone_is_not_plausible() -> None:
    assert not FINDER.is_plausible("Tales")
    assert not FINDER.is_plausible("The Card")
    assert FINDER.is_plausible("Rose")
    assert FINDER.is_plausible("Bekbolat")


def test_a_sentence_may_name_somebody_by_an_unheard_word_or_a_capital_but_not_by_a_placeholder() -> None:
    finder = NameFinder(LISTS)
    told = ["ask zlata about my card", "ask about the Card", "ask <PERSON> about my <CREDIT_CARD>", "Ask about my card"]
    assert [finder.may_name(sentence) for sentence in told] == [True, True, False, False]
