"""Recognizers that the settings name: any class of Presidio's kind, from Presidio itself or any installed package.

So another model (a token classifier of transformers, GLiNER) or another country's identity numbers join by
configuration. They read every text, after ours and with the same thresholds and allow-list.
"""

import json
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING

from pipelines.errors import SettingsError
from pipelines.redaction_policy import PluggedRecognizer, RedactionSettings

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer


def load_plugged(settings: RedactionSettings) -> "list[EntityRecognizer]":
    """Make the recognizers of `redaction.recognizers`, for the policy's language unless their arguments say another.

    Raises:
        SettingsError: when a class cannot be found, is no recognizer, or cannot be made with its arguments.
    """
    return [make(one, find_class(one), settings.language) for one in settings.recognizers]


def find_class(plugged: PluggedRecognizer) -> "type[EntityRecognizer]":
    """Import a recognizer's class."""
    from presidio_analyzer import EntityRecognizer

    module, _, name = plugged.type.rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"Setting redaction.recognizers.{plugged.name}.type: {plugged.type} cannot be imported "
            f"({type(error).__name__}). Install its package, or mend the name (module.Class)."
        ) from error
    if not (isinstance(kind, type) and issubclass(kind, EntityRecognizer)):
        raise SettingsError(
            f"Setting redaction.recognizers.{plugged.name}.type: {plugged.type} is no subclass of "
            "presidio_analyzer.EntityRecognizer."
        )
    return kind


def make(plugged: PluggedRecognizer, kind: "type[EntityRecognizer]", language: str) -> "EntityRecognizer":
    """Make a recognizer; what its class complains about may hold a path, and no text."""
    taken = signature(kind).parameters
    usual = {"supported_language": language} if "supported_language" in taken else {}
    try:
        recognizer = kind(**{**usual, **json.loads(plugged.arguments)})
    except Exception as error:  # a class of somebody else may throw anything
        raise SettingsError(
            f"Setting redaction.recognizers.{plugged.name}: {kind.__name__} cannot be made with these arguments "
            f"({type(error).__name__}: {error}). It takes: {', '.join(taken)}."
        ) from error
    # Under its own name it could be one that is only shown texts with what its usual patterns need.
    vars(recognizer)["name"] = f"Plugged_{plugged.name}"
    return recognizer
