"""What the settings modules share: how a wrong value is refused, how a combination of values is named."""

import hashlib
import json
from dataclasses import asdict

from pipelines.errors import SettingsError

EMBEDDED = "embedded"
"""The value that stands for a part run by the product itself: the broker, the registry."""


def require(condition: bool, key: str, problem: str) -> None:
    """Refuse a setting by its key, with a SettingsError, when the condition does not hold."""
    if not condition:
        raise SettingsError(f"Setting {key}: {problem}.")


def fingerprint(*parts: object) -> str:
    """Name a combination of settings by 16 hex digits of its SHA-256; equal parts, equal names."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=asdict)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
