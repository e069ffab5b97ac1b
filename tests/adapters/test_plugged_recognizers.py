"""Recognizers by configuration: classes of Presidio, of anybody, and a token classifier of transformers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from presidio_analyzer import Pattern, PatternRecognizer

from pipelines.adapters.detectors import redact_text
from pipelines.configuration import load_settings
from pipelines.errors import SettingsError
from pipelines.redaction_policy import RedactionSettings

PRESIDIO = "presidio_analyzer.predefined_recognizers"


class StaffNumbers(PatternRecognizer):
    """A company's own class."""

    def __init__(self, prefix: str, supported_language: str) -> None:
        patterns = [Pattern("staff", rf"\b{prefix}[a-z]{{4}}\b", 0.9)]
        super().__init__("STAFF", patterns=patterns, supported_language=supported_language)


def with_recognizers(recognizers: dict[str, object], *entities: str) -> RedactionSettings:
    own = {"redaction": {"recognizers": recognizers, "entities": {name: {} for name in entities}}}
    return load_settings([], own, environment={}).redaction


def test_another_countrys_numbers_join_by_name() -> None:
    settings = with_recognizers({"nif": {"type": f"{PRESIDIO}.EsNifRecognizer"}}, "ES_NIF")
    assert redact_text("my id is 12345678Z", settings).text == "my id is <ES_NIF>"


def test_an_own_class_is_made_with_its_arguments_and_reads_every_text() -> None:
    staff = {"type": f"{__name__}.StaffNumbers", "arguments": {"prefix": "zz"}}
    settings = with_recognizers({"staff": staff}, "STAFF")
    assert redact_text("ask zzabcd about it", settings).text == "ask <STAFF> about it"


def test_a_known_class_with_other_patterns_is_not_screened_by_its_usual_ones() -> None:
    patterns = [{"name": "letters", "regex": "qq[a-z]{5}", "score": 0.9}]
    arguments = {"supported_entity": "TOKEN", "patterns": patterns, "name": "UsSsnRecognizer"}
    settings = with_recognizers({"token": {"type": f"{__name__}.Loose", "arguments": arguments}}, "TOKEN")
    assert redact_text("it says qqabcde today", settings).text == "it says <TOKEN> today"


class Loose(PatternRecognizer):
    """Takes patterns as plain values, and the name of one that is screened."""

    def __init__(self, patterns: list[dict[str, str]], **rest: str) -> None:
        super().__init__(patterns=[Pattern(one["name"], one["regex"], float(one["score"])) for one in patterns], **rest)

    __module__ = "presidio_analyzer.loose"


@pytest.mark.parametrize(
    ("recognizer", "told"),
    [
        ({"type": "no_such_package.Recognizer"}, "cannot be imported"),
        ({"type": f"{PRESIDIO}.NoSuch"}, "cannot be imported"),
        ({"type": "json.JSONDecoder"}, "is no subclass"),
        ({"type": f"{PRESIDIO}.EsNifRecognizer", "arguments": {"colour": 1}}, "cannot be made"),
    ],
)
def test_what_cannot_be_plugged_in_is_named(recognizer: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=rf"redaction\.recognizers\.other.*{told}"):
        redact_text("hello", with_recognizers({"other": recognizer}))


def test_a_recognizer_needs_a_class() -> None:
    with pytest.raises(SettingsError, match=r"redaction\.recognizers\.other\.type"):
        with_recognizers({"other": {"type": "Recognizer"}})


CLASSIFY = """
import sys
from pathlib import Path
from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast
import json, torch
folder = Path(sys.argv[1])
folder.mkdir()
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ask", "zoltrix", "please"]
(folder / "vocab.txt").write_text("\\n".join(words))
torch.manual_seed(0)
config = BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                    intermediate_size=16, id2label={0: "O", 1: "B-PER"}, label2id={"O": 0, "B-PER": 1})
model = BertForTokenClassification(config)
with torch.no_grad():
    model.classifier.weight.zero_()
    model.classifier.bias.copy_(torch.tensor([0.0, 8.0]))
model.save_pretrained(folder)
BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)

from pipelines.adapters.detectors import redact_text
from pipelines.configuration import load_settings
own = {"redaction": json.loads(sys.argv[2])}
print(redact_text("ask zoltrix please", load_settings([], own, environment={}).redaction).text)
"""


@pytest.mark.slow
def test_a_token_classifier_of_transformers_joins_by_configuration(tmp_path: Path) -> None:
    folder = str(tmp_path / "model")
    classifier = {
        "type": f"{PRESIDIO}.HuggingFaceNerRecognizer",
        "arguments": {"model_name": folder, "label_mapping": {"PER": "PERSON"}, "device": "cpu"},
    }
    arguments = [sys.executable, "-c", CLASSIFY, folder, json.dumps({"recognizers": {"ner": classifier}})]
    # In a process of its own: here Presidio was loaded without transformers, as it is where nothing needs them.
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.splitlines()[-1] == "ask <PERSON> please"
