"""Settings of the voters: who votes when, with which registered versions, and where a served model stands."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from pipelines.settings_base import EMBEDDED, require

SlmMode = Literal["auto", "all", "off"]
CpuPrecision = Literal["auto", "fp32", "bf16", "int8"]


@dataclass(frozen=True)
class LabellingSettings:
    """Who votes, and when the language model is asked."""

    neighbours: int = 2
    """Nearest verified examples of each label that count in the memory vote, beside the label's centre."""
    temperature: float = 0.05
    """Softness of the memory vote over whitened cosines."""
    unknown_similarity: float = 0.45
    """Plain cosine to the nearest label (examples and centre) at which a text is as likely unknown as known."""
    unknown_softness: float = 0.045
    slm: SlmMode = "auto"
    """auto: where the others are below slm_below_confidence, plus the audit share. all: every text. off: none."""
    slm_from_confidence: float = 0.7
    """Where the mean of the memory and the student is below it, the model cannot change the verdict.

    (0.7 + 0.9) / 2 is just the gate's 0.8 with the memory alone, and 0.9 is what the embedded model's surest hundredth
    of votes gives. Of 130 votes that it cast from 0.6 to 0.7 none brought a text to the gate, of 169 above that 14.
    """
    slm_below_confidence: float = 0.8
    slm_audit_share: float = 0.02
    """Share of the sure texts, chosen by hash of the text, that the language model votes on as well."""
    student_likely_from: float = 0.5
    """Mean of memory and student from which a text that neither the gate nor a person settled teaches the next student
    too; nothing is chosen or measured by such texts. 1: hardly any."""
    retry_seconds: int = 60
    """Pause before texts are shown again to a voter that failed on them, with --continuous; else once a run."""
    slm_cache: bool = True
    """Take over the vote of the same versions on the same text instead of asking again."""
    slm_clusters: bool = True
    """Ask about one text of a near-duplicate cluster; the others take its vote over."""
    slm_cluster_audit_share: float = 0.05
    """Share of these others, chosen by hash of the text, that the language model votes on as well."""
    slm_candidates: int = 6
    """Labels scored per text: the memory's shortlist. With {{labels}} in the prompt all are, and so many are told."""
    slm_examples: int = 2
    """Verified examples that a prompt with {{examples}} shows."""
    slm_orders: int = 2
    """Orders in which a prompt with {{labels}} lists them, each read and averaged: a label's place must not decide."""
    slm_max_text_tokens: int = 256
    slm_temperature: float = 1.5
    """Softness of the language model's vote over nats per token; below 1 it would be far surer than it is right."""

    def __post_init__(self) -> None:
        for key in ("temperature", "unknown_softness", "slm_temperature"):
            require(getattr(self, key) > 0, f"labelling.{key}", "must be above 0")
        for key, least in (
            ("neighbours", 1),
            ("slm_candidates", 2),
            ("slm_examples", 0),
            ("slm_orders", 1),
            ("retry_seconds", 1),
            ("slm_max_text_tokens", 1),
        ):
            require(getattr(self, key) >= least, f"labelling.{key}", f"must be at least {least}")
        between = 0 <= self.slm_from_confidence <= self.slm_below_confidence
        require(between, "labelling.slm_from_confidence", "must be between 0 and labelling.slm_below_confidence")
        for key in ("slm_audit_share", "slm_cluster_audit_share", "student_likely_from"):
            require(0 <= getattr(self, key) <= 1, f"labelling.{key}", "must be between 0 and 1")


@dataclass(frozen=True)
class ModelSettings:
    """Which registered versions vote. URIs are MLflow's: models:/NAME@ALIAS or models:/NAME/VERSION."""

    tracking_uri: str = EMBEDDED
    """`embedded` (sqlite in the workspace), `databricks`, or a server's URI."""
    experiment: str = "intent-lakehouse"
    """MLflow experiment that tells how each version was made; on Databricks a workspace path."""
    slm_uri: str = "models:/intent-slm@champion"
    encoder_uri: str = "models:/ticket-encoder@champion"
    student_uri: str = "models:/intent-student@champion"
    """What `lakehouse train` makes; it votes as soon as it is there and fits the encoder."""
    calibration_uri: str = "models:/intent-calibration@champion"
    """What `lakehouse calibrate` makes; confidence is calibrated as soon as it is there."""
    prompt_uri: str = "prompts:/intent-prompt@champion"
    """With {{examples}} the model says how likely the words of each label on the memory's shortlist are, behind the
    nearest examples; with {{labels}} it reads all labels under codes, and answers with a code: many texts a pass."""

    cpu_precision: CpuPrecision = "auto"
    """In which numbers encoder and language model are multiplied on a CPU: `fp32`, `bf16` (Intel AMX: several times as
    fast, weights and factors rounded to 8 bits, summed in fp32), or `auto`, bf16 where the CPU has units for it."""

    def __post_init__(self) -> None:
        for key in ("slm_uri", "encoder_uri", "student_uri", "calibration_uri"):
            require(getattr(self, key).startswith("models:/"), f"models.{key}", "must start with models:/")
        require(self.prompt_uri.startswith("prompts:/"), "models.prompt_uri", "must start with prompts:/")
        require(bool(self.experiment), "models.experiment", "must not be empty")


@dataclass(frozen=True)
class EndpointSettings:
    """A language model behind an OpenAI-compatible endpoint (vLLM, Databricks Model Serving); off without a URL."""

    url: str = ""
    """What OpenAI's clients call base URL: http://HOST:8000/v1 or https://WORKSPACE/serving-endpoints. Empty: off."""
    model: str = ""
    """The name it is served under; on Databricks that of the serving endpoint."""
    prompt_uri: str = "prompts:/choice-prompt@champion"
    """The prompt that lists labels under letters: {{labels}} and {{ticket}}."""
    api_key_ref: str = ""
    """Reference to the key, never the key: env:NAME, file:PATH or SCOPE/KEY. Empty: none is sent."""
    mode: Literal["chat", "completions"] = "chat"
    constraint: Literal["structured_outputs", "guided_choice", "logit_bias", "none"] = "structured_outputs"
    """How the one token is held to the label codes: vLLM from 0.12, vLLM before, token ids, not at all (Databricks).

    An answer outside the set is impossible with any of them: it is dropped when the answer is read.
    """
    top_logprobs: int = 20
    """Tokens whose probability is asked for; servers refuse more than they were started for, vLLM at first 20."""
    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 20.0
    """The longest silence."""
    timeout_seconds: float = 30.0
    """For one try, whatever arrives: an answer that drips in is given up as well."""
    retries: int = 3
    """Tries after the first, for one text."""
    pause_seconds: float = 0.5
    """Before the first retry; doubled each time, and a random share of it is waited."""
    max_pause_seconds: float = 20.0
    """The longest pause, also when the endpoint asks for more (Retry-After)."""
    concurrency: int = 8
    """Requests under way at once; halved when the endpoint is overloaded, and slowly raised again."""
    failures_in_a_row: int = 5
    """Texts that fail one after another before a harmless one is tried, to tell a bad endpoint from bad texts."""
    max_response_bytes: int = 65_536
    price_in: float = 0.0
    """Money per million tokens of prompts."""
    price_out: float = 0.0
    """Money per million tokens of answers."""

    def __post_init__(self) -> None:
        for key in ("connect_timeout_seconds", "read_timeout_seconds", "timeout_seconds"):
            require(getattr(self, key) > 0, f"endpoint.{key}", "must be above 0")
        for key, least in (
            ("top_logprobs", 1), ("concurrency", 1), ("failures_in_a_row", 1), ("max_response_bytes", 1024),
            ("retries", 0), ("pause_seconds", 0), ("max_pause_seconds", 0), ("price_in", 0), ("price_out", 0),
        ):  # fmt: skip
            require(getattr(self, key) >= least, f"endpoint.{key}", f"must be at least {least}")
        require(self.retries <= 10, "endpoint.retries", "must be at most 10")
        if self.url:
            require(is_plain_url(self.url), "endpoint.url", "must be http(s)://HOST[:PORT][/PATH], without a password")
            require(bool(self.model), "endpoint.model", "must name the served model when endpoint.url is set")

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Price tokens, in the money of `price_in` and `price_out`."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / 1_000_000


def is_plain_url(url: str) -> bool:
    """Say whether a URL leads to a server over HTTP and carries nothing else: no name, password, query or fragment."""
    try:
        parts = urlsplit(url)
        proper = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return proper and not ("@" in parts.netloc or parts.query or parts.fragment)
