"""What durable stores write: tasks as versioned plain dictionaries and as bytes, and signatures over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_exports

if TYPE_CHECKING:
    from .base import Serializer as Serializer
    from .base import get_serializer as get_serializer
    from .definitions import task_to_dict as task_to_dict
    from .json import JSONSerializer as JSONSerializer
    from .pickle import PickleSerializer as PickleSerializer
    from .records import TaskRecord as TaskRecord
    from .registry import register_trigger as register_trigger
    from .registry import register_type as register_type
    from .runs import run_from_dict as run_from_dict
    from .runs import run_to_dict as run_to_dict
    from .runs import run_to_json as run_to_json
    from .signing import Signer as Signer

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "JSONSerializer": ".json",
        "PickleSerializer": ".pickle",
        "Serializer": ".base",
        "Signer": ".signing",
        "TaskRecord": ".records",
        "get_serializer": ".base",
        "register_trigger": ".registry",
        "register_type": ".registry",
        "run_from_dict": ".runs",
        "run_to_dict": ".runs",
        "run_to_json": ".runs",
        "task_to_dict": ".definitions",
    },
)
