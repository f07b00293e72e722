"""What all triggers share: times with and without jitter, bounds, and a state made of the constructor's arguments."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ..exceptions import shown
from ..utils import from_microseconds, to_microseconds, to_timezone
from .arguments import arguments_of, checked_jitter, comparable, copied, refuse_unknown
from .types import TriggerType, next_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import NoReturn

    from .types import Times

__all__ = ("BaseCombinationTrigger", "BaseTrigger", "next_times")

Self = TypeVar("Self", bound="BaseTrigger")
Combination = TypeVar("Combination", bound="BaseCombinationTrigger")

#: The methods that say a time.
_TELL_TIME = frozenset({"apply_jitter", "get_next_trigger_time", "get_nominal_time", "get_times"})
#: A combination of combinations may be so deep; nobody means more, and Python's own recursion is not without end.
MAX_NESTING = 16


class BaseTrigger(TriggerType):
    """A trigger whose state is what its constructor was given.

    A subclass defines :meth:`get_next_trigger_time`, or :meth:`get_nominal_time` and lets jitter be added to it. Each
    argument of its constructor is kept in an attribute of the same name (or with an underscore in front); equality,
    hash, ``repr``, pickle and :meth:`get_state` follow from that.
    """

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for base in cls.__mro__:
            if "next_instant" in vars(base):
                break
            if not _TELL_TIME.isdisjoint(vars(base)):
                cls.next_instant = None  # it has to be asked in the way that it, or a mixin, has defined
                break

    # Times

    def get_nominal_time(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None = None,
    ) -> datetime.datetime | None:
        """Return the next time without jitter; ``previous_time`` is one without jitter, too."""
        if type(self).get_next_trigger_time is BaseTrigger.get_next_trigger_time:
            raise NotImplementedError(f"{type(self).__name__} has to define get_next_trigger_time or get_nominal_time.")
        return self.get_next_trigger_time(timezone, previous_time, now)

    def get_next_trigger_time(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None = None,
    ) -> datetime.datetime | None:
        """Return the next time to run, jitter included, or None when the trigger has ended.

        Raises TypeError when ``now`` is left out and the answer depends on it.
        """
        nominal = self.get_nominal_time(timezone, previous_time, now)
        if nominal is None or not self.jitter:
            return nominal
        times = self._delayed(nominal, nominal, timezone, now)
        return None if times is None else times[1]

    def get_times(
        self,
        timezone: datetime.tzinfo | None,
        previous_time: datetime.datetime | None,
        now: datetime.datetime | None,
    ) -> Times:
        """Return the next time without jitter and with it: see :func:`next_times`."""
        cls = type(self)
        if self.jitter and (cls.next_instant or cls.get_next_trigger_time is BaseTrigger.get_next_trigger_time):
            nominal = self.get_nominal_time(timezone, previous_time, now)
            return None if nominal is None else self._delayed(nominal, nominal, timezone, now)
        # Without jitter both are the same; and a subclass has the last word on the time, jitter included.
        time = self.get_next_trigger_time(timezone, previous_time, now)
        return None if time is None else (time, time)

    def _delayed(
        self,
        nominal: datetime.datetime,
        due: datetime.datetime,
        timezone: datetime.tzinfo | None,
        now: datetime.datetime | None,
    ) -> Times:
        """Add this trigger's jitter to ``due``; past the end bound there is no run."""
        delayed = self.apply_jitter(due, self.jitter, now)
        end = self._end_bound(timezone)
        if delayed is None or (end is not None and to_microseconds(delayed) > end):
            return None
        return nominal, delayed

    def _start_bound(self, timezone: datetime.tzinfo | None) -> int | None:
        """Return the first instant at which a run may be due, where ``previous_time`` overrules it."""
        return None

    def _end_bound(self, timezone: datetime.tzinfo | None) -> int | None:
        """Return the last instant at which a run may be due, in microseconds since 1970 UTC."""
        return None

    def apply_jitter(
        self,
        next_trigger_time: datetime.datetime | None,
        jitter: float | None,
        now: datetime.datetime | None = None,
    ) -> datetime.datetime | None:
        """Return the time, delayed at random by up to ``jitter`` seconds; None stays None."""
        if next_trigger_time is None or not jitter:
            return next_trigger_time
        import random

        delay = datetime.timedelta(seconds=random.uniform(0, jitter)) // datetime.timedelta(microseconds=1)
        try:
            return from_microseconds(to_microseconds(next_trigger_time) + delay, next_trigger_time.tzinfo)
        except OverflowError:
            return next_trigger_time

    def anchored(self: Self, now: datetime.datetime, timezone: datetime.tzinfo | None) -> Self:
        """Return this trigger with a missing start or run time filled in from ``now``, itself when none is missing.

        What is filled in is kept by pickle and :meth:`get_state`, but makes no difference to equality.
        """
        return self

    def set_back(
        self, due: datetime.datetime, now: datetime.datetime, timezone: datetime.tzinfo | None
    ) -> BaseTrigger | None:
        """Return the trigger that goes on from ``now`` when the clock was set back to it, from close to ``due``.

        None for a trigger that keeps to its times: what has run of them is then not run again.
        """
        return None

    # State

    def get_arguments(self) -> dict[str, Any]:
        """Return the constructor's arguments. Raises TypeError for one that is kept in no attribute."""
        return arguments_of(self, type(self))

    def get_state(self) -> dict[str, Any]:
        """Return what :meth:`from_state` makes an equal trigger of: the arguments, and what was filled in."""
        return self.get_arguments()

    @classmethod
    def from_state(cls: type[Self], state: Mapping[str, Any]) -> Self:
        """Return the trigger of which :meth:`get_state` returned that state."""
        trigger = cls.__new__(cls)
        trigger.__setstate__(dict(state))
        return trigger

    # Spelt out, since the oldest pickle protocols drop an empty state, and with it the call of the constructor.
    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.__getstate__())

    def __getstate__(self) -> dict[str, Any]:
        return self.get_state()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _identity(self) -> tuple[Any, ...]:
        """Return what equality compares."""
        return tuple((name, comparable(value)) for name, value in self.get_arguments().items())

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, BaseTrigger):
            return NotImplemented
        try:
            return self._identity() == other._identity()
        except TypeError:  # an argument that no attribute keeps: nothing is known about it
            return False

    def __hash__(self) -> int:
        try:
            return hash((type(self), self._identity()))
        except TypeError:  # an argument that is a list
            return hash(type(self))

    def __repr__(self) -> str:
        try:
            shown = ", ".join(f"{name}={value!r}" for name, value in self.get_arguments().items())
        except TypeError:
            shown = "..."
        return f"<{type(self).__name__} ({shown})>"

    def __str__(self) -> str:
        return repr(self)


class BaseCombinationTrigger(BaseTrigger):
    """A trigger made of triggers. Their own jitter counts, and this one's on top of it, in seconds.

    Raises TypeError for what is no trigger, ValueError when there is none, or when they are nested too deeply.
    """

    __slots__ = ("jitter", "timezone", "triggers")

    triggers: list[TriggerType]
    timezone: datetime.tzinfo | None

    def __init__(
        self,
        triggers: Iterable[TriggerType],
        jitter: float | None = None,
        timezone: str | datetime.tzinfo | None = None,
        **unknown: NoReturn,
    ) -> None:
        refuse_unknown(BaseCombinationTrigger, unknown)
        self.triggers = _members(type(self).__name__, triggers)
        self.jitter = checked_jitter(jitter)
        self.timezone = to_timezone(timezone)
        if _depth(self) > MAX_NESTING:
            raise ValueError(f"Expected triggers nested at most {MAX_NESTING} deep.")

    def _arguments(self) -> dict[str, Any]:
        arguments = {"triggers": list(self.triggers), "jitter": self.jitter, "timezone": self.timezone}
        return {name: value for name, value in arguments.items() if value is not None}

    def anchored(self: Combination, now: datetime.datetime, timezone: datetime.tzinfo | None) -> Combination:
        zone = self.timezone if self.timezone is not None else timezone
        members = [
            member.anchored(now, zone) if isinstance(member, BaseTrigger) else member for member in self.triggers
        ]
        if all(new is old for new, old in zip(members, self.triggers, strict=True)):
            return self
        return self._with_members(members)

    def _with_members(self: Combination, members: list[TriggerType]) -> Combination:
        clone = copied(self)
        clone.triggers = members
        return clone

    def __repr__(self) -> str:
        jitter = f", jitter={self.jitter}" if self.jitter else ""
        return f"<{type(self).__name__}([{', '.join(map(repr, self.triggers))}]{jitter})>"

    def __str__(self) -> str:
        return f"{self.alias}[{', '.join(map(str, self.triggers))}]"


def _restored(cls: type[BaseTrigger], state: Any) -> BaseTrigger:
    trigger = cls.__new__(cls)
    trigger.__setstate__(state)
    return trigger


def _members(owner: str, triggers: Any) -> list[TriggerType]:
    if isinstance(triggers, str) or not hasattr(triggers, "__iter__"):
        raise TypeError(f"{owner}: expected a list of triggers, got {shown(triggers)}.")
    members: list[TriggerType] = []
    for member in triggers:  # one by one: what is no list of triggers need not have an end
        if not isinstance(member, TriggerType):
            raise TypeError(f"{owner}: expected trigger instances, got {shown(member)} ({type(member).__name__}).")
        members.append(member)
    if not members:
        raise ValueError(f"{owner}: expected at least one trigger, got none.")
    return members


def _depth(trigger: TriggerType) -> int:
    if not isinstance(trigger, BaseCombinationTrigger):
        return 0
    return 1 + max(map(_depth, trigger.triggers))
