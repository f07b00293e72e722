"""The abstract scheduler and its loggers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

__all__ = ("LoggersType", "SchedulerType")


class SchedulerType(ABC):
    """What makes a scheduler: it starts, stops, and can be woken."""

    @abstractmethod
    def start(self, paused: bool = False) -> Any:
        """Start, or count one more start; True when this call really started."""

    @abstractmethod
    def shutdown(self, wait: bool = True) -> Any:
        """Count one start less, and stop with the last; True when this call really stopped."""

    @abstractmethod
    def wakeup(self) -> None:
        """Look soon for what is due; may be called from any thread."""


class LoggersType(ABC):
    """Loggers by name: ``loggers["asyncz.stores.default"]`` makes one through ``__missing__`` and keeps it."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.data:
            self.data[name] = self.__missing__(name)
        return self.data[name]

    def __contains__(self, name: object) -> bool:
        return name in self.data

    @abstractmethod
    def __missing__(self, name: str) -> Any:
        """Make the logger of that name."""
