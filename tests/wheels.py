"""The wheel, built from a copy of the sources: what stands in a checkout is not touched."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build_wheel(folder: Path) -> Path:
    """Build the wheel in an empty folder."""
    source = folder / "source"
    for name in ("src", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source / name)
    built = ["setup.py", "--quiet", "bdist_wheel", "--dist-dir", str(folder / "dist")]
    subprocess.run([sys.executable, *built], cwd=source, check=True, capture_output=True, timeout=300)
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def install(wheel: Path, prefix: Path) -> Path:
    """Install a wheel into a folder of libraries that is not the interpreter's, as a cluster does."""
    # What stands in the interpreter's own folder is neither looked at nor touched.
    command = ["install", "--quiet", "--ignore-installed", "--no-deps", "--no-index", "--prefix", str(prefix)]
    subprocess.run([sys.executable, "-m", "pip", *command, str(wheel)], check=True, capture_output=True, timeout=300)
    return prefix


def packages(prefix: Path) -> Path:
    """Folder of the packages under a prefix."""
    return Path(sysconfig.get_path("purelib", vars={"base": str(prefix)}))
