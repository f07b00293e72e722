"""The task: what to call, when, and under which conditions."""

from __future__ import annotations

from types import MethodType
from typing import TYPE_CHECKING, Any

from .._ids import random_id
from ..enums import TaskScheduleState
from ..refs import check_decorated_args, get_callable_name, obj_to_ref, ref_to_obj
from ..triggers.aliases import build_trigger
from ..typing import Undefined, undefined
from ..utils import datetime_repr
from . import flags, planning
from .changes import check_grace_time, check_max_instances, checked, checked_definition
from .flags import flag
from .types import DecoratedFn, TaskDefaultsType, TaskType

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from ..protocols import TaskScheduler
    from ..triggers.types import TriggerType
    from .inspection import TaskInfo

__all__ = ("Task",)

_COPIED = (
    "args", "_kwargs", "executor", "fn", "id", "max_instances", "mistrigger_grace_time", "name", "next_run_time",
    "store_alias", "trigger", "_reference",
)  # fmt: skip
_PICKLED = (*(name for name in _COPIED if name not in ("fn", "_reference")), "coalesce", "recover", "timezone")
_NEW = flags.PENDING | flags.COALESCE | flags.RECOVER


class Task(TaskType):
    """A callable, its trigger, and how it is to be run.

    A task does nothing by itself: hand it to ``scheduler.add_task``, or leave ``fn`` out and use it as a decorator. A
    task that belongs to a scheduler passes its verbs (``update``, ``pause`` ...) on to it; one that does not changes
    itself.

    ``mistrigger_grace_time`` is in seconds: a run that would begin later than that is reported missed; None runs it
    however late it is. ``recover=False`` has a run whose owner was lost reported missed instead of run again.
    Raises TypeError or ValueError for arguments that do not fit.
    """

    _flags: int
    _kwargs: dict[str, Any] | None
    _reference: str | None

    __slots__ = (
        "__weakref__",
        "_flags",
        "_kwargs",
        "_reference",
        "args",
        "executor",
        "fn",
        "id",
        "max_instances",
        "mistrigger_grace_time",
        "name",
        "next_run_time",
        "scheduler",
        "store_alias",
        "timezone",
        "trigger",
    )

    pending = flag(flags.PENDING, "True until it is in a store.")
    submitted = flag(flags.SUBMITTED, "True when it was handed to a scheduler.")
    coalesce = flag(flags.COALESCE, "Whether several due times are run as one.")
    recover = flag(flags.RECOVER, "Whether a run whose owner was lost is run again.")
    replace_existing = flag(flags.REPLACE_EXISTING, "Whether it replaces a task of its id when it is submitted.")
    has_schedule_of_its_own = flag(
        flags.NEXT_RUN_TIME_GIVEN, "True when a ``next_run_time`` was given, None too, and not left to the trigger."
    )

    def __init__(
        self,
        fn: Any = None,
        *,
        id: str | None = None,
        name: str | None = None,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        trigger: TriggerType | None = None,
        executor: str | None = None,
        store_alias: str | None = None,
        mistrigger_grace_time: float | Undefined | None = undefined,
        coalesce: bool | Undefined = undefined,
        max_instances: int | Undefined = undefined,
        next_run_time: Any = undefined,
        scheduler: TaskScheduler | None = None,
        replace_existing: bool = False,
        recover: bool = True,
    ) -> None:
        definition = checked_definition(fn, id, name, args, kwargs, trigger, executor)
        self.fn, self._reference, self.name, self.args, self._kwargs = definition
        self.id = random_id() if id is None and fn is not None else id
        self.trigger = trigger
        self.executor = executor
        self.store_alias = store_alias
        self.scheduler = scheduler
        self.timezone = getattr(scheduler, "timezone", None)
        self.mistrigger_grace_time = None
        self.max_instances = 1
        self.next_run_time = None
        self._flags = _NEW if recover else _NEW & ~flags.RECOVER
        if replace_existing:
            self.replace_existing = True
        if not (mistrigger_grace_time is coalesce is max_instances is next_run_time is undefined):
            self._take_given(mistrigger_grace_time, coalesce, max_instances, next_run_time)

    def _take_given(self, mistrigger_grace_time: Any, coalesce: Any, max_instances: Any, next_run_time: Any) -> None:
        """Take those that were given of what there are defaults for."""
        if mistrigger_grace_time is not undefined:
            self.mistrigger_grace_time = check_grace_time(mistrigger_grace_time)
            self._flags |= flags.GRACE_TIME_GIVEN
        if coalesce is not undefined:
            self.coalesce = bool(coalesce)
            self._flags |= flags.COALESCE_GIVEN
        if max_instances is not undefined:
            self.max_instances = check_max_instances(max_instances)
            self._flags |= flags.MAX_INSTANCES_GIVEN
        if next_run_time is not undefined:
            # Text and naive values are read in the scheduler's zone, which may be known only when it is submitted.
            self.next_run_time = next_run_time
            self._flags |= flags.NEXT_RUN_TIME_GIVEN

    # -- what it is -------------------------------------------------------------------------------------------------

    @property
    def kwargs(self) -> dict[str, Any]:
        """The keyword arguments of the callable; change them through ``update``."""
        return self._kwargs if self._kwargs is not None else {}

    @property
    def fn_reference(self) -> str | None:
        """The callable as ``"module:qualname"``, or None where none leads to it (lambda, nested function, partial)."""
        if self._reference is None and self.fn is not None:
            try:
                return obj_to_ref(self.fn)
            except ValueError:
                return None
        return self._reference

    @property
    def paused(self) -> bool:
        """True when the task has no next run: it was paused, or given a ``next_run_time`` of None."""
        return self.next_run_time is None and (not self.pending or self.has_schedule_of_its_own)

    @property
    def schedule_state(self) -> TaskScheduleState:
        """Pending until it is in a store; then paused or scheduled."""
        if self.pending:
            return TaskScheduleState.PENDING
        return TaskScheduleState.PAUSED if self.next_run_time is None else TaskScheduleState.SCHEDULED

    def snapshot(self) -> TaskInfo:
        """Return an immutable record of the task as it is now."""
        from .inspection import TaskInfo

        return TaskInfo.of(self)

    def get_run_times(self, timezone: datetime.tzinfo, now: datetime.datetime) -> list[datetime.datetime]:
        """Return the due times from the next run time up to ``now``, oldest first: the latest 1,000 of them."""
        return planning.run_times(self, timezone, now)

    # -- changing the object itself ---------------------------------------------------------------------------------

    def update_task(self, **updates: Any) -> None:
        """Change the object itself, all or nothing; no scheduler is told.

        Raises AttributeError for names that cannot be changed, ValueError for another id or scheduler, TypeError for
        values of the wrong kind.
        """
        for key, value in checked(self, updates).items():
            setattr(self, key, value)
        if not self.submitted:
            for key in updates.keys() & flags.GIVEN.keys():
                self._flags |= flags.GIVEN[key]

    def apply_defaults(self, defaults: TaskDefaultsType) -> None:
        """Take from a scheduler's defaults what was not given when the task was made."""
        given = self._flags
        if not given & flags.GRACE_TIME_GIVEN:
            grace_time = defaults.mistrigger_grace_time
            is_never_late = grace_time is None or getattr(self.trigger, "allow_mistrigger_by_default", False)
            self.mistrigger_grace_time = None if is_never_late else grace_time
        if not given & flags.COALESCE_GIVEN:
            self._flags = given | flags.COALESCE if defaults.coalesce else given & ~flags.COALESCE
        if not given & flags.MAX_INSTANCES_GIVEN:
            self.max_instances = defaults.max_instances

    def settle(self) -> None:
        """Be submitted, and not pending any more."""
        self._flags = self._flags & ~flags.PENDING | flags.SUBMITTED

    def decorate(self, fn: Any) -> None:
        """Put in the callable that this task stands above; in the body of a class, that has a ``self`` to come.

        Raises TypeError for what cannot be called, ValueError when the arguments do not fit.
        """
        if not callable(fn):
            raise TypeError(f"Expected a callable below the decorator, got {fn!r}.")
        check_decorated_args(fn, self.args, self.kwargs)
        self.fn, self._reference = fn, None
        self.name = self.name or get_callable_name(fn)

    def copy(self) -> Task:
        """Return a task of the same definition that was not submitted yet."""
        twin = object.__new__(type(self))
        for name in _COPIED:
            setattr(twin, name, getattr(self, name))
        twin.scheduler, twin.timezone = self.scheduler, getattr(self.scheduler, "timezone", None)
        twin._flags = self._flags & ~flags.PLACE | flags.PENDING
        return twin

    # -- verbs, passed on to the scheduler --------------------------------------------------------------------------

    def update(self, **updates: Any) -> Task:
        """Change attributes of the task, in its store when it is in one, and return it."""
        if self.scheduler is None or not self.submitted:
            self.update_task(**updates)
        else:
            self._take(self.scheduler.update_task(self.id, self.store_alias, **updates))
        return self

    def reschedule(self, trigger_or_id: Any = None, /, trigger: Any = None, **trigger_args: Any) -> Task:
        """Give the task another trigger, an instance or an alias with its arguments, and return the task.

        The task's own id may stand before ``trigger=``; another id is a ValueError.
        """
        if trigger is None:
            trigger = trigger_or_id
        elif trigger_or_id is not None and trigger_or_id != self.id:
            raise ValueError(f"Expected the id of this task ({self.id!r}), got {trigger_or_id!r}.")
        if self.scheduler is None:
            self.update_task(trigger=build_trigger(trigger, trigger_args))
        elif not self.submitted:
            self.update_task(trigger=self.scheduler.create_trigger(trigger, trigger_args))
        else:
            self._take(self.scheduler.reschedule_task(self.id, self.store_alias, trigger, **trigger_args))
        return self

    def pause(self) -> Task:
        """Take the next run away until the task is resumed, and return the task."""
        if self.scheduler is None or not self.submitted:
            self.next_run_time, self.has_schedule_of_its_own = None, True
        else:
            self._take(self.scheduler.pause_task(self.id, self.store_alias))
        return self

    def resume(self) -> Task:
        """Let the trigger say the next run again, counted from now, and return the task."""
        if self.scheduler is None or not self.submitted:
            self.has_schedule_of_its_own = False
        else:
            self._take(self.scheduler.resume_task(self.id, self.store_alias))
        return self

    def delete(self) -> Task:
        """Take the task out of its store, and return it; a task that is in none is left as it is."""
        if self.scheduler is not None and self.submitted:
            self.scheduler.delete_task(self.id, self.store_alias)
        return self

    def _take(self, stored: Task | None) -> None:
        """Follow what the store holds now, where it handed out a copy."""
        if stored is not None and stored is not self:
            for name in _COPIED:
                setattr(self, name, getattr(stored, name))
            self._flags = stored._flags & ~flags.PLACE | self._flags & flags.PLACE

    def __call__(self, fn: DecoratedFn) -> DecoratedFn:
        """Submit a copy of this task with a callable put in, and return the callable (decorator mode).

        With an id, the copy replaces a task of that id. Without one, it gets a fresh id and is appended to the list
        ``fn.asyncz_tasks``.
        """
        twin = self.copy()
        if self.id is None:
            twin.id = random_id()
        twin.decorate(fn)
        if self.id is None:
            _record_on(fn, twin)
        if self.scheduler is not None:
            self.scheduler.add_task(twin, replace_existing=self.id is not None)
        return fn

    # -- identity, text, pickling -----------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Task):
            return NotImplemented
        return self.id is not None and self.id == other.id

    def __hash__(self) -> int:
        return object.__hash__(self) if self.id is None else hash(self.id)

    def __repr__(self) -> str:
        return f"<Task (id={self.id} name={self.name})>"

    def __str__(self) -> str:
        if self.next_run_time is not None:
            status = f"next run at: {datetime_repr(self.next_run_time)}"
        else:
            status = "pending" if self.pending and not self.paused else "paused"
        return f"{self.name} (trigger: {self.trigger}, {status})"

    def __getstate__(self) -> dict[str, Any]:
        reference = self.fn_reference
        if reference is None:
            raise ValueError(
                f"This task cannot be stored: no reference leads to its callable ({self.fn!r}). "
                "Use a function or method of a module."
            )
        state = {name: getattr(self, name) for name in _PICKLED}
        fn = self.fn
        if self._reference is None and type(fn) is MethodType and not isinstance(fn.__self__, type):
            # A bound method travels as its function and the object that it is bound to.
            state["args"] = (fn.__self__, *self.args)
        return state | {"_reference": reference, "version": 1}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._flags, self.scheduler = flags.SUBMITTED, None
        for name in (*_PICKLED, "_reference"):
            setattr(self, name, state[name])
        self.fn = ref_to_obj(state["_reference"])


def _record_on(fn: Any, task: Task) -> None:
    """Append the task to the callable's ``asyncz_tasks``, a list of its own even where it wraps another's."""
    tasks = vars(fn).get("asyncz_tasks") if hasattr(fn, "__dict__") else None
    # functools.wraps copies what a function has, that list included.
    if tasks is None or tasks is getattr(getattr(fn, "__wrapped__", None), "asyncz_tasks", None):
        tasks = fn.asyncz_tasks = []
    tasks.append(task)
