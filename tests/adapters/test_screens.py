"""Screens change what a text costs, and nothing of what is found in it: Presidio's own engine is asked as well."""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from faker import Faker
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts
from presidio_analyzer.predefined_recognizers import PhoneRecognizer
from spacy.language import Language

from pipelines.adapters import detectors, phones, screen_patterns
from pipelines.adapters.context_words import ContextWords
from pipelines.adapters.phones import PhoneFinder
from pipelines.adapters.screens import Part, Screens, outermost
from pipelines.configuration import load_settings
from pipelines.transforms.normalisation import normalise_text, view
from pipelines.transforms.placeholders import Span

ROBUSTNESS = Path(__file__).parents[1] / "golden" / "robustness.jsonl"
SETTINGS = load_settings([], environment={}).redaction
STRUCTURED = (
    "CREDIT_CARD", "US_SSN", "IP_ADDRESS", "CRYPTO", "US_PASSPORT", "US_DRIVER_LICENSE", "US_BANK_NUMBER", "US_ITIN",
    "PHONE_NUMBER",
)  # fmt: skip
CONTEXTS = (
    "", "my phone number is ", "the driver license ", "bank account ", "passport ", "card ", "ssn: ", "wallet ",
    "call me, my friend in the office said on cell ", "ip ", "tax id ",
)  # fmt: skip


def stock_recognizers() -> list[EntityRecognizer]:
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    return [one for one in registry.recognizers if set(STRUCTURED) & set(one.supported_entities)]


def made_up(count: int) -> Iterator[str]:
    """Texts of written forms and of what only looks like them, each behind a word that counts or does not."""
    draw = random.Random(5)
    fake = Faker(["en_US", "de_DE", "en_GB", "fr_FR"])
    fake.seed_instance(5)
    forms = (
        "?########", "?#?#?#", "9##-7#-####", "(###) ### #### ext. ##", "#### #### #### ####", "#.###", "::#", "164#",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "########?", "##/##/20##", "##:##", "+44 20 #### ####", "%###.",
    )  # fmt: skip
    makers = (
        fake.phone_number, fake.credit_card_number, lambda: fake["en_US"].ssn(), fake.ipv4, fake.ipv6, fake.iban,
        lambda: fake.bothify(draw.choice(forms)), lambda: str(draw.randrange(10 ** draw.randint(1, 18))),
    )  # fmt: skip
    for _ in range(count):
        parts = [draw.choice(CONTEXTS) + draw.choice(makers)() for _ in range(draw.randint(1, 3))]
        yield draw.choice((", ", ". ", "\n", " ", " and then ")).join(parts) + draw.choice(("", ".", " today", "!"))


def words_by_spacy(nlp: Language, text: str) -> NlpArtifacts:
    """Cut a text as Presidio's spaCy engine does, lower-cased words in the place of lemmas."""
    doc = nlp.make_doc(text)
    artifacts = NlpArtifacts([], doc, [token.idx for token in doc], [token.lower_ for token in doc], None, "en")
    telling = [word for word in artifacts.lemmas if not (nlp.vocab[word].is_stop or nlp.vocab[word].is_punct)]
    artifacts.keywords = [piece for word in telling if word != "be" for piece in word.split(":")]
    return artifacts


ODD_TEXTS = (
    "", " ", "\n", " a", "a ", "a  b", "a \n b\n\n  c\t\td", "\n\n a   b", "don't be: it's 3:45 p.m. (U.S.) co:op",
    "e.g. 12345 4111-1111 98. \u0130stanbul \u4f60\u597d :-) http://a.b/c?d 10km $5.", "I'll   can't\n-- end.\n",
)  # fmt: skip


@pytest.mark.parametrize("known", [False, True])
def test_words_around_a_finding_are_those_that_spacy_cuts(known: bool) -> None:
    tagger = detectors.load_engine(SETTINGS).entities.tagger
    words = ContextWords(tagger, "en")
    texts = [*ODD_TEXTS, *made_up(100)]
    list(tagger.find(texts if known else ["nothing of it"]))
    for text in [*texts, *texts]:
        ours, theirs = words.cut(text), words_by_spacy(tagger.nlp, text)
        assert list(map(str, ours.tokens)) == list(map(str, theirs.tokens)), text
        assert (ours.tokens_indices, ours.lemmas, ours.keywords) == (
            theirs.tokens_indices, theirs.lemmas, theirs.keywords
        )  # fmt: skip


def test_no_number_is_kept_with_the_words() -> None:
    words = ContextWords(detectors.load_engine(SETTINGS).entities.tagger, "en")
    words.cut("card 4111111111111111, ref A7-55\nplease")
    assert set(words.pieces) == {"card", "ref", "please", "\n"}


def cued_numbers(count: int) -> Iterator[str]:
    """Numbers behind and before what says that they are phones, cards or accounts, or nearly says so."""
    draw = random.Random(6)
    fake = Faker(["en_US", "de_DE"])
    fake.seed_instance(6)
    cues = (
        "phone", "Telephone:", "TEL.", "mob", "my cell", "fax", "office", "call me at", "call us on", "reach me",
        "text", "answering is", "contact me:", "messages to", "registered number: ", "dialled", "dial",
        "my number is at", "whatsapp", "card", "account", "home", "work", "phon", "order", "tele\u017fkop",
    )  # fmt: skip
    forms = ("######", "#-###", "###-####", "+## (#) ####-##", "00## ### ####", "(###) ### ####x##", "#### ## ##", "##")
    for _ in range(count):
        number = fake.numerify(draw.choice(forms))
        yield f"{draw.choice(cues)}{draw.choice((' ', '', ': ', chr(10), ' - '))}{number} {draw.choice(cues)}"


def unscreened(part: Part) -> Part:
    return replace(part, screen=None, patterns=tuple((pattern, screen_patterns.always) for pattern, _ in part.patterns))


def test_screened_recognizers_find_what_presidio_finds() -> None:
    engine = detectors.load_engine(SETTINGS)
    recognizers = stock_recognizers()
    ours = Screens(recognizers, engine.entities.tagger, "en", STRUCTURED)
    presidio = AnalyzerEngine(
        registry=RecognizerRegistry(recognizers=recognizers, supported_languages=["en"]),
        nlp_engine=ours.engine,
        supported_languages=["en"],
    )
    found = 0
    for text in made_up(500):
        results = presidio.analyze(
            text, "en", list(STRUCTURED), nlp_artifacts=words_by_spacy(engine.entities.tagger.nlp, text)
        )
        expected = {(one.start, one.end, one.entity_type, round(one.score, 4)) for one in results}
        spans = {(one.start, one.end, one.type, one.score) for one in outermost(ours.find(text))}
        assert spans == expected, text
        found += len(expected)
    assert found > 600


def test_no_screen_hides_what_our_own_recognizers_would_find(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = detectors.load_engine(SETTINGS).screens
    lines = ROBUSTNESS.read_text(encoding="utf-8").splitlines()
    forms = [view(normalise_text(json.loads(line)["text"])) for line in lines]
    forms += [view(normalise_text(text)) for text in cued_numbers(1_500)]
    screened = [set(ours.find(text)) for text in forms]
    monkeypatch.setattr(ours, "parts", [unscreened(part) for part in ours.parts])
    assert [set(ours.find(text)) for text in forms] == screened
    assert sum(map(bool, screened)) > 1_000


def test_digits_and_the_marks_before_them_are_one_zone_as_in_one_pattern() -> None:
    whole = re.compile(rf"{phones.MARK}{{0,{phones.MOST_MARKS}}}{phones.ZONE.pattern}", re.IGNORECASE)
    draw = random.Random(4)
    for _ in range(3_000):
        text = "".join(
            draw.choice(("7", "42", "(", "+", " ", "-", " ." * 8, "--" * 25, "x", "ext", "a", "\n")) for _ in range(12)
        )
        assert list(phones.zones(text)) == [match.span() for match in whole.finditer(text)], text


@pytest.mark.parametrize("name", screen_patterns.SCREENS)
def test_every_screen_belongs_to_a_recognizer(name: str) -> None:
    engine = detectors.load_engine(SETTINGS)
    known = {str(one.to_dict()["name"]) for one in (*engine.screens.recognizers, *stock_recognizers())}
    assert name in known


def test_a_text_without_a_written_form_is_read_by_few(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = detectors.load_engine(SETTINGS)
    ran: list[str] = []
    run = Screens.run

    def note(self: Screens, part: Part, text: str, before: Sequence[Span] = ()) -> Iterator[Span]:
        ran.append(str(part.recognizer.to_dict()["name"]))
        return run(self, part, text, before)

    monkeypatch.setattr(Screens, "run", note)
    assert list(engine.screens.find("where is the parcel that i have been waiting for")) == []
    assert set(ran).isdisjoint(screen_patterns.SCREENS)


def test_numbers_apart_are_asked_for_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    analyze = PhoneRecognizer.analyze

    def note(self: PhoneRecognizer, text: str, *arguments: object) -> object:
        asked.append(text)
        return analyze(self, text, *arguments)

    finder = PhoneFinder(PhoneRecognizer())
    monkeypatch.setattr(PhoneRecognizer, "analyze", note)
    text = "in 2021 I called (212) 555-0147, then +44 20 7946 0958; 3 times"
    found = [text[start:end] for start, end, _ in finder.find(text)]
    assert found == ["(212) 555-0147", "+44 20 7946 0958"]
    assert list(finder.find(text)) == list(finder.find(text))
    assert len(set(asked)) == 2
    assert asked.count(asked[0]) == 1
    assert max(map(len, asked)) < 24


def test_a_phone_number_inside_a_surer_finding_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = detectors.load_engine(SETTINGS).screens
    settled: list[tuple[int, int]] = []
    find = PhoneFinder.find

    def note(self: PhoneFinder, text: str, places: Sequence[tuple[int, int]] = ()) -> Iterator[tuple[int, int, float]]:
        settled.extend(places)
        return find(self, text, places)

    monkeypatch.setattr(PhoneFinder, "find", note)
    ours.find("card 4111 1111 1111 1111 or 212-555-0147")
    assert set(settled) == {(5, 24), (28, 40)}
    settled.clear()
    ours.find("my phone number is 212-555-0147")  # the context makes Presidio's own finding the surer one
    assert settled == []


def test_leaving_numbers_inside_surer_findings_out_changes_no_redaction(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ROBUSTNESS.read_text(encoding="utf-8").splitlines()
    texts = [*(json.loads(line)["text"] for line in lines), *made_up(200), "+1 212-555-0147#, 212-555-0147"]
    allow = replace(SETTINGS, allow=(*SETTINGS.allow, "2125550147@example.com"))
    texts += ["see 2125550147@example.com now", "IBAN GB29 NWBK 6016 1331 9268 19", "+442079460958"]
    for settings in (SETTINGS, allow):
        redacted = detectors.redact_texts(texts, settings)
        with monkeypatch.context() as patch:
            patch.setattr(Screens, "settled", lambda *_: [])
            assert detectors.redact_texts(texts, settings) == redacted


def test_only_what_stands_inside_an_equally_sure_finding_of_its_type_goes() -> None:
    whole, inside, surer, other = (
        Span(0, 9, "PERSON", 0.6), Span(2, 5, "PERSON", 0.6), Span(2, 4, "PERSON", 0.9), Span(0, 9, "URL", 0.5),
    )  # fmt: skip
    assert set(outermost([inside, whole, surer, other, whole, Span(0, 3, "URL", 0.0)])) == {whole, surer, other}
