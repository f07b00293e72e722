"""Tasks whose arguments and trigger are pickled: for those who ask for it.

The record is the one that JSON has, with ``"pickled"`` in the place of ``"args"``, ``"kwargs"`` and ``"trigger"``.
"""

from __future__ import annotations

import binascii
import pickle
from typing import TYPE_CHECKING, Any

from ..exceptions import TaskUnavailableError, UnreadableRecordError, shown
from .definitions import bound_to, trigger_of
from .json import JSONSerializer
from .plain import loads
from .records import TaskRecord
from .refusals import Refused, in_step

if TYPE_CHECKING:
    from ..tasks.base import Task
    from .records import Contents

__all__ = ("PickleSerializer",)

_ADVICE = "Pass what it was made of, and make it in the task."


class PickleSerializer(JSONSerializer):
    """Pickles arguments and triggers; it reads what the default writes, too.

    Unpickling can run any code: whoever can write to the data of the store can do anything that its readers can. Choose
    it where nobody else can, or with a ``secret``. ``protocol`` is pickle's.
    """

    def __init__(self, protocol: int = pickle.HIGHEST_PROTOCOL) -> None:
        if type(protocol) is not int or not 0 <= protocol <= pickle.HIGHEST_PROTOCOL:
            raise ValueError(f"Expected a pickle protocol from 0 to {pickle.HIGHEST_PROTOCOL}, got {shown(protocol)}.")
        self.protocol = protocol

    def decode(self, payload: bytes) -> TaskRecord:
        """Return the record; nothing is unpickled until it is loaded. Raises UnreadableRecordError."""
        plain = loads(payload)
        return PickledRecord(plain) if type(plain) is dict and "pickled" in plain else TaskRecord(plain)

    def _contents(self, task: Task) -> str:
        method = bound_to(task)
        args = task.args if method is None else (method.__self__, *task.args)
        try:
            trigger = trigger_of(task)
        except Refused as exc:
            raise in_step(exc, "trigger") from exc.__cause__
        try:
            pickled = pickle.dumps((args, task.kwargs, trigger), self.protocol)
        except Exception as exc:  # users' classes raise what they like
            raise self._refused(args, task.kwargs, trigger, exc) from exc
        return f'"pickled":"{binascii.b2a_base64(pickled, newline=False).decode("ascii")}"'

    def _refused(self, args: tuple[Any, ...], kwargs: dict[str, Any], trigger: Any, exc: Exception) -> Refused:
        """Return what to say about the first part that cannot be pickled by itself."""
        parts = [(f"args[{at}]", value) for at, value in enumerate(args)]
        parts += [(f"kwargs[{shown(name)}]", value) for name, value in kwargs.items()]
        for step, value in (*parts, ("trigger", trigger)):
            try:
                pickle.dumps(value, self.protocol)
            except Exception as its_own:
                return in_step(_unpicklable(value, its_own), step)
        return in_step(_unpicklable(args, exc), "args")


def _unpicklable(value: Any, exc: Exception) -> Refused:
    return Refused(value, f"it cannot be pickled: {shown(exc)}", _ADVICE)


class PickledRecord(TaskRecord):
    """A record whose arguments are unpickled when it is loaded."""

    __slots__ = ()

    def _contents(self) -> Contents:
        pickled = binascii.a2b_base64(self.plain["pickled"])
        try:
            args, kwargs, trigger = pickle.loads(pickled)
        except (ImportError, AttributeError, SystemExit) as exc:
            raise TaskUnavailableError(f"The arguments cannot be restored here: {shown(exc)}.") from exc
        if type(args) is not tuple or type(kwargs) is not dict:
            raise UnreadableRecordError(f"Expected pickled arguments, got {shown(args)} and {shown(kwargs)}.")
        return args, kwargs, trigger

    def _trigger(self) -> Any:
        return self._contents()[2]
