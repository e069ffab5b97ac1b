"""Entry points of scheduled tasks: one command each, with named parameters only, as a Databricks wheel task gives them.

`--workspace=PATH` is an option of the command, `--continuous=true` a switch, `--models.experiment=NAME` a setting.
"""

import os
import sys

from pipelines.cli.app import run
from pipelines.configuration import ENVIRONMENT_PREFIX


def bronze() -> None:
    """Bring messages and labelled files into bronze."""
    run_command("run", "bronze")


def silver() -> None:
    """Redact and cluster what is new in bronze."""
    run_command("run", "silver")


def features() -> None:
    """Say what redacted texts are about."""
    run_command("run", "features")


def labels() -> None:
    """Cast votes on what is new in silver."""
    run_command("run", "labels")


def gate() -> None:
    """Decide on what has new votes, and put it in its place."""
    run_command("run", "gate")


def export() -> None:
    """Write the training data."""
    run_command("export")


def train() -> None:
    """Train the student."""
    run_command("train")


def calibrate() -> None:
    """Learn what confidence means."""
    run_command("calibrate")


def certify() -> None:
    """Say what may be promised of gold."""
    run_command("certify")


def maintain() -> None:
    """Tidy the tables' files."""
    run_command("maintain")


def run_command(*command: str) -> None:
    """Run a command with the parameters of the task; a failure ends the process with the command's exit code."""
    code = run([*command, *options_of(sys.argv[1:])])
    # To Databricks a task that ends by SystemExit has failed, even with code 0.
    if code:
        sys.exit(code)


def options_of(parameters: list[str]) -> list[str]:
    """Read named parameters as options; settings go into the environment, where settings are looked for.

    Args:
        parameters: `--NAME=VALUE` each. A switch is on with `true` and left out with `false`; a name with a dot is a
            setting, by its section and key.
    """
    options = []
    for parameter in parameters:
        name, _, value = parameter.removeprefix("--").partition("=")
        if "." in name:
            os.environ[ENVIRONMENT_PREFIX + name.upper().replace(".", "__")] = value
        elif value == "true":
            options.append(f"--{name}")
        elif value != "false":
            options.append(parameter)
    return options
