"""The real embedded models, registered once a run; converted once a machine (the per-user cache is used)."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.adapters.embedded_registry import prepare_registry


@pytest.fixture(scope="session")
def model_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Tracking URI of a prepared registry."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}"
    prepare_registry(uri, lambda line: None)
    yield uri
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_registry(model_registry: str, tmp_path: Path) -> str:
    """A copy of the prepared database that a test may change; the models' files stay where they are."""
    store = tmp_path / "mlflow.db"
    shutil.copyfile(model_registry.removeprefix("sqlite:///"), store)
    return f"sqlite:///{store}"
