"""Settings: frozen dataclasses, one per concern, units in the names, defaults readable here.

Order of precedence, last wins: the defaults below, `conf/base.yml`, the overlay of the place (`conf/demo.yml`,
`conf/databricks.yml`), the workspace's `lakehouse.yml`, environment variables such as
`LAKEHOUSE_GATE__MIN_CONFIDENCE=0.9` (section and key, two underscores between).
"""

import json
from dataclasses import dataclass, field
from typing import Literal

from pipelines.gate_settings import AnnotationSettings, GateSettings
from pipelines.labelling_settings import EndpointSettings, LabellingSettings, ModelSettings
from pipelines.redaction_policy import NO_ARGUMENTS, Arguments, RedactionSettings
from pipelines.settings_base import EMBEDDED, fingerprint, require


@dataclass(frozen=True)
class KafkaSettings:
    """Where tickets come from."""

    bootstrap_servers: str = EMBEDDED
    """`embedded` (a broker on loopback, run by the commands that need it) or host:port[,host:port]."""
    topic: str = "tickets"
    partitions: int = 2
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    sasl_username: str = ""
    """`$ConnectionString` for Azure Event Hubs."""
    sasl_password_ref: str = ""
    """Reference to the password, never the password: env:NAME, file:PATH or SCOPE/KEY of a Databricks secret."""
    starting_offsets: Literal["earliest", "latest"] = "earliest"
    max_messages_per_batch: int = 5_000
    request_timeout_seconds: int = 20

    def __post_init__(self) -> None:
        for key in ("partitions", "max_messages_per_batch"):
            require(getattr(self, key) > 0, f"kafka.{key}", "must be at least 1")
        require(bool(self.topic), "kafka.topic", "must not be empty")
        sasl = self.security_protocol.startswith("SASL")
        needs = (
            f"{self.security_protocol} needs kafka.bootstrap_servers; the embedded broker speaks PLAINTEXT on loopback"
        )
        require(not (sasl and self.bootstrap_servers == EMBEDDED), "kafka.security_protocol", needs)
        credentials = self.sasl_mechanism and self.sasl_username and self.sasl_password_ref
        needs = f"{self.security_protocol} needs sasl_mechanism, sasl_username and sasl_password_ref"
        require(not sasl or bool(credentials), "kafka.sasl_mechanism", needs)


SECRET_WORDS = ("secret", "password", ".token", ".key", ".sas.")
DELEGATION = "delegation.token"
"""Of whether and how tokens are asked for."""


@dataclass(frozen=True)
class StorageSettings:
    """Where tables, checkpoints and dropped files stand. Paths are URIs; relative ones are in the workspace."""

    catalog: str = ""
    """Unity Catalog name: tables are catalog.schema.table. Empty: Delta tables by path under tables_uri."""
    tables_uri: str = "tables"
    checkpoints_uri: str = "checkpoints"
    landing_uri: str = "landing/labeled"
    cache_dir: str = "cache"
    """Folder on the driver's own disk for what can be made again from the tables; relative: in the workspace."""
    schema_prefix: str = ""
    """Put before bronze, silver, gold and quarantine, e.g. `dev_`."""
    options: Arguments = NO_ARGUMENTS
    """Hadoop's options of the file systems behind these URIs, by name: fs.s3a.endpoint, fs.s3a.path.style.access."""
    secret_options: Arguments = NO_ARGUMENTS
    """Those that are secrets, such as fs.s3a.secret.key: each a reference (env:NAME, file:PATH), never the secret."""

    def __post_init__(self) -> None:
        for name in json.loads(self.options):
            secret = DELEGATION not in name and any(word in name.lower() for word in SECRET_WORDS)
            needs = f"{name} is a secret: put a reference to it (env:NAME, file:PATH) into storage.secret_options"
            require(not secret, "storage.options", needs)


@dataclass(frozen=True)
class IntakeSettings:
    """What silver takes in."""

    max_text_chars: int = 20_000
    """Longer texts are quarantined unread: never cut, never passed on unredacted."""
    daily_identical_limit: int = 50
    """Records with the same text kept per UTC day; the rest is counted and points to the first."""
    files_per_batch: int = 1_000
    """Dropped files a bronze micro-batch reads at most."""

    def __post_init__(self) -> None:
        require(0 < self.max_text_chars <= 1_000_000, "intake.max_text_chars", "must be 1 to 1000000 (spaCy's cap)")
        for key in ("daily_identical_limit", "files_per_batch"):
            require(getattr(self, key) > 0, f"intake.{key}", "must be at least 1")


@dataclass(frozen=True)
class ClusterSettings:
    """Near-duplicate clusters: exact Jaccard similarity over character n-grams, candidates from MinHash LSH."""

    shingle_chars: int = 5
    similarity_threshold: float = 0.8
    """Least similarity of a link; a cluster is what links hold together (single-link)."""
    window_days: int = 30
    """Streams compare a ticket with those of so many days before its own."""
    seed: int = 1
    max_miss: float = 0.002
    """Chance that a pair just at the threshold shares no LSH band; bands and rows follow from it."""
    max_bucket: int = 256
    """Texts of an LSH bucket that a text is compared with; what meets a bigger bucket is marked, or reported."""

    def __post_init__(self) -> None:
        for key in ("shingle_chars", "window_days", "max_bucket"):
            require(getattr(self, key) > 0, f"clusters.{key}", "must be at least 1")
        for key, most in (("max_miss", 0.5), ("similarity_threshold", 1)):
            require(0 < getattr(self, key) <= most, f"clusters.{key}", f"must be above 0 and at most {most}")


@dataclass(frozen=True)
class FeatureSettings:
    """Text features of silver: sentences, stems and key phrases, made by Spark NLP in the JVM."""

    enabled: bool = True
    language: Literal["en"] = "en"
    """Of stop words and stems."""
    min_phrase_words: int = 2
    max_phrase_words: int = 3
    max_key_phrases: int = 10
    """Key phrases kept per text, the best ones."""
    window_words: int = 3
    """How far apart two words may stand to count as neighbours in a word's score."""

    def __post_init__(self) -> None:
        for key in ("min_phrase_words", "max_key_phrases", "window_words"):
            require(getattr(self, key) > 0, f"features.{key}", "must be at least 1")
        ordered = self.min_phrase_words <= self.max_phrase_words
        require(ordered, "features.max_phrase_words", "must be at least features.min_phrase_words")

    def fingerprint(self) -> str:
        """Name these settings; they stand on every row of features."""
        return fingerprint("features", self)


SplitWay = Literal["hash", "stratified", "time"]


@dataclass(frozen=True)
class ExportSettings:
    """How exported rows are shared out among training, validation and test; never a near-duplicate in two of them."""

    split: SplitWay = "hash"
    """hash: each cluster by its own id, so that it stays where it is. stratified: exact shares of each label's
    clusters, of which some move when gold changes. time: the newest clusters are the test, the rest by hash."""
    train_share: float = 0.8
    validation_share: float = 0.1
    test_share: float = 0.1

    def __post_init__(self) -> None:
        shares = (self.train_share, self.validation_share, self.test_share)
        for key, share in zip(("train_share", "validation_share", "test_share"), shares, strict=True):
            require(0 <= share <= 1, f"export.{key}", "must be between 0 and 1")
        whole = abs(sum(shares) - 1) < SUM_TOLERANCE
        require(
            whole and self.train_share > 0, "export.train_share", "must be above 0, and the three shares must sum to 1"
        )


SUM_TOLERANCE = 1e-9


@dataclass(frozen=True)
class SparkSettings:
    """The session; on a cluster the cluster's own settings rule (spark-defaults.conf, Databricks)."""

    master: str = "local[2,4]"
    """Two cores; a task may fail 4 times before its query does (a killed worker is no disaster). Or spark://HOST:PORT,
    a standalone cluster."""
    wheel: str = ""
    """Our wheel, shipped to the executors of a standalone cluster; empty: their Python has the package."""
    driver_memory: str = "2g"
    trigger_seconds: int = 5
    """Pause between micro-batches of `run --continuous`."""
    files_per_batch: int = 100
    """Delta files a silver, labels or gate micro-batch reads at most."""


@dataclass(frozen=True)
class MetricsSettings:
    """What `run --continuous` tells Prometheus."""

    port: int = 0
    """Answers GET /metrics; 0: nobody is told."""
    address: str = "127.0.0.1"
    """To bind to. The figures hold nothing of any ticket, but whoever reads them sees how much work there is."""
    tables_every_seconds: int = 60
    """Pause between two looks into the tables, for verdicts and the certificate."""

    def __post_init__(self) -> None:
        require(0 <= self.port < 65536, "metrics.port", "must be a port, or 0")
        require(self.tables_every_seconds >= 1, "metrics.tables_every_seconds", "must be at least 1")


@dataclass(frozen=True)
class SecretSettings:
    """References to secrets: env:NAME, file:PATH, or SCOPE/KEY on Databricks. Never the secret."""

    pseudonym_key_ref: str = "file:pseudonym.key"
    """256-bit key, hex, of all pseudonyms; written by `lakehouse init`, readable by its owner only."""


@dataclass(frozen=True)
class Settings:
    """Everything a run depends on, resolved once."""

    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    intake: IntakeSettings = field(default_factory=IntakeSettings)
    redaction: RedactionSettings = field(default_factory=RedactionSettings)
    clusters: ClusterSettings = field(default_factory=ClusterSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    labelling: LabellingSettings = field(default_factory=LabellingSettings)
    models: ModelSettings = field(default_factory=ModelSettings)
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    annotation: AnnotationSettings = field(default_factory=AnnotationSettings)
    export: ExportSettings = field(default_factory=ExportSettings)
    spark: SparkSettings = field(default_factory=SparkSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    secrets: SecretSettings = field(default_factory=SecretSettings)

    def __post_init__(self) -> None:
        """Refuse contradictions between sections."""
        require(
            self.labelling.slm_below_confidence <= 1
            and self.labelling.slm_below_confidence >= self.gate.min_confidence,
            "labelling.slm_below_confidence",
            "must be between gate.min_confidence and 1: between the two a record would have no chance to reach gold",
        )

    def fingerprint(self) -> str:
        """Name the whole configuration; it stands in every export manifest."""
        return fingerprint("settings", self)
