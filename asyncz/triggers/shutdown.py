"""When the scheduler shuts down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arguments import refuse_unknown
from .base import BaseTrigger

if TYPE_CHECKING:
    import datetime
    from typing import NoReturn

__all__ = ("ShutdownTrigger",)


class ShutdownTrigger(BaseTrigger):
    """Never due: the scheduler runs such tasks when it shuts down.

    ``timezone`` makes no difference; it is accepted since every trigger made by its alias is given one.
    """

    __slots__ = ()

    alias = "shutdown"

    def __init__(self, timezone: str | datetime.tzinfo | None = None, **unknown: NoReturn) -> None:
        refuse_unknown(ShutdownTrigger, unknown)

    def get_nominal_time(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None = None,
    ) -> None:
        return None

    def _arguments(self) -> dict[str, Any]:
        return {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} ()>"

    def __str__(self) -> str:
        return "shutdown"
