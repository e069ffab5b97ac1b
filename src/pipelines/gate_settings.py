"""Settings of the gate: what gold demands, which samples people check, and how their votes are spent."""

from dataclasses import dataclass

from pipelines.settings_base import fingerprint, require


@dataclass(frozen=True)
class GateSettings:
    """What gold demands."""

    min_confidence: float = 0.8
    """Equal is enough."""
    audit_share: float = 0.02
    """Share of the records above `min_confidence`, chosen by hash, that people are asked to check, for ever: what
    certifies gold."""
    calibration_share: float = 0.1
    """Share of all judged records, chosen by another hash, that people label so that confidence can be calibrated."""
    target_error: float = 0.05
    """Share of wrong labels in gold that a certificate promises not to be passed."""
    confidence_level: float = 0.95
    """How sure that promise is."""
    suspended_min_confidence: float = 0.95
    """What models need while a certificate is suspended, if it asked for less."""
    standing_audits: int = 200
    """The newest audits of a label that decide whether it keeps the precision floor of intents.yml."""
    drift_threshold: float = 0.25
    """Population stability index of labels, confidence or unknown intents at which a certificate is suspended."""
    human_majority: bool = True
    """Each annotator's newest vote counts, and a strict majority of two people or more overrides models and minority.
    Off: any two labels of a text are a disagreement, whoever gave them and when."""
    look_alikes_on_one_word: int = 20
    """Texts of a near-duplicate cluster that may reach gold on one annotator's word alone; beyond it none of them does
    until a second one agrees. 0: as many as there are."""
    second_label_from: float = 0.1
    """Mean probability from which the next likely label is kept beside the first: the text may have several intents."""

    def __post_init__(self) -> None:
        for key in ("min_confidence", "suspended_min_confidence", "second_label_from"):
            require(0 < getattr(self, key) <= 1, f"gate.{key}", "must be above 0 and at most 1")
        for key in ("audit_share", "calibration_share"):
            require(0 <= getattr(self, key) <= 1, f"gate.{key}", "must be between 0 and 1")
        for key in ("target_error", "confidence_level"):
            require(0 < getattr(self, key) < 1, f"gate.{key}", "must be above 0 and below 1")
        require(self.look_alikes_on_one_word >= 0, "gate.look_alikes_on_one_word", "must be 0 (off) or more")
        require(self.drift_threshold > 0, "gate.drift_threshold", "must be above 0")
        require(self.standing_audits > 0, "gate.standing_audits", "must be at least 1")

    def fingerprint(self) -> str:
        """Name this gate; it stands on every decision."""
        return fingerprint("gate", self)


@dataclass(frozen=True)
class AnnotationSettings:
    """How `annotate sample` spends its budget, as shares of it; the rest goes where a label helps the models most.

    What one purpose leaves over goes to the next.
    """

    audit: float = 0.4
    """Records above `gate.min_confidence` in the audit's share, in the order of their lots."""
    second_votes: float = 0.2
    """Further votes where a person contradicted models, until two agree, five at most."""
    calibration: float = 0.2
    """A random sample of everything that models judged."""

    def __post_init__(self) -> None:
        shares = (self.audit, self.second_votes, self.calibration)
        require(min(shares) >= 0 and sum(shares) <= 1, "annotation.audit", "shares must be 0 or more, and 1 together")

    def fingerprint(self) -> str:
        """Name these settings."""
        return fingerprint("annotation", self)
