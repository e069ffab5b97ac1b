"""The two lines of Spark: what the Makefile installs, what jars are known for, and what the public CI runs."""

import re
from pathlib import Path

import pytest
import yaml

from pipelines.adapters.jars import coordinates

ROOT = Path(__file__).parents[1]
PINS = {"3.5": ROOT / "conf" / "constraints.txt", "4.0": ROOT / "conf" / "spark-4.0.txt"}
LOCKS = {"3.5": ROOT / "requirements.lock", "4.0": ROOT / "requirements-spark4.0.lock"}


def pinned(file: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==([\w.]+)", file.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("line", PINS)
def test_a_line_is_locked_as_it_is_pinned_and_its_jars_are_of_its_delta(line: str) -> None:
    pins, locked = pinned(PINS[line]), pinned(LOCKS[line])
    assert pins["pyspark"].startswith(f"{line}.")
    assert {name: locked[name] for name in pins} == pins
    (delta, kafka) = coordinates(pins["pyspark"])["spark"]
    assert delta.endswith(f":{pins['delta-spark']}")
    assert kafka.endswith(f":{pins['pyspark']}")


def test_the_second_line_changes_packages_of_spark_only() -> None:
    assert set(pinned(LOCKS["4.0"])) == {"pyspark", "delta-spark", "py4j"}


def test_the_public_ci_runs_the_two_commands_on_both_lines() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    assert job["strategy"]["matrix"] == {"python": ["3.11", "3.12"], "spark": list(PINS)}
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["make demo SPARK=${{ matrix.spark }}", "make test SPARK=${{ matrix.spark }}"]


def test_the_makefile_keeps_a_virtual_environment_a_line() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^VENV := \.venv\$\(if \$\(filter-out 3\.5,\$\(SPARK\)\),-spark\$\(SPARK\)\)$", makefile, re.M)
    assert "requirements-spark$(SPARK).lock" in makefile
