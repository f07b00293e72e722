"""Tasks as JSON: the default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exceptions import SerializationError, shown_name
from .definitions import contents_to_json, task_to_json
from .plain import dumps, loads
from .records import TaskRecord

if TYPE_CHECKING:
    from ..tasks.base import Task

__all__ = ("JSONSerializer",)


class JSONSerializer:
    """Writes a task's definition as JSON in UTF-8, without blanks; equal definitions are equal bytes."""

    def encode(self, task: Task | TaskRecord) -> bytes:
        """Return a task, or a record that was read, as JSON. Raises SerializationError, naming the argument."""
        if not isinstance(task, TaskRecord):
            return task_to_json(task, self._contents)
        try:
            return dumps(task.plain)
        except ValueError as exc:  # what somebody else has made of it
            raise SerializationError(f"The task {shown_name(task.id)} cannot be stored: {exc}.") from exc

    def decode(self, payload: bytes) -> TaskRecord:
        """Return the record; nothing is imported until it is loaded. Raises UnreadableRecordError."""
        return TaskRecord(loads(payload))

    def _contents(self, task: Task) -> str:
        return contents_to_json(task)
