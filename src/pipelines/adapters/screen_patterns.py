"""What a text must hold for a recognizer to find anything in it: cheap patterns that run before the recognizer does."""

import re
from collections.abc import Callable

from pipelines.adapters.plate_patterns import PLATE_CUES
from pipelines.adapters.recognizers import CLOSING, GREETING, TITLE
from pipelines.adapters.secret_patterns import SECRET_NEEDS, has_secret_cue

FLAGS = re.IGNORECASE
SOMETHING = re.compile(
    r"[\d@.:dD(\[{<#](?:(?<=[\d@])|(?<=\w\.)\w|(?<=:)[/:]|(?<=\b[dD])[oO][tT]\b|(?<=[(\[{<#])[aA][tT]?[)\]}>#])"
)
"""What one written form at least must hold; without it, none of those below is looked for."""
PERSON_CUES = re.compile(
    rf"name\b|^(?:{GREETING}|good)\b|\b{CLOSING}\b|\b{TITLE}\b",
    FLAGS | re.MULTILINE,
)
"""What the patterns of names begin with: words, so that a text without any written form can have them."""
UNWRITTEN = frozenset({"Ticket_PERSON", "Ticket_SECRET"})
"""Recognizers that begin with words: SOMETHING is not asked for before their screens."""
Need = Callable[[str], object]
"""Says whether a text holds what a recognizer, or one pattern of it, needs."""
WRITTEN: dict[str, re.Pattern[str]] = {
    "CreditCardRecognizer": re.compile(r"\d(?:[ -]?\d){11}"),
    "Ticket_cards": re.compile(r"\d(?:[ -]?\d){11}"),
    # Both begin with a digit: said once, it is what is searched for.
    "Ticket_CREDIT_CARD": re.compile(r"\d(?:(?:[ -]?\d){11}|\d{3}(?:  |[./_]|<)\D{0,12}\d{4})"),
    "Ticket_CRYPTO": re.compile(r"0x[\da-f]{40}", FLAGS),
    "Ticket_EMAIL_ADDRESS": re.compile(
        r"[@dD(\[{<#&](?:(?<=@)|(?<=\b[dD])[oO][tT]\b|(?<=[(\[{<#])[aA][tT]?[)\]}>#]|(?<=&)#64;)"
    ),
    "Ticket_US_SSN": re.compile(r"\bssn\b|\bsocial security\b", FLAGS),
    "Ticket_URL": re.compile(r"[.:](?:(?<=\w\.)\w|(?<=:)//)"),
    "Ticket_PHONE_NUMBER": re.compile(r"\d[^\n]{0,3}\d"),
    "Ticket_found_IBAN_CODE": re.compile(r"\d(?<=[a-zA-Z]{2}\d)\d"),
    # What begins with bc1 has a 1 before the rest as well.
    "CryptoRecognizer": re.compile(r"[13][a-z0-9]{25}", FLAGS),
    "IpRecognizer": re.compile(r"[.:](?:(?<=\d\.)\d|(?<=:):|(?<=[\da-fA-F]:)[\da-fA-F])"),
    "PhoneRecognizer": re.compile(r"\d[^\d\n]{0,40}\d"),
    "UsBankRecognizer": re.compile(r"\d{8}"),
    "UsItinRecognizer": re.compile(r"9\d{2}[ -]?[5-9]\d"),
    "UsLicenseRecognizer": re.compile(r"\d(?:(?<=[a-zA-Z]\d)|\d{5})"),
    "UsPassportRecognizer": re.compile(r"\d{8}"),
    "UsSsnRecognizer": re.compile(r"\d{3}(?:\d\d-\d{4}|-\d{6}|\d{6}|[ .-]\d{2}[ .-]\d{4})"),
    "Ticket_LOCATION": re.compile(r"\d[a-z]? \w", FLAGS),
}
"""By recognizer: the form, or a part of it, that its findings have."""
SCREENS: dict[str, Need] = {
    **{name: pattern.search for name, pattern in WRITTEN.items()},
    "Ticket_PERSON": PERSON_CUES.search,
    "Ticket_LICENSE_PLATE": PLATE_CUES.stand_in,
    "Ticket_SECRET": has_secret_cue,
}
"""By recognizer: what a text must hold for a finding to be in it; one without a screen reads every text."""
RUN_OF_DIGITS = re.compile(r"\d+")
PHONE_CUES = (
    "phone", "tel", "mob", "cell", "fax", "office", "call", "reach", "ring", "text", "answering", "contact",
    "messages to", "registered", "dial", "my number", "whatsapp",
)  # fmt: skip
"""Something of each word of `recognizers.PHONE_WORD`."""
FAR_FROM_CUE = 40
"""More characters than can stand between the beginning of such a word and the first digit of its number."""


def has_cued_number(text: str) -> bool:
    """Say whether digits stand behind a word of phones."""
    if not text.isascii():  # other letters stand for some of these when case is ignored
        return True
    lowered = text.lower()
    starts = (digits.start() for digits in RUN_OF_DIGITS.finditer(text))
    return any(cue in lowered[max(0, start - FAR_FROM_CUE) : start] for start in starts for cue in PHONE_CUES)


def always(text: str) -> bool:
    """Need nothing."""
    return True


NEEDS: dict[str, tuple[Need, ...]] = {
    "Ticket_PHONE_NUMBER": (
        re.compile(r"\+\d").search,
        re.compile(r"00[1-9]").search,
        re.compile(r"\d[ .-]\d{4}").search,
        re.compile(r"\d-\d{4}").search,
        has_cued_number,
        re.compile(r"\d[ -](?:office|fax|mobile|cell|home|work)", FLAGS).search,
    ),
    "Ticket_SECRET": SECRET_NEEDS,
}
"""By recognizer, and in the order of its patterns: what a text must hold besides."""


def need_of(name: str, number: int) -> Need:
    """Give what a recognizer's pattern needs; number: its place among them."""
    needs = NEEDS.get(name, ())
    return needs[number] if number < len(needs) else always
