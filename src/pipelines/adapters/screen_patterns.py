"""What a text must hold for a recognizer to find anything in it: cheap patterns that run before the recognizer does."""

import re

from pipelines.adapters.recognizers import CLOSING, GREETING, TITLE

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
SCREENS: dict[str, re.Pattern[str]] = {
    "CreditCardRecognizer": re.compile(r"\d(?:[ -]?\d){11}"),
    "Ticket_cards": re.compile(r"\d(?:[ -]?\d){11}"),
    "Ticket_CREDIT_CARD": re.compile(r"\d(?:[ -]?\d){11}|\d{4}(?:  |[./_]|<)\D{0,12}\d{4}"),
    "Ticket_CRYPTO": re.compile(r"0x[\da-f]{40}", FLAGS),
    "Ticket_EMAIL_ADDRESS": re.compile(
        r"[@dD(\[{<#&](?:(?<=@)|(?<=\b[dD])[oO][tT]\b|(?<=[(\[{<#])[aA][tT]?[)\]}>#]|(?<=&)#64;)"
    ),
    "Ticket_US_SSN": re.compile(r"\bssn\b|\bsocial security\b", FLAGS),
    "Ticket_URL": re.compile(r"[.:](?:(?<=\w\.)\w|(?<=:)//)"),
    "Ticket_PHONE_NUMBER": re.compile(r"\d{3}|\d[^\n]{0,3}\d"),
    "Ticket_found_IBAN_CODE": re.compile(r"\d(?<=[a-zA-Z]{2}\d)\d"),
    "CryptoRecognizer": re.compile(r"(?:bc1|[13])[a-z0-9]{25}", FLAGS),
    "IpRecognizer": re.compile(r"[.:](?:(?<=\d\.)\d|(?<=:):|(?<=[\da-fA-F]:)[\da-fA-F])"),
    "PhoneRecognizer": re.compile(r"\d[^\d\n]{0,40}\d"),
    "UsBankRecognizer": re.compile(r"\d{8}"),
    "UsItinRecognizer": re.compile(r"9\d{2}[ -]?[5-9]\d"),
    "UsLicenseRecognizer": re.compile(r"\d(?:(?<=[a-zA-Z]\d)|\d{5})"),
    "UsPassportRecognizer": re.compile(r"\d{8}"),
    "UsSsnRecognizer": re.compile(r"\d{3}(?:\d\d-\d{4}|-\d{6}|\d{6}|[ .-]\d{2}[ .-]\d{4})"),
    "Ticket_LOCATION": re.compile(r"\d[a-z]? \w", FLAGS),
    "Ticket_PERSON": PERSON_CUES,
}
"""By recognizer: what a text must hold for a finding to be in it; one without a screen reads every text."""
