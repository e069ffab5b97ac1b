"""Addresses found by their shape; no model and no long list."""

import pytest

from pipelines.adapters.addresses import AddressFinder
from pipelines.adapters.gazetteer import Gazetteer

LISTS = Gazetteer(
    names=frozenset({"jordan"}),
    common_given=frozenset(),
    cities=frozenset({"marseille"}),
    countries=frozenset({"spain", "greenland", "jordan", "south africa"}),
    ordinary=frozenset(
        {"dollars", "on", "the", "card", "please", "call", "thanks", "paid", "times", "marseille", "order"}
    ),
    doing=frozenset(),
)
FINDER = AddressFinder(LISTS)


def found(text: str) -> list[str]:
    kept: list[tuple[int, int]] = []
    for start, end, _ in sorted(FINDER.find(text), key=lambda one: one[0] - one[1]):
        if not any(low <= start and end <= high for low, high in kept):
            kept.append((start, end))
    return [text[start:end] for start, end in sorted(kept)]


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("ship to 21 Stone Cellar Road, Okoia, Greenland 3912 today", ["21 Stone Cellar Road, Okoia, Greenland 3912"]),
        ("> Ann\n> 228 Ringvej 144\n> Apt. 902\n> Qaqortoq\n> Greenland 3912\n> bye", [
            "228 Ringvej 144\n> Apt. 902\n> Qaqortoq\n> Greenland 3912"
        ]),
        ("at Unit 8505 Box 3866\nDPO AP 91234. Thanks", ["Unit 8505 Box 3866\nDPO AP 91234"]),
        ("it is 11 Lauzonweg 9 Suite 3 Nicosia Greenland last night", ["11 Lauzonweg 9 Suite 3 Nicosia Greenland"]),
        ("his address: 46 cours franklin, marseille", ["46 cours franklin, marseille"]),
        ("my zip code is 29960", ["29960"]),
        ("I live in Egyek.", ["Egyek"]),
        ("We moved here from Spain", ["Spain"]),
        ("meet me at the corner of Koepoortwal 115 and Hansen Street.", ["Koepoortwal 115 and Hansen Street"]),
        ("send it to Hegedus Gyula utca 76.", ["Hegedus Gyula utca 76"]),
    ],
)  # fmt: skip
def test_addresses_are_found(text: str, addresses: list[str]) -> None:
    assert found(text) == addresses


@pytest.mark.parametrize(
    "text",
    [
        "I paid 50 dollars on 12 card",
        "a transfer from Spain is pending",
        "on 29 March 2017 it came",
        "order 4711 times 3",
        "under 15 U.S. Code 1681 it is",
        "my address is wrong even though it was right 12 times",
        "card 4111 exp 12/27",
        "jordan called, please call back",
    ],
)
def test_what_is_no_address_stays(text: str) -> None:
    assert found(text) == []
