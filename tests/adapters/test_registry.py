import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.adapters.embedded_registry import prepare_registry
from pipelines.adapters.model_files import check_files, hash_text, list_files
from pipelines.adapters.registration import link_or_copy
from pipelines.adapters.registry import open_client, pin_versions, read_reference
from pipelines.configuration import conf_dir
from pipelines.errors import ModelNotFoundError
from pipelines.labelling_settings import ModelSettings

SETTINGS = ModelSettings()


def silent(line: str) -> None:
    pass


def test_the_embedded_models_and_the_prompt_are_registered_with_alias_champion(model_registry: str) -> None:
    pinned = pin_versions(model_registry, SETTINGS, slm_needed=True)
    assert pinned.slm is not None
    assert (pinned.encoder.uri, pinned.slm.uri) == ("models:/ticket-encoder/1", "models:/intent-slm/1")
    template = (conf_dir() / "prompts" / "intent.v1.txt").read_text(encoding="utf-8")
    assert (pinned.prompt.name, pinned.prompt.version, pinned.prompt.template) == ("intent-prompt", "1", template)
    assert pinned.prompt.hash == hash_text(template)


def test_what_is_registered_is_safetensors_and_json_only(model_registry: str) -> None:
    pinned = pin_versions(model_registry, SETTINGS, slm_needed=True)
    assert pinned.slm is not None
    for model in (pinned.encoder, pinned.slm):
        assert {path.suffix for path in list_files(Path(model.location))} <= {".safetensors", ".json", ".jinja"}


def test_a_second_preparation_registers_nothing(model_registry: str) -> None:
    said: list[str] = []
    prepare_registry(model_registry, said.append)
    client = open_client(model_registry)
    assert said == []
    assert [len(client.search_model_versions(f"name='{name}'")) for name in ("intent-slm", "ticket-encoder")] == [1, 1]


def test_the_language_model_is_not_looked_up_when_it_is_off(own_registry: str) -> None:
    open_client(own_registry).delete_registered_model_alias("intent-slm", "champion")
    assert pin_versions(own_registry, SETTINGS, slm_needed=False).slm is None


@pytest.mark.parametrize("remove", [
    lambda client: client.delete_registered_model_alias("ticket-encoder", "champion"),
    lambda client: client.delete_registered_model("ticket-encoder"),
    lambda client: client.delete_prompt_alias("intent-prompt", "champion"),
    lambda client: client.delete_model_version_tag("ticket-encoder", "1", "weights_sha256"),
])  # fmt: skip
def test_what_is_missing_is_named_with_what_to_type(own_registry: str, remove: Callable[[object], None]) -> None:
    remove(open_client(own_registry))
    with pytest.raises(ModelNotFoundError, match=r"(ticket-encoder|intent-prompt)@champion .* Type: lakehouse setup"):
        pin_versions(own_registry, SETTINGS, slm_needed=False)


def test_a_workspace_without_a_registry_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="lakehouse setup"):
        pin_versions(f"sqlite:///{tmp_path / 'mlflow.db'}", SETTINGS, slm_needed=False)
    assert list(tmp_path.iterdir()) == []


def test_a_moved_prompt_alias_counts_at_once(own_registry: str) -> None:
    client = open_client(own_registry)
    assert pin_versions(own_registry, SETTINGS, slm_needed=False).prompt.version == "1"
    second = client.register_prompt("intent-prompt", "{{examples}}{{ticket}} is about")
    client.set_prompt_alias("intent-prompt", "champion", second.version)
    assert pin_versions(own_registry, SETTINGS, slm_needed=False).prompt.version == "2"


def test_a_prompt_without_its_placeholders_is_refused(own_registry: str) -> None:
    client = open_client(own_registry)
    version = client.register_prompt("intent-prompt", "{{ticket}} is about").version
    settings = replace(SETTINGS, prompt_uri=f"prompts:/intent-prompt/{version}")
    with pytest.raises(ModelNotFoundError, match=r"must hold \{\{examples\}\} and .* or \{\{labels\}\} and"):
        pin_versions(own_registry, settings, slm_needed=False)


@pytest.mark.parametrize("uri", ["models:/", "models:/a", "models:/a/b", "models:/a@", "models:/a/1/2"])
def test_a_uri_that_names_no_version_is_refused(uri: str) -> None:
    with pytest.raises(ModelNotFoundError, match="expected models:/NAME@ALIAS or models:/NAME/VERSION"):
        read_reference(uri)


def test_no_folder_of_the_machine_that_made_the_store_is_left_in_it(model_registry: str) -> None:
    store = Path(model_registry.removeprefix("sqlite:///"))
    with sqlite3.connect(store) as connection:
        places = {row[0] for row in connection.execute("SELECT artifact_location FROM experiments")}
    assert places == {str(store.parent / "artifacts")}


@pytest.fixture
def copied(model_registry: str, tmp_path: Path) -> Path:
    pinned = pin_versions(model_registry, SETTINGS, slm_needed=False)
    return Path(shutil.copytree(pinned.encoder.location, tmp_path / "model"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("change", [
    lambda folder: flip(folder / "model.safetensors"),
    lambda folder: flip(folder / "tokenizer.json"),
    lambda folder: (folder / "more.json").write_text("{}"),
    lambda folder: (folder / "config.json").unlink(),
])  # fmt: skip
def test_a_changed_file_is_refused(model_registry: str, copied: Path, change: Callable[[Path], None]) -> None:
    encoder = pin_versions(model_registry, SETTINGS, slm_needed=False).encoder
    assert check_files(copied, encoder) == copied
    change(copied)
    with pytest.raises(ModelNotFoundError, match="SHA-256 differs"):
        check_files(copied, encoder)


def test_a_file_that_may_hold_code_is_refused_by_its_kind(model_registry: str, copied: Path) -> None:
    (copied / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelNotFoundError, match=r"files of kind \.bin"):
        check_files(copied, pin_versions(model_registry, SETTINGS, slm_needed=False).encoder)


def test_a_file_on_another_disk_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError

    (tmp_path / "a").write_text("same")
    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_text() == "same"
