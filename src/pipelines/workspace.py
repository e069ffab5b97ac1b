"""A user's own project: one folder with intents, overlay, secret key and, when embedded, all data."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipelines.configuration import conf_dir, load_settings
from pipelines.errors import UsageError, WorkspaceError
from pipelines.intents import Intent, LabelSet, dump_intents, load_intents, load_label_set
from pipelines.settings import Settings
from pipelines.settings_base import EMBEDDED

MARKER = "lakehouse.yml"
INTENTS = "intents.yml"
WORKSPACE_VERSION = 1


@dataclass(frozen=True)
class Workspace:
    """A found workspace and its resolved settings."""

    root: Path
    settings: Settings
    place: str

    @property
    def intents(self) -> list[Intent]:
        """The intents of `intents.yml`, in file order."""
        return load_intents(self.root / INTENTS)

    @property
    def label_set(self) -> LabelSet:
        """Their names, and what became of former ones."""
        return load_label_set(self.root / INTENTS)

    @property
    def logs(self) -> Path:
        """Where Spark, Kafka and our own logs go."""
        return self.root / "logs"

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking URI: the workspace's own sqlite store when embedded."""
        uri = self.settings.models.tracking_uri
        return f"sqlite:///{self.root / 'mlflow' / 'mlflow.db'}" if uri == EMBEDDED else uri

    def uri(self, location: str) -> str:
        """Resolve a storage location: a URI or an absolute path stays, a relative path is inside the workspace."""
        return location if "://" in location or location.startswith("/") else str(self.root / location)

    def pseudonym_key(self) -> bytes:
        """Read the pseudonym key through its reference."""
        from pipelines.adapters.secrets import read_secret

        key = read_secret(self.settings.secrets.pseudonym_key_ref, self.root)
        try:
            decoded = bytes.fromhex(key)
        except ValueError:
            decoded = b""
        if len(decoded) < 32:
            raise WorkspaceError(
                f"The pseudonym key at {self.settings.secrets.pseudonym_key_ref} is not 64 hex digits (256 bits). "
                "Restore the key: with another one, pseudonyms of old and new rows would not match."
            )
        return decoded


def init_workspace(root: Path, intents: list[Intent], place: str = "local") -> Workspace:
    """Write a new workspace.

    Raises:
        UsageError: when one stands there already; its key and intents are never overwritten.
    """
    marker = root / MARKER
    if marker.exists():
        raise UsageError(f"{root} is a workspace already. Use another folder, or edit {root / INTENTS}.")
    root.mkdir(parents=True, exist_ok=True)
    key = root / "pseudonym.key"
    if not key.exists():
        write_whole(key, secrets.token_hex(32) + "\n", mode=0o600)
    write_whole(root / ".gitignore", "pseudonym.key\ntables/\ncheckpoints/\ncache/\nkafka/\nmlflow/\nlogs/\n")
    (root / "landing" / "labeled").mkdir(parents=True, exist_ok=True)
    dump_intents(intents, root / INTENTS)
    write_whole(marker, MARKER_TEXT.format(version=WORKSPACE_VERSION, place=place))
    return open_workspace(root)


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file whole or not at all: half a key on a full disk would be found, and kept, by the next try."""
    aside = path.with_name(f"{path.name}.part")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(text)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


MARKER_TEXT = """# This folder is an Intent Lakehouse workspace. Any key of conf/base.yml may be changed below.
workspace_version: {version}
place: {place}
"""


def find_workspace(start: Path | None) -> Workspace:
    """Open the workspace at `start`, or the nearest one at or above the current folder.

    Raises:
        WorkspaceError: when there is none.
    """
    if start is not None:
        return open_workspace(start)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / MARKER).is_file():
            return open_workspace(folder)
    raise WorkspaceError(
        f"No workspace at or above {here}. Make one: lakehouse init DIR, or name one with --workspace."
    )


def open_workspace(root: Path) -> Workspace:
    """Open the workspace at exactly this folder.

    Raises:
        WorkspaceError: when it is none, or was made by another version of the product.
        SettingsError: when a setting is wrong.
    """
    marker = root / MARKER
    if not marker.is_file():
        raise WorkspaceError(f"{root} is no workspace ({MARKER} is missing). Make one: lakehouse init {root}")
    content = yaml.safe_load(marker.read_text(encoding="utf-8")) or {}
    version, place = content.pop("workspace_version", None), str(content.pop("place", "local"))
    if version != WORKSPACE_VERSION:
        raise WorkspaceError(
            f"{root} was made by another version: it says workspace_version {version}, this is {WORKSPACE_VERSION}. "
            "Install the version that made it, or start a new workspace and ingest again."
        )
    overlay = conf_dir() / f"{place}.yml"
    settings = load_settings([overlay] if overlay.is_file() else [], content)
    return Workspace(root.resolve(), settings, place)


def workspace_if_any(named: Path | None) -> Workspace | None:
    """Find the workspace; none is fine, unless one was named."""
    try:
        return find_workspace(named)
    except WorkspaceError:
        if named is not None:
            raise
        return None
