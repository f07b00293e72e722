"""A task that notes its calls, found again by reference, for tests that run in this process."""

from __future__ import annotations

from typing import Any

calls: list[Any] = []


def work(*args: Any) -> None:
    calls.append(args)
