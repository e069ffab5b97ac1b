"""Every error a user can meet: one root, few leaves.

A message says what came, what was expected and what to do next. It never holds the text of a
ticket, nor a value that may be personal: a record is named by its id, a row by its number.
"""


class PipelineError(Exception):
    """Raised when the product refuses to go on; the command line prints it as one sentence.

    Attributes:
        exit_code: what the process exits with (sysexits numbers, so that schedulers can tell them apart).
    """

    exit_code = 1


class UsageError(PipelineError):
    """Raised when an argument or a file a person named cannot be used as asked."""

    exit_code = 64


class InputDataError(PipelineError):
    """Raised when a file's content has not the columns or the form that was expected."""

    exit_code = 65


class SettingsError(PipelineError):
    """Raised when a setting is unknown, of the wrong type, or contradicts another; names the key."""

    exit_code = 78


class WorkspaceError(PipelineError):
    """Raised when no workspace is found, or it was made by another version of the product."""

    exit_code = 78


class MissingDependencyError(PipelineError):
    """Raised when an optional package, Java or a jar is not there; holds the command that gets it."""

    exit_code = 69


class ServiceUnavailableError(PipelineError):
    """Raised when Kafka, MLflow or an endpoint does not answer."""

    exit_code = 69


class ModelUnavailableError(ServiceUnavailableError):
    """Raised when the served language model is away or refuses a harmless text: no ticket is to blame, all wait."""


class ModelNotFoundError(PipelineError):
    """Raised when the registry has no such model, prompt, version or alias, or its hash is not the stored one."""

    exit_code = 69


class UnsupportedModelError(PipelineError):
    """Raised when a language model cannot be scored: its answers differ from those to the whole prompt."""

    exit_code = 69


class TextTooLongError(PipelineError):
    """Raised when a text has more tokens than the model reads; the caller cuts texts first."""

    exit_code = 65


class CheckpointMismatchError(PipelineError):
    """Raised when a checkpoint and its table disagree on what has been written."""

    exit_code = 70


class StorageError(PipelineError):
    """Raised when a table or a file cannot be written: full disk, no permission."""

    exit_code = 74


class LedgerError(PipelineError):
    """Raised when messages and places do not add up; nothing else may hide this."""

    exit_code = 3


class VerificationError(PipelineError):
    """Raised when an export does not match its manifest."""

    exit_code = 4


class SplitLeakError(VerificationError):
    """Raised when near-duplicates or equal texts would stand in two splits of an export; nothing is published."""


class VersionGoneError(PipelineError):
    """Raised when a version of a table cannot be read any more: vacuumed, or its log cleaned up."""

    exit_code = 65
