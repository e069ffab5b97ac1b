"""A real standalone cluster of two workers does what one machine does, row for row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standalone.conftest import CANARY, Run, Told
from tests.standalone.servers import Cluster, running_cluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster") / "spark") as started:
        yield started


@pytest.fixture(scope="module")
def cluster_run(cluster: Cluster, wheel: Path, run_streams: Run) -> Told:
    own = {"spark": {"master": cluster.master, "wheel": str(wheel), "driver_memory": "1g"}}
    return run_streams("cluster", own, **cluster.environment)


def test_two_workers_make_the_rows_that_one_machine_makes(cluster_run: Told, local_run: Told) -> None:
    assert cluster_run.drained == local_run.drained
    for name, rows in local_run.tables.items():
        assert cluster_run.tables[name] == rows, name


def test_both_executors_have_our_code_from_the_wheel_and_models_of_their_own(
    cluster: Cluster, cluster_run: Told
) -> None:
    for stage, model in (("silver", "engines"), ("labels", "encoders")):
        workers = cluster_run.workers[stage]
        for worker in workers:
            assert worker["code"] == f"{worker['place']}/intent-lakehouse/pipelines/__init__.py"
        loaded = {Path(str(worker["place"])) for worker in workers if worker[model]}
        assert sorted(place.relative_to(cluster.work).parts[0] for place in loaded) == ["one", "two"], stage


def test_what_executors_log_names_no_file_and_no_person(cluster: Cluster, cluster_run: Told) -> None:
    logs = [path for path in cluster.work.rglob("std*") if path.is_file()]
    assert len(logs) == 4
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        assert CANARY not in text.replace("%20", " ")
        assert " INFO " not in text
