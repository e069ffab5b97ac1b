"""Secrets by reference: settings name where a secret stands, only this module reads it."""

import os
from pathlib import Path

from pipelines.adapters.spark import databricks_is_known
from pipelines.errors import SettingsError


def read_secret(reference: str, base: Path) -> str:
    """Resolve `env:NAME`, `file:PATH` (relative to `base`) or `SCOPE/KEY` (Databricks secret scope).

    Raises:
        SettingsError: when the reference leads nowhere; the message holds the reference, never a value.
    """
    kind, _, rest = reference.partition(":")
    if kind == "env" and rest:
        if rest not in os.environ:
            raise SettingsError(f"Secret reference {reference}: set the environment variable {rest}.")
        return os.environ[rest].strip()
    if kind == "file" and rest:
        try:
            return (base / rest).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"Secret reference {reference}: the file {base / rest} cannot be read.") from error
    scope, _, key = reference.partition("/")
    if scope and key:
        return read_databricks_secret(scope, key, reference)
    # Not shown: what is no reference may be the secret itself.
    raise SettingsError("A reference to a secret in the settings must be env:NAME, file:PATH or SCOPE/KEY.")


def read_databricks_secret(scope: str, key: str, reference: str) -> str:
    """Ask Databricks for a secret: its secret utility is there in a workspace, or anywhere with DATABRICKS_HOST set."""
    # Without either, the SDK would search the network for credentials for ten seconds before it gives up.
    try:
        if not databricks_is_known():
            raise ImportError
        from databricks.sdk.runtime import dbutils
    except (ImportError, ValueError) as error:
        raise SettingsError(
            f"Secret reference {reference}: a Databricks secret can only be read inside a Databricks workspace; "
            "elsewhere use env:NAME or file:PATH."
        ) from error
    return str(dbutils.secrets.get(scope=scope, key=key))
