"""The command line: one vocabulary, one error boundary, exit codes that mean something.

0 done; 1 stopped; 2 or 64 wrong call; 65 wrong content of a file; 69 a service or package is missing; 70 checkpoint
and table disagree; 74 cannot write; 78 wrong settings or workspace; 3 the ledger does not add up; 4 an export does not
verify; 130 stopped by Ctrl-C.
"""

import logging
import os
import traceback
import warnings
from pathlib import Path
from typing import cast

import click
import typer
from typer.main import get_command

from pipelines.adapters.failures import explain_refusal, find_cause
from pipelines.cli import (
    agreement,
    annotate,
    apply,
    assurance,
    contracts,
    demo,
    evaluate,
    explain,
    exports,
    flow,
    grants,
    label_audit,
    looking,
    plan,
    project,
    quarantine,
    querying,
    reprocess,
    tidying,
    train,
    upkeep,
    versions,
)
from pipelines.cli.screens import err
from pipelines.errors import PipelineError

INTERRUPTED = 130
WRONG_CALL = cast(
    "tuple[type[click.ClickException], ...]",
    tuple(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == click.ClickException.__name__),
)
"""What a wrong call raises: Click's exception or, in newer versions of Typer, that of its own copy of Click."""

app = typer.Typer(
    name="lakehouse",
    help="Support tickets in; governed, PII-free, de-duplicated, intent-labelled training data out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(demo.demo)
app.command("init")(project.init)
app.command()(project.ingest)
app.command()(flow.run)
app.command()(exports.validate)
app.add_typer(apply.apply)
app.add_typer(reprocess.reprocess)
app.add_typer(quarantine.quarantine)
app.add_typer(annotate.annotate)
app.command()(plan.plan)
app.command()(train.train)
app.command()(assurance.calibrate)
app.command()(assurance.certify)
app.command()(agreement.agreement)
app.add_typer(versions.model)
app.add_typer(versions.prompt)
app.command()(exports.export)
app.command()(exports.rebuild)
app.command()(exports.verify)
app.command("audit-labels")(label_audit.audit_labels)
app.command()(evaluate.evaluate)
app.command()(looking.status)
app.command()(explain.explain)
app.command()(looking.clusters)
app.command()(querying.sql)
app.command()(contracts.contracts)
app.command()(tidying.maintain)
app.command()(grants.grants)
app.command()(upkeep.setup)
app.command()(upkeep.doctor)


def run(arguments: list[str]) -> int:
    """Run one command and give its exit code; a user's error is one sentence, never a trace."""
    warnings.filterwarnings("ignore")
    logging.getLogger().setLevel(logging.ERROR)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        code = int(get_command(app).main(args=arguments, prog_name="lakehouse", standalone_mode=False) or 0)
        # Typer makes an exit code of Ctrl-C before we see it.
        return stopped() if code == INTERRUPTED else code
    except WRONG_CALL as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort, typer.Abort):
        return stopped()
    except PipelineError as error:
        return complain(error)
    except OSError as error:
        return complain(explain_refusal(error))
    except Exception as error:
        return complain(find_cause("The command", error) or unexpected(error))


def stopped() -> int:
    """Say that Ctrl-C costs nothing."""
    err.print("Stopped. Nothing is lost: the same command goes on where this one ended.")
    return INTERRUPTED


def complain(error: PipelineError) -> int:
    """Print an error as one sentence."""
    err.print("[bold red]Error:[/] ", end="")
    err.print(str(error), markup=False, soft_wrap=True)
    return error.exit_code


def unexpected(error: Exception) -> PipelineError:
    """Name an error nobody foresaw without its message, which may hold data; frames go to a file."""
    path = Path.home() / ".cache" / "intent-lakehouse" / "last-error.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = "".join(traceback.format_tb(error.__traceback__))
    path.write_text(f"{type(error).__name__}\n{frames}", encoding="utf-8")
    return PipelineError(
        f"Something unforeseen stopped the command ({type(error).__name__}); where it happened stands in {path}. "
        "Nothing is lost. `lakehouse doctor` checks the surroundings."
    )
