"""A student as a registered model: its arrays in safetensors, what they mean in JSON, a signature for MLflow."""

import json
import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipelines.adapters.model_files import PinnedModel, check_files
from pipelines.adapters.models import fetch_files
from pipelines.errors import ModelNotFoundError
from pipelines.kernels.student import Student, predict

WEIGHTS, CONFIG, SIGNATURE = "student.safetensors", "config.json", "MLmodel"


@dataclass(frozen=True)
class Verified:
    """What people have labelled, as vectors alone: no text leaves the tables with a model.

    Attributes:
        vectors: shape (examples, dimensions).
        labels: of each; `unknown` where people say that it is of no intent.
    """

    vectors: np.ndarray
    labels: tuple[str, ...]


NOTHING = Verified(np.zeros((0, 0), dtype=np.float32), ())


@dataclass(frozen=True)
class NamedStudent:
    """A student and the names of its labels, in the order of its probabilities.

    Attributes:
        verified: what the memory looks texts up in beside the examples of intents.yml, for as long as this version
            votes.
    """

    student: Student
    labels: tuple[str, ...]
    verified: Verified = NOTHING

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """Share texts out among the labels; vectors (texts, dimensions) give probabilities (texts, labels)."""
        return predict(np.asarray(vectors), self.student)


def save_student(named: NamedStudent, encoder_hash: str, folder: Path) -> Path:
    """Write a student's files into a new folder; gives the folder back.

    Args:
        named: what to write.
        encoder_hash: SHA-256 (hex) of the weights of the encoder whose vectors it was fitted on.
        folder: made here.
    """
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    student, seen = named.student, named.verified
    vectors = np.ascontiguousarray(seen.vectors, dtype=np.float32)
    save_file({"weights": student.weights, "biases": student.biases, "verified": vectors}, folder / WEIGHTS)
    told = {"labels": list(named.labels), "encoder_hash": encoder_hash, "strength": student.strength}
    told["verified_labels"] = list(seen.labels)
    config = {"model_type": "intent-student", **told, "loss": student.loss, "accuracy": student.accuracy}
    (folder / CONFIG).write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    known, dimensions = student.weights.shape
    signature = ModelSignature(
        Schema([TensorSpec(np.dtype(np.float32), (-1, dimensions), "vector")]),
        Schema([TensorSpec(np.dtype(np.float64), (-1, known), "probabilities")]),
    )
    flavor = {"loader_module": __name__, "data": WEIGHTS, "python_version": platform.python_version()}
    Model(signature=signature, flavors={"python_function": flavor}).save(str(folder / SIGNATURE))
    return folder


def read_student(folder: Path) -> NamedStudent:
    """Read the files of a student."""
    from safetensors.numpy import load_file

    arrays = load_file(folder / WEIGHTS)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    labels = tuple(str(label) for label in config["labels"])
    student = Student(
        np.arange(len(labels)), arrays["weights"], arrays["biases"], config["strength"], config["loss"],
        config["accuracy"],
    )  # fmt: skip
    # Versions of before the memory learnt from people hold none.
    seen = Verified(arrays.get("verified", NOTHING.vectors), tuple(map(str, config.get("verified_labels", ()))))
    return NamedStudent(student, labels, seen)


@lru_cache(maxsize=2)
def load_student(model: PinnedModel, tracking_uri: str) -> NamedStudent:
    """Load a version of a student.

    Raises:
        ModelNotFoundError: when its files are missing, not the registered ones, or no student's.
    """
    folder = check_files(fetch_files(model, tracking_uri), model)
    try:
        return read_student(folder)
    except (OSError, KeyError, ValueError) as error:
        raise ModelNotFoundError(
            f"Model {model.uri} is no student ({type(error).__name__}): expected {WEIGHTS} and {CONFIG} as "
            "`lakehouse train` writes them. Set models.student_uri to one that is."
        ) from error


class _Predictor:
    """What `mlflow.pyfunc` calls."""

    def __init__(self, named: NamedStudent) -> None:
        self.named = named

    def predict(self, vectors: object) -> np.ndarray:
        given = vectors["vector"] if isinstance(vectors, dict) else vectors
        return self.named.predict(np.asarray(given))


def _load_pyfunc(path: str) -> _Predictor:
    """Let `mlflow.pyfunc.load_model` load a student, without running anything that is stored with it."""
    return _Predictor(read_student(Path(path).parent))
