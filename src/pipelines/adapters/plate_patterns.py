"""Number plates of vehicles, said as patterns: only with a word for a plate or a vehicle beside them.

A bare plate looks like an order number. Every repetition is bounded: linear in the length of the text.
"""

from pipelines.adapters.cue_words import CueWords

PLATE_WORD = (
    r"(?:(?:licen[sc]e|number|registration|vehicle|car)[ -]?plates?|plates?|(?:kfz-?)?kennzeichen|nummernschild|"
    r"matr[i\u00ed]cula|immatriculation|vr[mn])"
)
REGISTRATION = r"(?:(?:vehicle |car )?registration|(?:vehicle |car )?reg\b\.?)(?: mark)?"
VEHICLE = r"(?:vehicle|car|van|truck|lorry|motor(?:bike|cycle|home)|scooter|taxi|cab|trailer)"
JOIN = (
    r"(?: (?:number|no\.?|nr\.?))?(?: (?:of|on|for) (?:my|the|our|his|her) \w{2,12})?"
    r"(?: (?:is|was|ist|reads?|with|has))? ?[:=#(\"'\u2013-]? ?[\"'(]?"
)
"""What may stand between a cue and a plate."""
MAKE = r"(?:bmw|vw|kia|mg)"
NO_PLATE = rf"(?!{MAKE}[ -]?\d|\d{{1,4}}[ -]?(?:{MAKE}|eur|usd|gbp|chf|km|mi|hp|ps|kw|kg|cm|am|pm|st|nd|rd|th)\b)"
"""Makes, units and currencies beside a number."""
NO_WORDS = (
    r"(?!(?:\p{L}{2}\d\d |\d{3} )?(?:the|and|for|has|was|are|fee|due|not|but|its|you|can|did|had|our|out|day|may|per|"
    r"off|now|new|old|one|two)\b)"
)
"""Of three letters: what small letters say otherwise."""
EDGE = r"(?![\p{L}\d]|-[\p{L}\d])"


def shapes(letter: str, gap: str) -> str:
    """Give the shapes of plates: parts of letters and digits, at least four characters.

    Args:
        letter: matches one.
        gap: matches what stands between two parts.
    """
    forms = (
        rf"{letter}{{1,3}}{gap.rstrip('?')}{letter}{{1,2}}{gap}\d{{1,4}}[EH]?",
        rf"{letter}{{1,3}}{gap}\d{{1,4}}{gap}{letter}{{1,3}}{gap}\d{{1,4}}",
        rf"{letter}{{1,3}}{gap}\d{{2,4}}{gap}{letter}{{1,3}}|{letter}{{2,3}}{gap}\d{gap}{letter}{{2,3}}",
        rf"{letter}{gap}\d{{4,6}}|{letter}{{2}}{gap}\d{{3,6}}|{letter}{{3}}{gap}\d{{2,5}}",
        rf"\d{{1,4}}{gap}{letter}{{1,3}}{gap}\d{{1,5}}|\d{{3,4}}{gap}{letter}{{2,3}}|\d{{2}}-\d{{2}}-{letter}{{2}}",
    )
    return rf"(?:{'|'.join(forms)})"


CAPITALS = rf"(?<![\p{{L}}\d])(?-i:{shapes(chr(92) + 'p{Lu}', '[ -]?')}){EDGE}"
ANY_CASE = rf"(?<![\p{{L}}\d]){shapes(chr(92) + 'p{L}', '-?')}{EDGE}"
SPACED = rf"(?:\p{{L}}{{2}}\d\d \p{{L}}{{3}}|\p{{L}}{{3}} \d{{3,4}}|\d{{3}} \p{{L}}{{3}}){EDGE}"
TELLING = (
    r"(?<![\p{L}\d-])(?-i:\p{Lu}{2}\d\d \p{Lu}{3}|\p{Lu}{2}-\d{3}-\p{Lu}{2}|\p{Lu}{1,3}-\p{Lu}{1,2} \d{1,4}[EH]?)"
    rf"{EDGE}"
)
"""Of Britain, France and Germany: nobody's order number looks so."""

PLATES: tuple[tuple[str, float], ...] = (
    (rf"\b(?:{PLATE_WORD}|{REGISTRATION}){JOIN}\K{NO_PLATE}(?:{CAPITALS}|{ANY_CASE})", 0.75),
    (rf"\b{PLATE_WORD}{JOIN}\K{NO_PLATE}{NO_WORDS}{SPACED}", 0.7),
    (rf"\b{VEHICLE}{JOIN}\K{NO_PLATE}{CAPITALS}", 0.7),
    (rf"\b{VEHICLE}\b[^\n.<\d]{{0,24}}\K{TELLING}", 0.7),
    (rf"{NO_PLATE}{CAPITALS}(?=[\"')]?,? [(]?(?:licen[sc]e |number )?(?:plate|kennzeichen)\b)", 0.7),
    (
        rf"{NO_PLATE}{CAPITALS}(?=[\"')]? (?:is|was) (?:on )?(?:my|the|our|his|her|its)(?: \w{{2,10}})? "
        rf"(?:{PLATE_WORD}|{REGISTRATION}|{VEHICLE})\b)",
        0.7,
    ),
)
"""Regex and score."""
PLATE_CUES = CueWords(
    words=(
        "plate", "kennzeichen", "nummernschild", "matr", "immatric", "vehicle", "truck", "lorry", "motor", "scooter",
        "taxi", "trailer",
    ),
    starting=("reg",),
    whole=("vrm", "vrn", "car", "van", "cab"),
)  # fmt: skip
"""What a text with a plate holds."""
