"""What stands behind a failure of Spark or of a file: one named error with a next step, and no trace."""

import errno
import os
import re

from pipelines import errors
from pipelines.errors import CheckpointMismatchError, PipelineError, ServiceUnavailableError, StorageError

DETAILS = "Details stand in the workspace's logs/spark.log. Nothing is lost: run the same command again."

DISK_FULL = r"No space left on device|Disk quota exceeded|database or disk is full"

WORKER_LOST = r"Python worker exited unexpectedly"

CAUSES: tuple[tuple[str, type[PipelineError], str], ...] = (
    (DISK_FULL, StorageError, "the disk is full. Free some space, then run again"),
    (r"AccessDeniedException|Permission denied", StorageError, "a folder may not be written. Mend its permissions"),
    (
        r"UnknownTopicOrPartition|Timed out waiting for a node|TimeoutException|Failed to (get|create) .*metadata"
        r"|TopicAuthorization|SaslAuthentication",
        ServiceUnavailableError,
        "Kafka does not answer, or not for this topic. Check kafka.bootstrap_servers and kafka.topic: lakehouse doctor",
    ),
    (
        r"may have been aged out|data loss|offset was changed from",
        PipelineError,
        "Kafka has dropped messages that were not read yet (retention, or a recreated topic). Read on with what is "
        "left: run again with --new-epoch",
    ),
    (
        r"sources in the checkpoint offsets",
        errors.CheckpointMismatchError,
        "its checkpoint was made by an earlier version, which read fewer tables. Run again with --new-epoch: no row is "
        "written twice",
    ),
    (
        r"Concurrent update to the log|Multiple streaming jobs detected|CONCURRENT_STREAM_LOG_UPDATE"
        r"|ConcurrentTransactionException|another query with same id|query with that name is already active"
        r"|CONCURRENT_TRANSACTION|Multiple streaming queries are concurrently using",
        CheckpointMismatchError,
        "another run of the same workspace uses its checkpoint at this moment. Let one of the two end, then run again; "
        "if there is no other, files of the checkpoint were deleted by halves: run again with --new-epoch",
    ),
    (
        r"Checksum error|ChecksumException|Incomplete log file|Malformed log file|batch \d+ doesn't exist"
        r"|Failed to read log file|MISSING_METADATA",
        CheckpointMismatchError,
        "a file of its checkpoint is damaged or missing. Put the checkpoint back from a backup, or run again with "
        "--new-epoch: everything is read anew, and rows that stand already are not written twice",
    ),
    (r"OutOfMemoryError|Java heap space", PipelineError, "memory ran out. Lower kafka.max_messages_per_batch or raise "
     "spark.driver_memory"),
    (WORKER_LOST, PipelineError, "a Python worker was ended, most often for lack of memory. "
     "Lower spark.master to local[1,4], or give the machine more"),
)  # fmt: skip


def explain_failure(stage: str, failure: Exception) -> PipelineError:
    """Find the named error inside a query's failure; otherwise match the causes known to happen."""
    text = str(failure)
    named = re.findall(r"pipelines\.errors\.(\w+): ([^\n]+)", text)
    if named:
        kind = getattr(errors, named[-1][0], PipelineError)
        return kind(named[-1][1]) if issubclass(kind, PipelineError) else PipelineError(named[-1][1])
    known = find_cause(f"Stage {stage}", failure)
    if known:
        return known
    exceptions = re.findall(r"\b(\w+(?:Error|Exception))\b", text)
    found = exceptions[-1] if exceptions else type(failure).__name__
    return PipelineError(f"Stage {stage} stopped with {found}. {DETAILS}")


def find_cause(what: str, failure: Exception) -> PipelineError | None:
    """Match a failure with the causes known to happen; `what` has stopped for it."""
    for pattern, kind, advice in CAUSES:
        if re.search(pattern, str(failure)):
            return kind(f"{what} stopped: {advice}. {DETAILS}")
    return None


def explain_refusal(error: OSError) -> StorageError:
    """Say what to do when the operating system refuses a file; of a copy, the file it was to become."""
    path = error.filename2 or error.filename
    where = f" {path}" if path else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"The disk is full; could not write{where}. Free some space, then run the command again.")
    return StorageError(f"Cannot use{where}: {os.strerror(error.errno or 0)}. Check the path and its permissions.")
