"""What is raised inside when something cannot be stored, and how it becomes an error that says which argument it is."""

from __future__ import annotations

from typing import Any

from ..exceptions import SerializationError, shown, shown_name

__all__ = ("Refused", "in_step")

#: Steps of a path that a message repeats.
_MAX_STEPS = 20
_ADVICE = (
    'Pass what it was made of, register its type (asyncz.serializers.register_type), or choose serializer="pickle".'
)


class Refused(Exception):
    """A value that cannot be stored, with the way to it: each container adds its step as this passes through it."""

    def __init__(self, value: Any, reason: str, advice: str = _ADVICE) -> None:
        super().__init__(value, reason, advice)
        self.value, self.reason, self.advice = value, reason, advice
        self.steps: list[str] = []

    def error(self, task_id: Any) -> SerializationError:
        """Return what the user is told."""
        steps = self.steps[::-1]
        path = "".join(steps[:_MAX_STEPS]) + ("..." if len(steps) > _MAX_STEPS else "")
        kind = type(self.value)
        return SerializationError(
            f"The task {shown_name(task_id)} cannot be stored: {path} is {shown(self.value)} "
            f"({kind.__module__}.{kind.__qualname__}): {self.reason}. {self.advice}",
            argument=path,
        )


def in_step(exc: Refused, step: str) -> Refused:
    """Note a step on the way to what was refused, from the inside to the outside."""
    exc.steps.append(step)
    return exc
