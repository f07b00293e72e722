"""Who hears of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..events import ALL_EVENTS
from ..refs import is_awaitable_callable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..events import SchedulerEvent

    Listener = Callable[[Any], Any]

__all__ = ("EventBus",)


class EventBus:
    """Listeners with their masks. One that raises is logged, and the others are called all the same."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        # Replaced as a whole, so that a listener may add or remove listeners while an event is on its way.
        self._listeners: tuple[tuple[Listener, int], ...] = ()
        self.mask = 0

    def add(self, callback: Listener, mask: int = ALL_EVENTS) -> None:
        """Call ``callback(event)`` for every event of which the code is in the mask.

        Raises TypeError when it is no plain callable.
        """
        if not callable(callback) or is_awaitable_callable(callback):
            raise TypeError(f"Expected a function to call with the event, not a coroutine function: got {callback!r}.")
        self._set((*self._listeners, (callback, mask)))

    def remove(self, callback: Listener) -> bool:
        """Forget the first entry that equals the callback; False when there is none."""
        for index, (known, _mask) in enumerate(self._listeners):
            if known == callback:
                self._set(self._listeners[:index] + self._listeners[index + 1 :])
                return True
        return False

    def _set(self, listeners: tuple[tuple[Listener, int], ...]) -> None:
        self._listeners = listeners
        mask = 0
        for _callback, wanted in listeners:
            mask |= wanted
        self.mask = mask

    def dispatch(self, event: SchedulerEvent) -> None:
        """Hand an event to whoever wants it."""
        for callback, mask in self._listeners:
            if event.code & mask:
                try:
                    callback(event)
                except (KeyboardInterrupt, SystemExit):
                    raise
                except BaseException:  # asyncio.CancelledError too, which the result of a cancelled future raises
                    self._log(f"Listener {callback!r} raised an exception at {event!r}.")
