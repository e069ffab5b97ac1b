"""Votes as rows: what was said, by which versions, with which settings."""

import json
import time
from dataclasses import dataclass

from pipelines.adapters.hardware import choose_place
from pipelines.adapters.model_files import PinnedModel, PinnedVersions, hash_text
from pipelines.adapters.registry import LABELS
from pipelines.intents import Intent, examples_hash, label_set_hash
from pipelines.labelling_settings import LabellingSettings
from pipelines.vocabulary import NoAnswer, Tier, Voter

DECIMALS = 6

Row = dict[str, object]
Distribution = list[tuple[str, float]]
Similarities = list[tuple[str, float]]
"""Cosine to the nearest verified example of some labels, -1 to 1."""


@dataclass(frozen=True)
class Task:
    """Everything an answer depends on; equal tasks share what a worker has loaded.

    Attributes:
        served: whether the language model stands behind an endpoint.
    """

    pinned: PinnedVersions
    intents: tuple[Intent, ...]
    settings: LabellingSettings
    tracking_uri: str
    served: bool = False

    @property
    def coded(self) -> bool:
        """Whether the registry's model is shown all labels under codes, and nothing of the memory's."""
        return not self.served and LABELS in self.pinned.prompt.template

    def examples_of(self, voter: Voter) -> str | None:
        """Fingerprint of the verified examples that a voter's answer rests on; None where it is shown none.

        The language model is shown those of intents.yml, the memory and the student know what the student's version
        learnt as well.
        """
        if voter == Voter.SLM and self.coded:
            return None
        written = examples_hash(list(self.intents))
        student = self.pinned.student if voter != Voter.SLM else None
        return hash_text(f"{written} {student.weights_hash}") if student else written


@dataclass(frozen=True)
class Cost:
    """What one vote took.

    Attributes:
        latency_ms: on its worker, or in requests.
        tokens_in, tokens_out: read and written by a language model; None where nobody counted.
        device: where it ran; None: where the encoder does.
    """

    latency_ms: float
    tokens_in: int | None = None
    tokens_out: int | None = None
    device: str | None = None


def by_probability(shares: Distribution) -> Distribution:
    """Round, then sort: best first, equal ones by name."""
    rounded = [(label, round(probability, DECIMALS)) for label, probability in shares]
    return sorted(rounded, key=lambda share: (-share[1], share[0]))


def needed(pinned: PinnedVersions) -> PinnedModel:
    """The language model's version; asking for it without one is a mistake of ours.

    Raises:
        ValueError: when no version was pinned.
    """
    if pinned.slm is None:
        raise ValueError("The language model was asked although no version was pinned.")
    return pinned.slm


@dataclass(frozen=True)
class Told:
    """What the language model said of a text, and how many tokens it read for that (the constant head counts)."""

    shares: Distribution
    tokens: int


def vote_row(
    voter: Voter,
    answer: Distribution,
    cost: Cost,
    task: Task,
    failure: str = NoAnswer.MODEL_FAILED.value,
    near: Similarities | None = None,
) -> Row:
    """Lay out a vote: what was said, by which versions, with which settings; without an answer, `failure` says why.

    `near` is the memory's alone.
    """
    best, second = ([*answer, (None, None), (None, None)])[:2]
    return {
        "voter": voter.value,
        "label": best[0],
        "confidence": best[1],
        "second_label": second[0],
        "second_confidence": second[1],
        "alternatives": [{"label": label, "probability": probability} for label, probability in answer],
        "similarities": near and [{"label": label, "similarity": cosine} for label, cosine in near],
        "tier": Tier.MODEL.value,
        "latency_ms": cost.latency_ms,
        "tokens_in": cost.tokens_in,
        "tokens_out": cost.tokens_out,
        "device": cost.device or choose_place(task.pinned.encoder.precision).name,
        **versions(voter, task),
        "failure": None if answer else failure,
        "try_no": 1,
    }


def versions(voter: Voter, task: Task) -> dict[str, str | None]:
    """What says by which versions and settings a voter votes: equal ones give the same answer to the same text."""
    by_slm = voter == Voter.SLM
    model = needed(task.pinned) if by_slm else task.pinned.encoder
    if voter == Voter.STUDENT and task.pinned.student:
        model = task.pinned.student
    prompt = task.pinned.prompt if by_slm else None
    return {
        "model_name": model.name,
        "model_version": model.version,
        "model_hash": model.weights_hash,
        "prompt_name": prompt.name if prompt else None,
        "prompt_version": prompt.version if prompt else None,
        "prompt_hash": prompt.hash if prompt else None,
        "label_set_hash": label_set_hash(list(task.intents)),
        "examples_hash": task.examples_of(voter),
        "decoding": decoding(voter, task),
    }


def since(started: float) -> float:
    """Give the milliseconds that passed since a reading of `time.perf_counter`."""
    return (time.perf_counter() - started) * 1000


def decoding(voter: Voter, task: Task) -> str:
    """The settings that decide a voter's answer, as JSON."""
    shared = ("neighbours", "temperature", "unknown_similarity", "unknown_softness", "slm_candidates")
    if voter == Voter.SLM and task.coded:
        names = ("slm_candidates", "slm_orders", "slm_max_text_tokens", "slm_temperature")
        return json.dumps({name: getattr(task.settings, name) for name in names}, sort_keys=True)
    # A served model answers with its own probabilities, and is shown no examples.
    slm = ("slm_max_text_tokens", *(() if task.served else ("slm_examples", "slm_temperature")))
    # The memory chooses what the language model is shown, so its settings and its encoder decide that answer too.
    names = (*shared, *slm) if voter == Voter.SLM else shared
    told = {name: getattr(task.settings, name) for name in names}
    chosen_by = {"encoder": task.pinned.encoder.weights_hash} if voter == Voter.SLM else {}
    return json.dumps({**told, **chosen_by}, sort_keys=True)
