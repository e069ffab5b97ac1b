"""What the memory learns from people: it comes with the student's version, and goes back with it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.adapters.model_files import hash_weights
from pipelines.adapters.models import build_voters, load_encoder
from pipelines.adapters.registration import TrainingRecord, register_model
from pipelines.adapters.registry import ENCODER_TAG, open_client, pin_versions
from pipelines.adapters.student_files import NamedStudent, Verified, read_student, save_student
from pipelines.adapters.versions import promote
from pipelines.intents import Intent
from pipelines.kernels.student import Student
from pipelines.labelling_settings import LabellingSettings, ModelSettings
from tests.builders import cast_on

INTENTS = [Intent("lost_card", examples=("I lost my card",)), Intent("refund", examples=("I want my money back",))]
PARCEL, WEATHER, CARD = "the parcel never came", "what is the weather like today", "my card is lost"
TEXTS = [PARCEL, WEATHER, CARD]
OFF = LabellingSettings(slm="off")


def votes_of(registry: str, intents: list[Intent] = INTENTS) -> pd.DataFrame:
    pinned = pin_versions(registry, ModelSettings(), slm_needed=False)
    votes = cast_on(TEXTS, build_voters(pinned, intents, OFF, registry))
    memory = votes[votes["voter"] == "memory"].set_index("text_hash")
    return memory.set_axis(TEXTS)


def teach(registry: str, folder: Path, *said: tuple[str, str]) -> str:
    """Register a student whose version carries what people said; gives its version."""
    encoder = pin_versions(registry, ModelSettings(), slm_needed=False).encoder
    vectors = load_encoder(encoder, registry).encode([text for text, _ in said])
    student = Student(np.arange(2), np.zeros((2, vectors.shape[1]), np.float32), np.zeros(2, np.float32), 1.0, 0.5, 0.5)
    named = NamedStudent(student, ("lost_card", "refund"), Verified(vectors, tuple(label for _, label in said)))
    saved = save_student(named, encoder.weights_hash, folder / "model")
    client = open_client(registry)
    record = TrainingRecord({}, {}, {ENCODER_TAG: encoder.weights_hash}, "test")
    version = register_model(client, "intent-student", saved, str(folder / "artifacts"), "taught", record)
    promote(client, "model", "intent-student", version)
    return str(version)


def given(votes: pd.DataFrame, text: str) -> dict[str, float]:
    return {one["label"]: one["probability"] for one in votes.loc[text, "alternatives"]}


def near(votes: pd.DataFrame, text: str) -> dict[str, float]:
    return {one["label"]: one["similarity"] for one in votes.loc[text, "similarities"]}


def test_the_memory_takes_in_what_people_said_and_forgets_it_with_the_version(
    own_registry: str, tmp_path: Path
) -> None:
    before = votes_of(own_registry)
    assert (before.loc[PARCEL, "label"], before.loc[WEATHER, "label"]) == ("unknown", "unknown")
    assert set(near(before, PARCEL)) == {"lost_card", "refund"}, "nobody has said yet what is unknown"
    teach(own_registry, tmp_path, ("my parcel has not come", "refund"), ("how will the weather be", "unknown"))
    after = votes_of(own_registry)
    assert after.loc[PARCEL, "label"] == "refund"
    assert after.loc[WEATHER, "label"] == "unknown"
    assert given(after, WEATHER)["unknown"] > 0.9
    assert near(after, WEATHER)["unknown"] > max(near(after, WEATHER)["refund"], near(after, WEATHER)["lost_card"])
    assert near(after, PARCEL)["refund"] > near(before, PARCEL)["refund"] + 0.2
    assert after.loc[CARD, "label"] == "lost_card"
    assert sum(given(after, CARD).values()) == pytest.approx(1.0)
    assert set(before["examples_hash"]).isdisjoint(after["examples_hash"]), "other examples: another version"
    open_client(own_registry).delete_registered_model_alias("intent-student", "champion")
    again = votes_of(own_registry)
    assert again.drop(columns="latency_ms").equals(before.drop(columns="latency_ms"))


def test_what_people_said_under_another_name_is_left_out(own_registry: str, tmp_path: Path) -> None:
    before = votes_of(own_registry)
    teach(own_registry, tmp_path, ("my parcel has not come", "parcels"))
    assert votes_of(own_registry)["confidence"].tolist() == before["confidence"].tolist()


def test_an_intent_that_people_have_examples_of_is_not_known_by_its_name_alone(
    own_registry: str, tmp_path: Path
) -> None:
    bare = [Intent("lost_card"), Intent("refund")]
    teach(own_registry, tmp_path, ("my parcel has not come", "refund"), ("someone took my card", "lost_card"))
    votes = votes_of(own_registry, bare)
    assert (votes.loc[PARCEL, "label"], votes.loc[CARD, "label"]) == ("refund", "lost_card")


def test_a_student_of_before_the_memory_learnt_is_read_as_one_without_examples(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    student = Student(np.arange(1), np.zeros((1, 2), np.float32), np.zeros(1, np.float32), 1.0, 0.5, 0.5)
    folder = save_student(NamedStudent(student, ("refund",)), "e" * 64, tmp_path / "model")
    before = hash_weights(folder)
    save_file({"weights": student.weights, "biases": student.biases}, folder / "student.safetensors")
    assert hash_weights(folder) != before
    verified = read_student(folder).verified
    assert (verified.labels, len(verified.vectors)) == ((), 0)
