"""The rules in force in one micro-batch of the gate: a person's settings, and what evidence added to them."""

from dataclasses import dataclass

from pipelines.gate_settings import GateSettings
from pipelines.kernels.calibration import Calibration
from pipelines.settings_base import fingerprint


@dataclass(frozen=True)
class PinnedCalibration:
    """One immutable version of a calibration in the registry."""

    name: str
    version: str
    calibration: Calibration

    @property
    def reference(self) -> str:
        """`NAME@VERSION`, as it stands in tables."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class GateRules:
    """What decides a verdict, pinned once a micro-batch.

    Attributes:
        settings: what the user asks for.
        calibrated: how the models' opinions become a probability; None: the mean of their probabilities counts.
        threshold: the certified one, or the stricter one of a suspended certificate; None: nothing was certified.
        certificate_id: of the certificate that it comes from.
        suspended_labels: whose precision fell below their floor: models alone bring nothing into gold under them.
    """

    settings: GateSettings
    calibrated: PinnedCalibration | None = None
    threshold: float | None = None
    certificate_id: str | None = None
    suspended_labels: frozenset[str] = frozenset()

    @property
    def min_confidence(self) -> float:
        """The effective gate for what models say: the stricter one of the user's and the certified."""
        return max(self.settings.min_confidence, self.threshold or 0.0)

    def fingerprint(self) -> str:
        """Name these rules; they stand on every decision."""
        if self == GateRules(self.settings):
            return self.settings.fingerprint()
        reference = self.calibrated.reference if self.calibrated else None
        return fingerprint(
            "gate", self.settings, reference, self.threshold, self.certificate_id, sorted(self.suspended_labels)
        )
