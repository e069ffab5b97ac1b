"""The student: a classifier on the stored vectors, trained by `lakehouse train`; absent until there is one."""

from collections.abc import Sequence

import numpy as np

from pipelines.adapters.memory_voter import Examples, known_shares, tell
from pipelines.adapters.student_files import load_student
from pipelines.adapters.vote_rows import Distribution, Task
from pipelines.kernels import neighbours
from pipelines.kernels.combination import widen
from pipelines.kernels.exact import Floats
from pipelines.vocabulary import UNKNOWN_LABEL


def student_distributions(
    vectors: Sequence[np.ndarray], opinions: neighbours.Opinions, examples: Examples, task: Task
) -> list[Distribution]:
    """Each text's most probable labels by the student.

    The memory says how likely a text is about any known label, and stands in for labels that the student has not
    learnt. Labels that it learnt and that are no intents any more are left out. What it has learnt to be `unknown` is
    taken off what is known.
    """
    if task.pinned.student is None:
        return []
    named = load_student(task.pinned.student, task.tracking_uri)
    places = {intent.name: place for place, intent in enumerate(task.intents)}
    still = [column for column, label in enumerate(named.labels) if label in places]
    predicted = named.predict(np.stack(vectors))
    shares, strange = renormalised(predicted[:, still]), share_of(UNKNOWN_LABEL, named.labels, predicted)
    learnt = np.array([places[named.labels[column]] for column in still], dtype=np.int64)
    whole = widen(shares, learnt, renormalised(opinions.shares[:, : len(places)]))
    chosen = neighbours.shortlist(whole, task.settings.slm_candidates)
    known = [
        near * (1.0 - float(stranger))
        for near, stranger in zip(known_shares(opinions, examples, task), strange, strict=True)
    ]
    return [tell(task, whole[place], chosen[place], known[place]) for place in range(len(whole))]


def share_of(label: str, labels: Sequence[str], shares: Floats) -> Floats:
    """What a label gets of each text, shape (texts,); 0 where it is not among the labels of the columns."""
    return np.asarray(shares[:, [place for place, name in enumerate(labels) if name == label]].sum(axis=1))


def renormalised(shares: Floats) -> Floats:
    """Let each row add up to 1 again."""
    return np.asarray(shares / np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny))
