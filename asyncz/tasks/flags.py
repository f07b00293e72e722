"""What is yes or no about a task, as bits of one number: attributes of their own would take 40 bytes more a task."""

from __future__ import annotations

from typing import Any, Protocol

PENDING, SUBMITTED, COALESCE, RECOVER = 1, 2, 4, 8
# That something was given, rather than left to the scheduler's defaults or to the trigger.
GRACE_TIME_GIVEN, COALESCE_GIVEN, MAX_INSTANCES_GIVEN, NEXT_RUN_TIME_GIVEN = 16, 32, 64, 128
# The last, since it is the rarest: Python keeps one object for each number up to 256, and makes new ones beyond.
REPLACE_EXISTING = 256

#: Where a task is, as opposed to what it is: a copy does not share it.
PLACE = PENDING | SUBMITTED
GIVEN = {
    "mistrigger_grace_time": GRACE_TIME_GIVEN,
    "coalesce": COALESCE_GIVEN,
    "max_instances": MAX_INSTANCES_GIVEN,
    "next_run_time": NEXT_RUN_TIME_GIVEN,
}


class Flag(Protocol):
    """What a property is to its users."""

    def __get__(self, task: Any, owner: Any = None) -> bool: ...
    def __set__(self, task: Any, value: bool) -> None: ...


def flag(bit: int, text: str) -> Flag:
    """Return the property that a bit of ``_flags`` is."""

    def is_set(task: Any) -> Any:
        return task._flags & bit != 0

    def change(task: Any, value: bool) -> None:
        task._flags = task._flags | bit if value else task._flags & ~bit

    return property(is_set, change, doc=text)
