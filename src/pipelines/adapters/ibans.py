"""IBANs by what their standard (ISO 13616, ISO 7064) says of them: country, length, check digits."""

import re
from collections.abc import Iterator

LENGTHS = {
    code: length
    for length, codes in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "AO CV GW LY MZ PT ST",
        26: "DZ IR IS TR",
        27: "BI CF CG CM DJ FR GA GQ GR IT KM MC MG MR SM TD",
        28: "AL AZ BF BJ BY CI CY DO GT HN HU LB MA ML NE NI PL SN SV TG",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for code in codes.split()
}
"""Characters of an IBAN by its country, as registered or, without a registration, as its banks write it."""

START = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\d{2}", re.ASCII | re.IGNORECASE)
NEXT = re.compile(r"[ -]?([A-Z0-9])", re.ASCII | re.IGNORECASE)


LONGEST, SHORTEST = 34, 15
MANY_DIGITS = 10
"""Behind country and check digits: what has fewer of them and no country's length is an order number and words."""


def find_ibans(text: str) -> Iterator[tuple[int, int, float]]:
    """Find IBANs in any case and grouping: start, end, score.

    One of its country's length is taken first; any other length only where it is mostly digits, since made-up numbers
    and those of new members are personal as well.
    """
    for match in START.finditer(text):
        start = match.start()
        for compact, end in readings(text, start):
            if not text[end : end + 1].isalnum() and has_right_digits(compact):
                yield start, end, 1.0
                break


def readings(text: str, start: int) -> Iterator[tuple[str, int]]:
    """Give what may be an IBAN from a place on, without spaces, and where it ends; the likeliest first."""
    compact, ends = text[start : start + 4].upper(), [start + 4]
    while len(compact) < LONGEST and (following := NEXT.match(text, ends[-1])):
        compact += following[1].upper()
        ends.append(following.end())
    length = LENGTHS.get(compact[:2], 0)
    if 0 < length <= len(compact):
        yield compact[:length], ends[length - 4]
    for size in range(len(compact), SHORTEST - 1, -1):
        if sum(map(str.isdigit, compact[4:size])) >= MANY_DIGITS:
            yield compact[:size], ends[size - 4]


def has_right_digits(compact: str) -> bool:
    """Check the two check digits (mod 97)."""
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1
