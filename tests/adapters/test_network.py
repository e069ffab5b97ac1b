"""Our loop marks what spaCy marks: same model, same sentences."""

import json
from pathlib import Path

import pytest
from faker import Faker

from pipelines.adapters import detectors
from pipelines.adapters.entities import sentences
from pipelines.adapters.network import EntityTagger
from pipelines.configuration import load_settings

SETTINGS = load_settings([], environment={}).redaction
SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "pii_presidio" / "samples.jsonl"


@pytest.fixture(scope="module")
def tagger() -> EntityTagger:
    return EntityTagger(detectors.load_engine(SETTINGS).entities.tagger.nlp)


def made_up(count: int) -> list[str]:
    """Sentences of all lengths, with what tokenizers trip over."""
    fake = Faker(["en_US", "de_DE", "fr_FR"])
    fake.seed_instance(7)
    frames = (
        "I met {0} of {1} in {2} on {3}.", "{0}!", "Can't {0}'s bank   in {2} pay $50,000 by {3}?", "{2}",
        "  {1}  \t {0} ",
        "Dear {0}, {1} owes me 20% since {3}, and {2} is far (very) from U.S. law; e.g. \U0001f937\U0001f3fd {0}-{0}.",
    )  # fmt: skip
    return [
        frames[number % len(frames)].format(fake.name(), fake.company(), fake.city(), fake.date("%d %B %Y"))
        for number in range(count)
    ]


def as_spacy_does(tagger: EntityTagger, texts: list[str]) -> list[list[tuple[str, int, int]]]:
    return [[(one.label_, one.start_char, one.end_char) for one in doc.ents] for doc in tagger.nlp.pipe(texts)]


def test_made_up_sentences_get_the_same_marks(tagger: EntityTagger) -> None:
    texts = [*made_up(600), "", " ", "\n", "a"]
    expected = as_spacy_does(tagger, texts)
    assert tagger.parts is not None
    assert sum(map(len, expected)) > 600
    assert list(tagger.find(texts)) == expected


def test_public_sentences_get_the_same_marks(tagger: EntityTagger) -> None:
    if not SAMPLES.is_file():
        pytest.skip(f"the public set is not there: {SAMPLES.parent.name}")
    rows = [json.loads(line)["text"] for line in SAMPLES.read_text(encoding="utf-8").splitlines()][::4]
    texts = [text[start:end] for text in rows for start, end in sentences(text)]
    assert list(tagger.find(texts)) == as_spacy_does(tagger, texts)


def test_marks_do_not_depend_on_what_is_read_with_a_sentence(tagger: EntityTagger) -> None:
    texts = made_up(40)
    assert list(tagger.find(texts)) == [found for text in texts for found in tagger.find([text])]


def test_the_vocabulary_is_bounded_and_keeps_words_only(tagger: EntityTagger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.adapters.network.MOST_WORDS", 50)
    texts = made_up(30)
    small = EntityTagger(tagger.nlp)
    assert [found for text in texts for found in small.find([text])] == list(tagger.find(texts))
    assert small.parts is not None
    assert small.parts[2].used < 50 + 60
    assert not [piece for piece in small.parts[2].pieces if " " in piece]


def test_a_model_that_is_leant_on_finds_more_of_a_label_and_what_it_found_before(tagger: EntityTagger) -> None:
    texts = made_up(200)
    leaning = EntityTagger(tagger.nlp, {"PERSON": 3.0})
    before, leant = (
        [{one for one in found if one[0] == "PERSON"} for found in who.find(texts)] for who in (tagger, leaning)
    )
    assert sum(map(len, leant)) > 1.05 * sum(map(len, before))
    kept = sum(len(old & new) for old, new in zip(before, leant, strict=True))
    assert kept > 0.9 * sum(map(len, before))


def test_a_pipeline_of_another_build_is_run_by_spacy() -> None:
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "Ottilie"}])
    other = EntityTagger(nlp)
    assert other.parts is None
    assert list(other.find(["ask Ottilie", "ask"])) == [[("PERSON", 4, 11)], []]
