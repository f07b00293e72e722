"""What a store asks of a serializer, and serializers by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .._lazy import resolve
from ..exceptions import shown

if TYPE_CHECKING:
    from ..tasks.base import Task
    from .records import TaskRecord

__all__ = ("SERIALIZERS", "Serializer", "get_serializer")

#: alias -> "module:Class"
SERIALIZERS = {
    "json": "asyncz.serializers.json:JSONSerializer",
    "pickle": "asyncz.serializers.pickle:PickleSerializer",
}


@runtime_checkable
class Serializer(Protocol):
    """Turns the definitions of tasks into bytes and back; one may wrap another, to encrypt what that writes."""

    def encode(self, task: Task | TaskRecord) -> bytes:
        """Return a task, or a record that was read, as bytes. Raises SerializationError when it cannot be stored."""

    def decode(self, payload: bytes) -> TaskRecord:
        """Return what those bytes hold. Raises UnreadableRecordError, and nothing else, when they are damaged."""


def get_serializer(given: Any = None) -> Serializer:
    """Return a serializer: by alias ("json", "pickle") or reference, of a class, or as it is; None means "json".

    Raises LookupError for an unknown alias, TypeError for what is no serializer, and what importing one raises.
    """
    found = _load(given) if given is None or isinstance(given, str) else given
    if isinstance(found, type):
        found = found()
    if not isinstance(found, Serializer):
        raise TypeError(f"Expected a serializer, with encode() and decode(), got {shown(given)}.")
    return found


def _load(name: str | None) -> Any:
    reference = SERIALIZERS.get(name or "json", name or "")
    if ":" not in reference:
        raise LookupError(f"No serializer by the name {shown(name)} was found: expected {' or '.join(SERIALIZERS)}.")
    return resolve(reference)
