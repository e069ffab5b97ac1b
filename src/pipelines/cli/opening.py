"""Opening what a command needs, and closing it again: workspace, broker, session, tables, models."""

import contextlib
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from pyspark.sql import SparkSession

from pipelines import contracts
from pipelines.adapters.checkpoints import StreamPlan
from pipelines.adapters.delta import TableStore
from pipelines.adapters.file_systems import file_systems
from pipelines.adapters.redactor import build_redactor
from pipelines.adapters.session_configuration import is_local
from pipelines.adapters.spark import open_session, session
from pipelines.adapters.table_creation import ensure_tables
from pipelines.adapters.text_annotator import build_annotator
from pipelines.adapters.views import ensure_views
from pipelines.cli.screens import say
from pipelines.configuration import load_settings
from pipelines.declaration import Table
from pipelines.errors import UsageError
from pipelines.gate_rules import GateRules, PinnedCalibration
from pipelines.intents import Intent, LabelSet, load_intents
from pipelines.jobs.certification import read_rules
from pipelines.jobs.flow import Flow
from pipelines.jobs.label_application import Trial
from pipelines.labelling_settings import SlmMode
from pipelines.settings import Settings
from pipelines.settings_base import EMBEDDED
from pipelines.transforms.labelling import Voters
from pipelines.workspace import Workspace, init_workspace, workspace_if_any


@contextmanager
def open_broker(workspace: Workspace) -> Iterator[str]:
    """Give the servers of Kafka: the configured ones, or the embedded broker for as long as the block runs."""
    from pipelines.adapters.broker import running_broker
    from pipelines.adapters.kafka import ensure_topic

    kafka = workspace.settings.kafka
    with contextlib.ExitStack() as stack:
        servers = kafka.bootstrap_servers
        if servers == EMBEDDED:
            servers = stack.enter_context(running_broker(workspace.root / "kafka", workspace.logs / "kafka.log", say))
        ensure_topic(kafka, servers, workspace.root)
        yield servers


@contextmanager
def open_spark(workspace: Workspace, lasting: Sequence[str] = ()) -> Iterator[SparkSession]:
    """Give a session: the one that is open already, or one that ends with the block.

    Args:
        workspace: whose settings hold.
        lasting: stages that will run in it until somebody stops them; none: it is soon over.
    """
    logging.getLogger("py4j").setLevel(logging.ERROR)
    settings = workspace.settings
    own = partial(open_session, settings.spark, workspace.root / "spark", workspace.logs, say, bool(lasting))
    files = file_systems(settings.storage, workspace.root)
    with session(partial(own, warm=lasting, policy=settings.redaction, files=files)) as spark:
        yield spark


@contextmanager
def open_scratch_spark() -> Iterator[SparkSession]:
    """Give a session to a command that needs no workspace; its logs go with it."""
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lakehouse-")))
        own = partial(open_session, load_settings([]).spark, scratch, scratch / "logs", say)
        yield stack.enter_context(session(own))


def settings_or_defaults(named: Path | None) -> Settings:
    """Give the settings of the workspace, where there is one, else the defaults."""
    found = workspace_if_any(named)
    return found.settings if found else load_settings([])


def table_store(workspace: Workspace) -> TableStore:
    """Say where the workspace's tables stand."""
    storage = workspace.settings.storage
    return TableStore(storage.catalog, workspace.uri(storage.tables_uri), storage.schema_prefix)


def open_tables(workspace: Workspace, spark: SparkSession, tables: tuple[Table, ...] = contracts.TABLES) -> TableStore:
    """Create missing tables, and in a catalog missing views, and say where they stand."""
    store = table_store(workspace)
    ensure_tables(spark, store, tables)
    ensure_views(spark, store)
    return store


def open_flow(workspace: Workspace, spark: SparkSession, servers: str | None, new_epoch: bool = False) -> Flow:
    """Put together what the streams share. Models are looked up when the labels stream first needs them."""
    from pipelines.adapters.kafka import spark_options

    settings = workspace.settings
    landing = workspace.uri(settings.storage.landing_uri)
    if "://" not in landing:
        Path(landing).mkdir(parents=True, exist_ok=True)
    return Flow(
        spark=spark,
        store=open_tables(workspace, spark),
        settings=settings,
        plan=StreamPlan(
            name="",
            checkpoints_uri=workspace.uri(settings.storage.checkpoints_uri),
            trigger_seconds=settings.spark.trigger_seconds,
            new_epoch=new_epoch,
        ),
        landing_uri=landing,
        cache_folder=Path(workspace.uri(settings.storage.cache_dir)),
        kafka_options=spark_options(settings.kafka, servers, workspace.root) if servers else {},
        pseudonym_key=workspace.pseudonym_key(),
        labels=workspace.label_set,
        redactor=build_redactor(settings.redaction, workspace.pseudonym_key()),
        pin_voters=voters_of(workspace),
        pin_rules=rules_of(workspace, spark),
        load_annotator=cache(lambda: build_annotator(spark, settings.features)),
    )


@contextmanager
def labelling_workspace(named: Path | None, intents: Path | None) -> Iterator[Workspace]:
    """Give the workspace whose models vote: the one that is there, else a passing one with the embedded models.

    Raises:
        UsageError: when there is none, and no intents to make one of.
    """
    found = workspace_if_any(named)
    if found:
        yield found
        return
    if intents is None:
        raise UsageError(
            "No workspace here, so nobody knows the labels: name one with --workspace, or a file with --intents."
        )
    with tempfile.TemporaryDirectory(prefix="lakehouse-") as folder:
        yield init_workspace(Path(folder) / "workspace", load_intents(intents))


@contextmanager
def open_trial(named: Path | None, intents: Path | None, slm: SlmMode | None) -> Iterator[tuple[Workspace, Trial]]:
    """Give what labels a file without storing anything: the workspace's voters, or those for the intents of a file.

    Raises:
        UsageError: when there is no workspace, and no intents to make one of.
    """
    with labelling_workspace(named, intents) as found:
        chosen = with_slm(found, slm)
        known = load_intents(intents) if intents else chosen.intents
        prepare_models(chosen)
        redactor = build_redactor(chosen.settings.redaction, chosen.pseudonym_key())
        labels = LabelSet(tuple(intent.name for intent in known))
        rules = GateRules(chosen.settings.gate, calibration_of(chosen))
        yield chosen, Trial(chosen.settings, labels, redactor, voters_of(chosen, known)(), rules)


def voters_of(workspace: Workspace, intents: list[Intent] | None = None) -> Callable[[], Voters]:
    """Give the function that pins every version for one micro-batch; other intents than the workspace's are to try."""

    def pin() -> Voters:
        from pipelines.adapters.hardware import count_gpus
        from pipelines.adapters.models import build_voters
        from pipelines.adapters.registry import pin_versions
        from pipelines.adapters.served_model import open_model

        settings = workspace.settings
        endpoint, is_on = settings.endpoint, settings.labelling.slm != "off"
        pinned = pin_versions(workspace.tracking_uri, settings.models, is_on, endpoint)
        served = open_model(endpoint, workspace.root) if endpoint.url and is_on else None
        known = intents or workspace.intents
        gpus = count_gpus() if is_local(settings.spark.master) and not served else 0
        return build_voters(pinned, known, settings.labelling, workspace.tracking_uri, served, gpus)

    return pin


def calibration_of(workspace: Workspace) -> PinnedCalibration | None:
    """Pin the calibration that is in force; None before there is one."""
    from pipelines.adapters.calibration_files import pin_calibration

    return pin_calibration(workspace.tracking_uri, workspace.settings.models.calibration_uri)


def rules_of(workspace: Workspace, spark: SparkSession) -> Callable[[], GateRules]:
    """Give the function that pins what the gate goes by in one micro-batch."""
    store, settings = table_store(workspace), workspace.settings.gate
    return lambda: read_rules(spark, store, settings, calibration_of(workspace))


def prepare_models(workspace: Workspace) -> None:
    """Make the embedded registry ready: store, models and prompt, once per workspace."""
    if workspace.settings.models.tracking_uri == EMBEDDED:
        from pipelines.adapters.embedded_registry import prepare_registry

        prepare_registry(workspace.tracking_uri, say)


def with_slm(workspace: Workspace, slm: SlmMode | None) -> Workspace:
    """Override when the language model votes, for this command only."""
    if slm is None:
        return workspace
    labelling = replace(workspace.settings.labelling, slm=slm)
    return replace(workspace, settings=replace(workspace.settings, labelling=labelling))
