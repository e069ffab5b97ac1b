"""A calibration as a registered model: its weights in safetensors, what they mean and how good it is in JSON."""

import json
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines.adapters.model_files import PinnedModel, check_files
from pipelines.adapters.models import fetch_files
from pipelines.adapters.registry import find_model, open_client, pin_found, registry_is_missing
from pipelines.errors import ModelNotFoundError
from pipelines.gate_rules import PinnedCalibration
from pipelines.kernels.calibration import Calibration
from pipelines.kernels.reliability import Reliability

if TYPE_CHECKING:
    from mlflow import MlflowClient

WEIGHTS, CONFIG = "calibration.safetensors", "config.json"
ARRAYS = ("means", "scales", "weights")


def save_calibration(calibration: Calibration, quality: Reliability | None, folder: Path) -> Path:
    """Write a calibration's files into a new folder, its reliability curve with them; gives the folder back."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    save_file({name: np.asarray(getattr(calibration, name), dtype=np.float64) for name in ARRAYS}, folder / WEIGHTS)
    told = {"features": list(calibration.features), "bias": calibration.bias, "rows": calibration.rows}
    told |= {"penalty": str(calibration.penalty), "reliability": asdict(quality) if quality else None}
    config = json.dumps({"model_type": "intent-calibration", **told}, ensure_ascii=False, indent=2)
    (folder / CONFIG).write_text(config + "\n", encoding="utf-8")
    return folder


@lru_cache(maxsize=4)
def load_calibration(model: PinnedModel, tracking_uri: str) -> PinnedCalibration:
    """Load a version of a calibration.

    Raises:
        ModelNotFoundError: when its files are missing, not the registered ones, or no calibration's.
    """
    from safetensors.numpy import load_file

    folder = check_files(fetch_files(model, tracking_uri), model)
    try:
        arrays = {name: tuple(map(float, array)) for name, array in load_file(folder / WEIGHTS).items()}
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        means, scales, weights = (arrays[name] for name in ARRAYS)
        bias, penalty, rows = float(config["bias"]), float(config["penalty"]), int(config["rows"])
        told = Calibration(tuple(config["features"]), means, scales, weights, bias, penalty, rows)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ModelNotFoundError(
            f"Model {model.uri} is no calibration ({type(error).__name__}): expected {WEIGHTS} and {CONFIG} as "
            "`lakehouse calibrate` writes them. Set models.calibration_uri to one that is."
        ) from error
    return PinnedCalibration(model.name, model.version, told)


def pin_calibration(tracking_uri: str, uri: str) -> PinnedCalibration | None:
    """Resolve the calibration's URI to an immutable version; None before there is one."""
    if registry_is_missing(tracking_uri):
        return None
    client: MlflowClient = open_client(tracking_uri)
    model = find_model(client, uri)
    return None if model is None else load_calibration(pin_found(client, uri, model), tracking_uri)
