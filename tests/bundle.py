"""The bundle as files: reading it whole, and giving its variables the values that a target has."""

import json
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "bundles"
FILES = sorted(FOLDER.glob("*.yml"))
DASHBOARD = FOLDER / "quality.lvdash.json"
REFERENCE = re.compile(r"\$\{([^}]+)\}")
OUTSIDE = {
    "bundle.name": "intent-lakehouse",
    "workspace.current_user.userName": "deployer@example.com",
    "workspace.current_user.short_name": "deployer",
    "var.warehouse_id": "0123456789abcdef",
    "var.kafka_bootstrap_servers": "broker:9093",
}
"""What the command line, the workspace, or whoever deploys gives."""


def read_yaml(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


@cache
def root() -> dict[str, Any]:
    return read_yaml(ROOT / "databricks.yml")


def resource(path: Path) -> tuple[str, str, dict[str, Any]]:
    """Type (plural), key and content of the one resource of a file."""
    content = read_yaml(path)
    assert list(content) == ["resources"], path.name
    ((kind, named),) = content["resources"].items()
    ((key, fields),) = named.items()
    return kind, key, fields


def resources() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for kind, key, fields in map(resource, FILES):
        found.setdefault(kind, {})[key] = fields
    return found


def jobs() -> dict[str, dict[str, Any]]:
    return resources()["jobs"]


def tasks() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs().items():
        for task in job["tasks"]:
            yield name, task


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(key)
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


def references(value: object) -> set[str]:
    return {name for text in strings(value) for name in REFERENCE.findall(text)}


def everything() -> list[object]:
    return [root(), *map(read_yaml, FILES), json.loads(DASHBOARD.read_text(encoding="utf-8"))]


def value_of(name: str, target: str, given: dict[str, str]) -> Any:
    """What a reference stands for in a target; `given` goes before all else."""
    if name in given:
        return given[name]
    if name == "bundle.target":
        return target
    own = (root()["targets"][target].get("variables") or {}).get(name.removeprefix("var."))
    if name.startswith("var.") and own is not None:
        return own
    if name in OUTSIDE:
        return OUTSIDE[name]
    if name.startswith("var."):
        return root()["variables"][name.removeprefix("var.")]["default"]
    _, kind, key, field = name.split(".")
    return resources()[kind][key][field]


def resolved(value: Any, target: str, given: dict[str, str] | None = None) -> Any:
    """A part of the bundle with every reference replaced, as in a target."""
    if isinstance(value, dict):
        return {key: resolved(inner, target, given) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, target, given) for inner in value]
    if not isinstance(value, str):
        return value
    whole = REFERENCE.fullmatch(value)
    if whole:
        return resolved(value_of(whole[1], target, given or {}), target, given)
    inside = REFERENCE.sub(lambda found: str(value_of(found[1], target, given or {})), value)
    return resolved(inside, target, given) if inside != value else value


@cache
def package() -> dict[str, Any]:
    """What setup.py tells setuptools."""
    with mock.patch("setuptools.setup") as setup:
        runpy.run_path(str(ROOT / "setup.py"))
    return dict(setup.call_args.kwargs)


def entry_points() -> dict[str, str]:
    return dict(line.split("=", 1) for line in package()["entry_points"]["databricks"])
