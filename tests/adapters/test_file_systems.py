"""Where tables stand decides which jars a session needs; secrets of the place are references."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.adapters.file_systems import file_systems
from pipelines.adapters.session_configuration import FileSystems
from pipelines.configuration import load_settings
from pipelines.errors import SettingsError

SECRET = "not-to-be-seen"


def of(tmp_path: Path, **storage: object) -> FileSystems:
    return file_systems(load_settings([], {"storage": storage}, {}).storage, tmp_path)


def test_jars_for_s3_come_where_one_of_the_places_is_there(tmp_path: Path) -> None:
    assert of(tmp_path) == FileSystems()
    assert of(tmp_path, landing_uri="s3a://bucket/landing").jars == ("s3",)
    assert of(tmp_path, tables_uri="abfss://box@account.dfs.core.windows.net/tables").jars == ()


def test_options_are_written_as_hadoop_reads_them_and_secrets_are_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_SECRET", SECRET)
    options = {"fs.s3a.path.style.access": True, "fs.s3a.connection.maximum": 20}
    found = of(tmp_path, options=options, secret_options={"fs.s3a.secret.key": "env:S3_SECRET"})
    assert found.options == {
        "fs.s3a.path.style.access": "true",
        "fs.s3a.connection.maximum": "20",
        "fs.s3a.secret.key": SECRET,
    }
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    "name",
    [
        "fs.s3a.secret.key",
        "fs.s3a.access.key",
        "fs.s3a.session.token",
        "fs.s3a.encryption.key",
        "fs.s3a.server-side-encryption.key",
        "fs.azure.account.key.a.net",
        "fs.azure.sas.container.account.net",
        "fs.gs.auth.service.account.private.key",
    ],
)
def test_a_secret_among_the_plain_options_is_refused_unseen(tmp_path: Path, name: str) -> None:
    words = re.escape(f"Setting storage.options: {name} is a secret: put a reference")
    with pytest.raises(SettingsError, match=words) as refused:
        of(tmp_path, options={name: SECRET})
    assert SECRET not in str(refused.value)


def test_whether_tokens_are_asked_for_is_no_secret(tmp_path: Path) -> None:
    asked = {"fs.s3a.delegation.tokens.enabled": "true", "fs.azure.enable.delegation.token": "false"}
    assert of(tmp_path, options=asked).options == asked


def test_a_secret_that_is_no_reference_is_refused_unseen(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        of(tmp_path, secret_options={"fs.s3a.secret.key": SECRET})
    assert SECRET not in str(refused.value)


def test_the_secret_of_a_session_stands_in_no_command_line(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from pipelines.adapters.session_configuration import FileSystems
from pipelines.adapters.spark import open_session
from pipelines.settings import SparkSettings
folder = Path({str(tmp_path)!r})
files = FileSystems(options={{"fs.s3a.secret.key": {SECRET!r}}})
spark = open_session(SparkSettings(driver_memory="512m"), folder, folder / "logs", print, files=files)
told = spark._jsparkSession.sessionState().newHadoopConf().get("fs.s3a.secret.key") == {SECRET!r}
others = [path for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.name != str(os.getpid())]
javas = [line for line in map(Path.read_bytes, others) if str(folder).encode() in line]
print(told, len(javas) > 0, any({SECRET!r}.encode() in line for line in javas))
spark.stop()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["True", "True", "False"]
