"""The file systems behind the storage URIs: which jars they need, and what Hadoop is told, secrets by reference."""

import json
from pathlib import Path

from pipelines.adapters.jars import Group
from pipelines.adapters.secrets import read_secret
from pipelines.adapters.session_configuration import FileSystems
from pipelines.settings import StorageSettings

JARS: dict[str, Group] = {"s3a": "s3"}
"""Groups of jars by the scheme of a URI; for other schemes the cluster brings what it needs."""


def file_systems(storage: StorageSettings, base: Path) -> FileSystems:
    """Say what a session needs for the places of these settings.

    Args:
        storage: places and options.
        base: folder that `file:` references to secrets are relative to.

    Raises:
        SettingsError: when a reference to a secret leads nowhere.
    """
    places = (storage.tables_uri, storage.checkpoints_uri, storage.landing_uri)
    schemes = {uri.partition("://")[0] for uri in places if "://" in uri}
    groups = tuple(sorted(JARS[scheme] for scheme in schemes & JARS.keys()))
    plain = {name: option_value(value) for name, value in json.loads(storage.options).items()}
    references = json.loads(storage.secret_options).items()
    return FileSystems(groups, plain | {name: read_secret(str(value), base) for name, value in references})


def option_value(value: object) -> str:
    """Write a setting's value as Hadoop reads it: YAML's true is its `true`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
