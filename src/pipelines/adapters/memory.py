"""What was worked out for a piece of text, kept for its next coming: in this process, bounded, without the text."""

import secrets
from collections import OrderedDict
from hashlib import blake2b
from typing import Generic, TypeVar

Value = TypeVar("Value")

KEY = secrets.token_bytes(32)
"""Drawn anew in every process: what a key stands for cannot be looked up in a table made elsewhere."""
DIGEST_BYTES = 16


class Memory(Generic[Value]):
    """Keeps the values of the pieces that were asked for last; keys are digests.

    Args:
        most: how many values are kept.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.values: OrderedDict[bytes, Value] = OrderedDict()

    def get(self, key: bytes) -> Value | None:
        """Give a value, and count it as asked for; None when it is not known."""
        if key not in self.values:
            return None
        self.values.move_to_end(key)
        return self.values[key]

    def put(self, key: bytes, value: Value) -> Value:
        """Keep a value; the one that nobody asked for for the longest time goes."""
        self.values[key] = value
        if len(self.values) > self.most:
            self.values.popitem(last=False)
        return value


def digest(text: str) -> bytes:
    """Name a piece of text without holding it."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES, key=KEY).digest()
