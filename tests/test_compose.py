"""The compose files: valid by their schemas, pinned, and true of what the jobs tell."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.adapters.metrics import StreamMetrics
from pipelines.configuration import load_settings

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "conf" / "compose"
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*")


def read(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((COMPOSE / name).read_text(encoding="utf-8"))
    return loaded


def invalid(schema: str, file: Path) -> str:
    """Ask a validator with the published schemas; gives what it says is wrong."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "file"),
    [("vendor.compose-spec", COMPOSE / "compose.yml"), ("vendor.github-workflows", ROOT / ".github/workflows/ci.yml")],
)
def test_files_are_what_their_tools_expect(schema: str, file: Path, tmp_path: Path) -> None:
    assert invalid(schema, file) == ""
    broken = tmp_path / file.name
    broken.write_text(re.sub(r"^(services|jobs):", r"\1s:", file.read_text(encoding="utf-8"), flags=re.M), "utf-8")
    assert re.search(r"(services|jobs)s", invalid(schema, broken))


def test_every_image_is_pinned_and_every_port_is_of_this_machine() -> None:
    services = read("compose.yml")["services"]
    assert set(services) == {"kafka", "jobs", "mlflow", "prometheus", "grafana"}
    base = re.search(r"^FROM (\S+)$", (COMPOSE / "Dockerfile").read_text(encoding="utf-8"), re.M)
    assert base
    images = [base[1], *(service["image"] for service in services.values())]
    assert [image for image in images if not PINNED.fullmatch(image)] == []
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_is_built_as_the_makefile_installs() -> None:
    dockerfile, makefile = (path.read_text(encoding="utf-8") for path in (COMPOSE / "Dockerfile", ROOT / "Makefile"))
    (version,) = re.findall(r"uv==([\d.]+)", dockerfile)
    assert f"uv=={version}" in makefile
    copied = [name for line in re.findall(r"^COPY (.+)$", dockerfile, re.M) for name in line.split()[:-1]]
    let_in = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()[1:]}
    assert set(copied) == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_the_jobs_settings_are_known_and_scraped_where_they_answer() -> None:
    told = {key: str(value) for key, value in read("compose.yml")["services"]["jobs"]["environment"].items()}
    settings = load_settings([], environment=told)
    (scraped,) = read("prometheus.yml")["scrape_configs"]
    assert scraped["static_configs"] == [{"targets": [f"jobs:{settings.metrics.port}"]}]
    assert settings.kafka.bootstrap_servers == "kafka:9092"
    assert read("compose.yml")["services"]["jobs"]["stop_signal"] == "SIGINT"
    assert f"localhost:{settings.metrics.port}/metrics" in str(read("compose.yml")["services"]["jobs"]["healthcheck"])


def test_every_panel_asks_for_a_series_that_there_is() -> None:
    metrics = StreamMetrics()
    for name in ("up", "batches", "last", "seconds"):
        getattr(metrics, name).labels("gate")
    metrics.behind.labels("gate", "files")
    metrics.decided("accepted", "", 1)
    known = {sample.name for metric in metrics.registry.collect() for sample in metric.samples}
    dashboard = json.loads((COMPOSE / "grafana/dashboards/streams.json").read_text(encoding="utf-8"))
    (source,) = read("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["description"]
        assert panel["datasource"]["uid"] == source["uid"]
        asked = set(re.findall(r"lakehouse_\w+", panel["targets"][0]["expr"]))
        assert asked
        assert asked <= known
