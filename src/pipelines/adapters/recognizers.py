r"""What Presidio's own recognizers miss or overdo in support tickets, said as patterns.

Every pattern is linear in the length of the text (no nested open repetition): a regex that times out finds nothing.
Presidio's matching ignores case; `(?-i:` brings it back, and `\K` keeps what stands before it out of the match.
"""

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import TYPE_CHECKING

from pipelines.adapters.addresses import AddressFinder
from pipelines.adapters.gazetteer import Gazetteer
from pipelines.adapters.ibans import find_ibans
from pipelines.adapters.name_shapes import name_finder
from pipelines.adapters.own_patterns import find_own
from pipelines.adapters.plate_patterns import PLATES
from pipelines.adapters.plugged_recognizers import load_plugged
from pipelines.adapters.secret_patterns import SECRETS
from pipelines.errors import SettingsError
from pipelines.redaction_policy import RedactionSettings

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer, RecognizerResult
    from presidio_analyzer.nlp_engine import NlpArtifacts

Find = Callable[[str], Iterable[tuple[int, int, float]]]

RULES_VERSION = 10
"""Raise it with every change of a pattern: it is part of each row's redaction_version."""

NAME = r"(?-i:\p{Lu}[\p{L}'\u2019-]+(?:[ ](?:\p{Lu}[\p{L}'\u2019-]+|\p{Lu}\.|de|da|van|von|bin|al)){0,3})"
ANY_CASE = r"\p{L}[\p{L}'\u2019-]+"
NOT_A_NAME = (
    r"(?!(?:all|anyone|customer|everybody|everyone|folks|guys|ladies|madam|mam|people|support|service|sir|sirs|team|"
    r"there|whom|agent|help|dear|again|both|friend|friends|the|your|you|thanks|please|regards|best)\b)"
)
NOT_A_FIRST_NAME = r"(?!(?:not|on|in|the|wrong|misspelled|missing|still|being|spelled|incorrect|different|now|too)\b)"
NOT_A_LAST_NAME = r"(?!(?:and|but|i|my|is|from|with|on|in|at|the|a|to|or|so|not|here|please|can|how|this|we)\b)"
GREETING = r"(?:hi|hello|hey|dear|hola|hallo|bonjour|ciao|salut|merhaba)"
CLOSING = r"(?:regards|sincerely|cheers|thanks|thank you|best|best wishes|respectfully|yours)"
TITLE = r"(?-i:Mr|Mrs|Ms|Miss|Mx|Dr|Prof)"
NAMING = r"(?:[^\p{L}\p{N}\n<]{1,4}|[ ]?<\w{1,6}>[ ]?)"
"""What may stand between a cue and a name: a space, an emoji, a colon, a tag."""
AT = r"(?:@|[(\[{<#]at?[)\]}>#]|&#64;)"
EMAIL_LOCAL = r"[\w.%+&~!#$^'-]"
URL_END = r"[^\s<>\"'.,;:!?()\[\]{}]"
URL_BODY = rf"[^\s<>\"]*{URL_END}"
DOMAIN_LABEL = r"[a-z0-9-]{1,63}+"
COMMON_TLD = r"(?:com|net|org|edu|gov|io|info|biz|dev|xyz|ai|uk|de|fr|eu|ca|au|ru|ch|nl|jp|br|es|ie|nz|za|mx|se)"
PHONE_WORD = (
    r"(?:phone|telephone|tel|mobile|mob|cell|fax|office|call(?: me)?|call us|reach(?: me)?|ring(?: me)?|text(?: me)?|"
    r"answering|contact(?: me)?|messages to|registered|dial(?:l?ed)?|my number|whatsapp)"
)
LOCAL_NUMBER = r"(?:\+?\(?\d{1,5}\)?(?:[ ./()-]{1,2}\d{1,7}){1,5}(?:x\d{1,6})?|\d{6,12})"
STREET = (
    r"(?:street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd|court|ct|terrace|square|crescent|close|parkway)"
)

PATTERNS: dict[str, tuple[tuple[str, float], ...]] = {
    "EMAIL_ADDRESS": (
        # Presidio's own drops addresses whose domain is not on the public suffix list; a privacy filter must not.
        (rf"(?<!{EMAIL_LOCAL}){EMAIL_LOCAL}++@[\w-]+(?:\.[\w-]+)+", 1.0),
        (rf"(?<![\w.+-])[\w.+-]++ ?(?:{AT}| at ) ?[\w-]++ ?(?:[(\[{{<#]dot[)\]}}>#]| dot ) ?{COMMON_TLD}\b", 0.9),
        (rf"(?<![\w.+-])[\w.+-]++ ?{AT} ?[\w-]++ ?\. ?{COMMON_TLD}\b", 0.9),
    ),
    "URL": (
        # Presidio's own takes "arrived.it" for a host and leaves the query of "https://host?user=..." behind.
        (rf"(?:https?|ftp)://{URL_BODY}", 0.9),
        (rf"\bwww\d?\.{URL_BODY}", 0.9),
        (rf"(?<![\w@.-])(?:{DOMAIN_LABEL}\.)++[a-z]{{2,24}}/{URL_BODY}", 0.8),
        (rf"(?<![\w@.-])(?:{DOMAIN_LABEL}\.)+{COMMON_TLD}\b", 0.7),
    ),
    "PHONE_NUMBER": (
        # Presidio's own asks for numbers that are in use; people mistype, and a nearly right number is personal too.
        (r"(?<![\w+])\+\d[\d ()./-]{6,18}\d", 0.6),
        (r"(?<![\w.-])00[1-9][\d ()-]{7,18}\d(?![\w-])", 0.5),
        (
            r"(?<![\d.-])(?:(?:\+?1|001)[ .-]?)?(?:\(\d{3}\)[ .-]?|\d{3}[ .-])\d{3}[ .-]\d{4}"
            r"(?:[ ,]{0,2}(?:x|ext\.?|extension)[ .]?\d{1,6})?(?!-?\d)",
            0.6,
        ),
        (r"(?<![\w.-])\d{3}-\d{4}(?![\w-])", 0.4),
        # A local number is one where something says so.
        (rf"\b{PHONE_WORD}\b[^\w\n]{{0,3}}\n?(?:(?:is|at|on|number)[ :]{{1,2}}){{0,2}}\K{LOCAL_NUMBER}(?!-?\d)", 0.6),
        (rf"(?<![\w.-]){LOCAL_NUMBER}(?=[ -](?:office|fax|mobile|cell|home|work)\b)", 0.6),
    ),
    "CREDIT_CARD": (
        # Four groups of four are a card even where a digit is mistyped, whatever parts them.
        (r"(?<![\w-])\d{4}([ -]|  |[./_]|(?:<[^<>\n]{1,6}>){1,2})\d{4}\1\d{4}\1\d{4}(?![\w-])", 0.6),
        (r"(?<![\w-])\d(?: \d){12,18}(?![\w-])|(?<![\w-])\d\d(?: \d\d){7}(?![\w-])", 0.6),
        (r"\bcard\b[^\d\n]{0,16}\K\d{4,5}(?:[ -]\d{3,5}){3}(?![\w-])", 0.5),
        # Twelve digits and more that are said to be a card, whatever their check digit.
        (r"\bcard\b[^\d\n]{0,16}\K\d{12,19}(?![\w-])", 0.5),
    ),
    "US_SSN": ((r"\b(?:ssn|social security(?: number)?)\b[^\d\n]{0,8}\K\d(?:[ -]{0,3}\d){8}(?![\w-])", 0.6),),
    "CRYPTO": ((r"(?<!\w)0x[0-9a-f]{40}(?!\w)", 1.0),),
    "PERSON": (
        (rf"\b(?:my|our) (?:full )?name(?: is|'s|\u2019s|:){NAMING}?\K{NAME}", 0.7),
        (rf"\b(?:sur|fore|first |given |middle |last |family |maiden )name(?: is|:){NAMING}?\K{NAME}", 0.7),
        (rf"\bmy name is \K{NOT_A_FIRST_NAME}{ANY_CASE}(?: {NOT_A_LAST_NAME}{ANY_CASE})?", 0.6),
        (rf"^(?:hi|hello|hey|good (?:morning|afternoon|evening))\b[^\n.?]{{0,20}}\bthis is \K{NAME}", 0.6),
        (rf"^{GREETING},?{NAMING}\K{NOT_A_NAME}{NAME}(?=\s?[,!:;\n\u2013-])", 0.6),
        (rf"\b{CLOSING},?[ ]*\n\s{{0,3}}\K{NOT_A_NAME}{NAME}", 0.6),
        (rf"\b{CLOSING}[^\p{{L}}\p{{N}}\n<.!?]{{2,5}}\K{NOT_A_NAME}{NAME}(?=[.!]?\s*\Z)", 0.6),
        (rf"\b{TITLE}\.?[ ]\K{NAME}", 0.7),
    ),
    "LOCATION": ((rf"\b\d{{1,5}}[a-z]? (?-i:\p{{Lu}}[\p{{L}}'\u2019-]+ ){{1,3}}{STREET}\b", 0.6),),
    "LICENSE_PLATE": PLATES,
    "SECRET": SECRETS,
}
"""Regex and score by entity type, next to Presidio's own recognizers or (REPLACED) instead of them."""

REPLACED = frozenset({"EMAIL_ADDRESS", "URL", "IBAN_CODE"})
CARD = (
    r"\b(?!1\d{12}(?!\d))[1-6]\d{3}[- ]?\d{3,4}[- ]?\d{3,4}[- ]?\d{3,5}\b",
    r"\b[2-6]\d{15,18}\b",
    r"\b(?:5[0678]|6\d)\d{10,17}\b",
)
"""Presidio's card pattern, with Mastercard's 2-series, 19 digits, and Maestro's 12; each match must pass Luhn."""


def build_recognizers(settings: RedactionSettings, gazetteer: Gazetteer) -> "list[EntityRecognizer]":
    """Build our recognizers; Presidio is imported here and not before."""
    from presidio_analyzer import EntityRecognizer, Pattern, PatternRecognizer, RecognizerResult
    from presidio_analyzer.predefined_recognizers import CreditCardRecognizer

    language = settings.language

    # Presidio looks its own recognizers up by class name among all subclasses: ours must not share one.
    class TicketFunctionRecognizer(EntityRecognizer):
        def __init__(self, entity: str, find: Find) -> None:
            super().__init__(supported_entities=[entity], supported_language=language, name=f"Ticket_found_{entity}")
            self.entity, self.find = entity, find

        def load(self) -> None:
            """Nothing to load."""

        def analyze(
            self, text: str, entities: list[str], nlp_artifacts: "NlpArtifacts | None" = None
        ) -> "list[RecognizerResult]":
            return [RecognizerResult(self.entity, start, end, score) for start, end, score in self.find(text)]

    ours: list[EntityRecognizer] = [
        PatternRecognizer(
            supported_entity=entity,
            name=f"Ticket_{entity}",
            supported_language=language,
            patterns=[Pattern(f"{entity} {number}", regex, score) for number, (regex, score) in enumerate(patterns)],
        )
        for entity, patterns in PATTERNS.items()
    ]
    cards = [Pattern(f"card {number}", regex, 0.3) for number, regex in enumerate(CARD)]
    luhn = CreditCardRecognizer(patterns=cards, supported_language=language, name="Ticket_cards")
    finders: dict[str, Find] = {
        "IBAN_CODE": find_ibans,
        "PERSON": name_finder(gazetteer).find,
        "LOCATION": AddressFinder(gazetteer).find,
    }
    finding = [TicketFunctionRecognizer(entity, find) for entity, find in finders.items()]
    own = [TicketFunctionRecognizer(pattern.name, partial(find_own, pattern)) for pattern in settings.patterns]
    return [*ours, luhn, *finding, *own]


def choose_recognizers(
    settings: RedactionSettings, gazetteer: Gazetteer, model_entities: Collection[str]
) -> "list[EntityRecognizer]":
    """Collect the recognizers of the settings' entities; the language model finds `model_entities` beside them.

    Raises:
        SettingsError: when an entity has none.
    """
    own = [*build_recognizers(settings, gazetteer), *load_plugged(settings)]
    theirs = [one for one in load_predefined(settings) if REPLACED.isdisjoint(one.supported_entities)]
    supported = {entity for one in (*own, *theirs) for entity in one.supported_entities} | set(model_entities)
    missing = sorted(set(settings.names) - supported - {one.name for one in settings.deny})
    if missing:
        raise SettingsError(
            f"Setting redaction.entities: nothing detects {', '.join(missing)}; "
            f"choose among {', '.join(sorted(supported))}."
        )
    return [one for one in (*own, *theirs) if not set(settings.names).isdisjoint(one.supported_entities)]


def load_predefined(settings: RedactionSettings) -> "list[EntityRecognizer]":
    """Load Presidio's own recognizers: all of the policy's language, and what its other languages have beside these.

    Raises:
        SettingsError: when one of the other languages has none of its own.
    """
    from presidio_analyzer import RecognizerRegistry
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    languages = [settings.language, *settings.languages]
    registry = RecognizerRegistry(supported_languages=languages)
    registry.load_predefined_recognizers(languages=languages)
    loaded = [one for one in registry.recognizers if not isinstance(one, SpacyRecognizer)]
    first = [one for one in loaded if one.supported_language == settings.language]
    known = {(type(one), tuple(one.context or ())) for one in first}
    others = [one for one in loaded if (type(one), tuple(one.context or ())) not in known]
    without = sorted(set(settings.languages) - {one.supported_language for one in others})
    if without:
        raise SettingsError(
            f"Setting redaction.languages: Presidio has no recognizer of its own for {', '.join(without)}. "
            "Name recognizers by class under redaction.recognizers instead."
        )
    return [*first, *others]
