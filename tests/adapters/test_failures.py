"""What stands behind a failure: the named error, and what to do."""

import pytest

from pipelines.adapters.failures import explain_failure
from pipelines.errors import CheckpointMismatchError, PipelineError, StorageError


@pytest.mark.parametrize(
    ("message", "kind", "advice"),
    [
        (
            "There are [2] sources in the checkpoint offsets and now there are [3] sources requested by the query.",
            CheckpointMismatchError,
            "--new-epoch",
        ),
        ("java.io.IOException: No space left on device", StorageError, "Free some space"),
        ("pipelines.errors.StorageError: the file is gone", StorageError, "the file is gone"),
        ("org.example.StrangeException: ...", PipelineError, "StrangeException"),
    ],
)
def test_a_failure_of_a_query_is_named_with_what_to_do(message: str, kind: type[PipelineError], advice: str) -> None:
    named = explain_failure("gate", RuntimeError(message))
    assert type(named) is kind
    assert advice in str(named)
