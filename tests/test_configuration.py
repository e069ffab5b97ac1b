import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pipelines.configuration import as_layer, build, conf_dir, environment_layer, load_settings, merge
from pipelines.errors import SettingsError
from pipelines.redaction_policy import RedactionSettings
from pipelines.settings import Settings


def test_base_yml_shows_exactly_the_defaults_of_the_code() -> None:
    content = yaml.safe_load((conf_dir() / "base.yml").read_text(encoding="utf-8"))
    policy = yaml.safe_load((conf_dir() / "redaction.yml").read_text(encoding="utf-8"))
    shown = {(section, key) for part in (content, policy) for section, values in part.items() for key in values}
    loaded = load_settings([], environment={})
    defaults = replace(Settings(), redaction=loaded.redaction)
    coded = {(section, key) for section in vars(defaults) for key in vars(getattr(defaults, section))}
    assert shown == coded
    assert loaded == defaults
    plain = replace(loaded.redaction, entities=Settings().redaction.entities, allow=(), patterns=())
    assert plain == Settings().redaction


def test_settings_written_as_a_layer_are_built_the_same_again() -> None:
    recognizers = {"ids": {"type": "somebody.Finder", "arguments": {"countries": ["ES"], "least": 2}}}
    policy = load_settings([], {"redaction": {"recognizers": recognizers}}, {}).redaction
    layer = as_layer(policy)
    assert build(RedactionSettings, layer, "redaction") == policy
    assert layer["recognizers"] == recognizers
    assert build(Settings, as_layer(Settings()), "") == Settings()


@pytest.mark.parametrize("overlay", ["demo.yml", "databricks.yml"])
def test_the_shipped_overlays_are_valid(overlay: str) -> None:
    assert load_settings([conf_dir() / overlay], environment={}) != Settings()


def test_overlay_then_workspace_then_environment_win(tmp_path: Path) -> None:
    overlay = tmp_path / "place.yml"
    overlay.write_text("gate: {min_confidence: 0.81, audit_share: 0.1}\nlabelling: {slm_below_confidence: 0.95}\n")
    own = {"gate": {"audit_share": 0.2}, "kafka": {"topic": "mine"}}
    environment = {
        "LAKEHOUSE_GATE__MIN_CONFIDENCE": "0.9",
        "LAKEHOUSE_REDACTION__ENTITIES": "{URL: {detect: false}}",
        "OTHER": "x",
    }
    settings = load_settings([overlay], own, environment)
    assert settings.gate.min_confidence == 0.9
    assert settings.gate.audit_share == 0.2
    assert settings.kafka.topic == "mine"
    assert "URL" not in settings.redaction.names
    assert settings.labelling.slm_below_confidence == 0.95


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"gates": {}}, "Setting gates is not known"),
        ({"gate": {"min_confidense": 0.9}}, "Setting gate.min_confidense is not known; known here: audit_share"),
        ({"gate": 5}, "Setting gate: expected a section of keys, got a value of type int"),
        ({"gate": {"min_confidence": "high"}}, "Setting gate.min_confidence: expected float"),
        ({"gate": {"min_confidence": 1.5}}, "Setting gate.min_confidence: must be above 0"),
        ({"kafka": {"partitions": True}}, "Setting kafka.partitions: expected int"),
        ({"kafka": {"topic": None}}, "Setting kafka.topic: expected str, got nothing"),
        ({"labelling": {"slm": "maybe"}}, "Setting labelling.slm: expected one of"),
        ({"redaction": {"allow": "PERSON"}}, "Setting redaction.allow: expected a list of words"),
        ({"redaction": {"entities": ["PERSON"]}}, "Setting redaction.entities: expected a section of names"),
        (
            {"redaction": {"entities": {"PERSON": "keep"}}},
            "Setting redaction.entities.PERSON: expected a section of keys",
        ),
        (
            {"redaction": {"entities": {"PERSON": {"operator": "burn"}}}},
            "Setting redaction.entities.PERSON.operator: exp",
        ),
        ({"redaction": {"entities": {"PERSON": {"min_score": 2.0}}}}, "redaction.entities.PERSON.min_score: must be"),
        (
            {"redaction": {"patterns": {"SKU": {"regex": "x"}}}},
            "redaction.patterns: SKU is not among redaction.entities",
        ),
        (
            {"redaction": {"patterns": {"URL": {"regex": "("}}}},
            "redaction.patterns.URL.regex: is no regular expression",
        ),
        ({"redaction": {"deny": {"PERSON": {}}}}, "redaction.deny.PERSON.words: must hold at least one word"),
        ({"redaction": {"deny": {"PERSON": {"words": ["!"]}}}}, "redaction.deny.PERSON.words: must be words"),
        (
            {"redaction": {"deny": {"NRP": {"words": ["x"]}}}},
            "redaction.deny: NRP is not among redaction.entities that",
        ),
        ({"redaction": {"patterns": {"URL": {"score": 0.5}}}}, "redaction.patterns.URL: must have either a regex or"),
        ({"kafka": {"security_protocol": "SASL_SSL"}}, "Setting kafka.security_protocol: SASL_SSL needs"),
        (
            {"kafka": {"security_protocol": "SASL_SSL", "bootstrap_servers": "h:1"}},
            "Setting kafka.sasl_mechanism: SASL_SSL needs",
        ),
        (
            {"labelling": {"slm_below_confidence": 0.7}},
            "Setting labelling.slm_below_confidence: must be between gate.min_confidence and 1",
        ),
        ({"features": {"max_phrase_words": 1}}, "Setting features.max_phrase_words: must be at least features.min"),
        ({"features": {"max_key_phrases": 0}}, "Setting features.max_key_phrases: must be at least 1"),
        ({"features": {"language": "fr"}}, "Setting features.language: expected one of 'en'"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_key(own: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(words)):
        load_settings([], own, {})


def test_a_refusal_never_shows_the_value_it_may_be_a_secret() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings([], {"kafka": {"partitions": "hunter2"}}, {})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("word", ["off", "false"])
def test_the_bare_word_off_is_a_word(word: str) -> None:
    assert load_settings([], None, {"LAKEHOUSE_LABELLING__SLM": word}).labelling.slm == "off"


def test_whole_numbers_are_fine_where_fractions_are_expected() -> None:
    assert load_settings([], {"gate": {"audit_share": 1}}, {}).gate.audit_share == 1.0


@pytest.mark.parametrize(
    ("content", "words"), [("- a\n", "must hold sections"), ("a: [", "not valid YAML"), (None, "cannot be read")]
)
def test_a_file_that_is_no_settings_file_is_refused(tmp_path: Path, content: str | None, words: str) -> None:
    overlay = tmp_path / "place.yml"
    if content is not None:
        overlay.write_text(content)
    with pytest.raises(SettingsError, match=words):
        load_settings([overlay], environment={})


def test_layers_are_folded_without_changing_them() -> None:
    lower, upper = {"a": {"x": 1, "y": 1}}, {"a": {"y": 2}}
    assert merge(lower, upper) == {"a": {"x": 1, "y": 2}}
    assert lower == {"a": {"x": 1, "y": 1}}
    assert environment_layer({"LAKEHOUSE_A__B": "[1, 2]", "LAKEHOUSE_HOME": "x", "A__B": "1"}) == {"a": {"b": [1, 2]}}
