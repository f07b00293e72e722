"""Where log lines go: the standard library's logging, or loguru."""

from __future__ import annotations

import logging
from typing import Any

from .types import LoggersType

__all__ = ("ClassicLogging", "LoguruLogging", "has_loguru")


class ClassicLogging(LoggersType):
    """Loggers of the ``logging`` module."""

    def __missing__(self, name: str) -> logging.Logger:
        return logging.getLogger(name)


class LoguruLogging(LoggersType):
    """Loguru's logger, under a name of ours. Raises ImportError where loguru is not installed."""

    def __missing__(self, name: str) -> Any:
        from loguru import logger

        return logger.bind(logger=name).patch(lambda record: record.__setitem__("name", name))


def has_loguru() -> bool:
    """Return whether loguru is installed; asking imports it."""
    try:
        import loguru  # noqa: F401
    except ImportError:
        return False
    return True
