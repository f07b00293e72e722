"""Task defaults under their public name."""

from __future__ import annotations

from ..engine.config import TaskDefaults as TaskDefaultStruct

__all__ = ("TaskDefaultStruct",)
