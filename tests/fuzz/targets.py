"""What reads text that somebody else may have written, and what it may raise.

A target takes a text, or a dictionary. Hypothesis (``test_hostile_input.py``) and atheris (``run_atheris.py``) make
their inputs with the grammar that is here, and ``check`` judges what comes of one. Nothing in here needs either.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import importlib.util
import io
import os
import reprlib  # noqa: F401  (what messages need is imported before imports are guarded)
import string  # noqa: F401
import sys
import tempfile
import warnings
import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from asyncz.cli.loading import LoadError, load_scheduler
from asyncz.cli.main import main
from asyncz.exceptions import AsynczException
from asyncz.leading import Leadership
from asyncz.locks import FileLockProtected
from asyncz.schedulers import AsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler, ClassicLogging
from asyncz.stores.memory import MemoryStore
from asyncz.testing import VirtualClock
from asyncz.triggers import BaseTrigger, CronTrigger, DateTrigger, IntervalTrigger
from asyncz.triggers.aliases import TRIGGERS, build_trigger
from asyncz.utils import (
    from_microseconds,
    get_localzone,
    ref_to_obj,
    to_datetime,
    to_float,
    to_int,
    to_microseconds,
    to_timezone,
)

__all__ = ("LENGTH", "MAX_MESSAGE", "SHAPES", "TARGETS", "Source", "Target", "check")

ROOT = Path(__file__).resolve().parents[2]
#: Characters of the hostile shapes.
LENGTH = 10_000
#: Characters of an error text, at most: enough for a long sentence and a few short repetitions of what was given.
MAX_MESSAGE = 1_000

UTC = datetime.timezone.utc
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
NOW = datetime.datetime(2024, 2, 28, 12, tzinfo=UTC)


class Target(NamedTuple):
    """Something that reads text. ``frames`` are what may stand around a hostile part for it to be read at all."""

    name: str
    run: Callable[[Any], object]
    errors: tuple[type[BaseException], ...]
    make: Callable[[Source], Any]
    tokens: Sequence[str] = ()
    frames: Sequence[tuple[str, str]] = (("", ""),)
    examples: Sequence[str] = ()
    #: Seconds for :data:`LENGTH` characters.
    limit: float = 0.01

    @property
    def takes_text(self) -> bool:
        return bool(self.tokens)


def check(target: Target, value: Any) -> None:
    """Run a target. Raises whatever is not documented, and AssertionError for an error text that is too long."""
    try:
        target.run(value)
    except target.errors as exc:
        text = str(exc)
        assert len(text) <= MAX_MESSAGE, f"{target.name}: a text of {len(text)} characters: {text[:200]}"
        text.encode("utf-8")  # it can be written down


# What is made of bytes


class Source:
    """Makes texts and values of the bytes that a fuzzer gives; when these are used up, all that it makes is short."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_empty(self) -> bool:
        return self._at >= len(self._data)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def pick(self, choices: Sequence[Any]) -> Any:
        return choices[self.byte() % len(choices)]

    def rest(self, tokens: Sequence[str]) -> str:
        """Return all that is left as one text: as it is, with what is no UTF-8 as surrogates, or as tokens."""
        if self.byte() % 2:
            left, self._at = self._data[self._at :], len(self._data)
            return left.decode("utf-8", "surrogateescape")
        made = []
        while not self.is_empty:
            made.append(self.pick(tokens))
        return "".join(made)

    def text(self, tokens: Sequence[str]) -> str:
        return "".join(self.pick(tokens) for _ in range(self.byte() % 8))

    def value(self, depth: int = 3) -> Any:
        """Return a value of any type."""
        if depth and self.byte() % 3 == 0:
            return self.pick(_CONTAINERS)(self, depth - 1)
        made = self.pick(_VALUES)
        return made() if callable(made) and made not in _AS_THEY_ARE else made

    def items(self, depth: int) -> list[Any]:
        return [self.value(depth) for _ in range(self.byte() % 4)]

    def mapping(self, keys: Sequence[Any], depth: int = 2, odd_keys: bool = True) -> dict[Any, Any]:
        made = {}
        for _ in range(self.byte() % 6):
            odd = odd_keys and self.byte() % 8 == 0
            made[self.text(_WORDS) if odd else self.pick(keys)] = self.value(depth)
        return made


def _deep() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(2_000):
        made = {"type": made}
    return made


def _endless() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


def _billions() -> list[Any]:
    made: list[Any] = ["x"]
    for _ in range(30):
        made = [made] * 10
    return made


class _Odd:
    def __repr__(self) -> str:
        raise LookupError("no repr")


def _nothing() -> None:
    """Be called."""


_AS_THEY_ARE = (MemoryStore, _nothing)
_WORDS = (
    "", "type", "class", "memory", "asyncio", "debug", "pool", "futures", "asyncz.", "task_defaults", ".", ":", "os",
    "path", "x" * 300, "\0", "\ud800", "٣", "{", "}", "{pgrp}", "{store}", "%s", "\n", "UTC", "Europe/London", "cron",
    "true", "no", "none", "1", "-1", "1e400", "nan", "0.5", "9" * 5_000, "asyncz.stores.memory:MemoryStore", "/", "*",
    "2024-01-01", "T00:00", "+14:00", "Z", "last", "1st fri", "*/5", ",", "0", "@daily", "asyncz.testing:run",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    *_WORDS, None, True, False, 0, 1, -1, 3.5, 10**20, 10**5_000, -(10**400), float("nan"), float("inf"), 1e300, 1e-300,
    b"bytes", 1j, datetime.timedelta(days=1), datetime.timedelta.max, datetime.date(1, 1, 1), datetime.datetime.min,
    datetime.datetime.max, NOW, datetime.time(3), UTC, NEW_YORK, datetime.timezone(datetime.timedelta(hours=-14)),
    range(3), Path("/nowhere/lock"), object(), _Odd(), _deep, _endless, _billions, MemoryStore, _nothing,
)  # fmt: skip
_CONTAINERS: tuple[Callable[[Source, int], Any], ...] = (
    lambda source, depth: source.items(depth),
    lambda source, depth: tuple(source.items(depth)),
    lambda source, depth: source.mapping(("type", "class", "max_workers", "executor", "coalesce"), depth),
    lambda source, depth: [IntervalTrigger(hours=1), CronTrigger(hour=3), *source.items(0)],
)


# Guards


class _Guard:
    """Lets nothing be imported, and knows what was asked for: only what ``named`` names may be looked for."""

    def __init__(self, named: str | None) -> None:
        self._named = named

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if self._named is not None:
            assert f"{self._named}.".startswith(f"{name}."), f"{self._named!r} was named, and {name!r} is looked for"
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@contextlib.contextmanager
def guarded(named: str | None = None) -> Iterator[None]:
    """Have nothing imported in a block but what was imported before, and nothing else changed by imports."""
    guard, path = _Guard(named), list(sys.path)
    sys.meta_path.insert(0, guard)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.meta_path.remove(guard)  # type: ignore[arg-type]
        sys.path[:] = path


class Quiet(BaseScheduler):
    """A scheduler that is never started."""

    def wakeup(self) -> None:
        """Nobody sleeps."""


@contextlib.contextmanager
def silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


# What is run


def _fires(trigger: BaseTrigger) -> None:
    """Ask a trigger for its times, write it down, and make it anew."""
    for zone in (UTC, NEW_YORK):
        time = trigger.get_next_trigger_time(zone, None, NOW)
        if time is not None:
            later = trigger.get_next_trigger_time(zone, time, max(time, NOW))
            assert later is None or to_microseconds(later) > to_microseconds(time), (trigger, time, later)
    assert str(trigger)
    assert repr(trigger)
    assert type(trigger).from_state(trigger.get_state()) == trigger


def _cron(text: str) -> None:
    fields = [field or None for field in text.split("|")[:8]]
    _fires(CronTrigger(*fields, timezone="UTC"))  # type: ignore[arg-type]


def _crontab(text: str) -> None:
    _fires(CronTrigger.from_crontab(text))


class _File:
    """What a crontab is read from."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read_bytes(self) -> bytes:
        return self._text.encode("utf-8", "surrogateescape" if all(map(_is_byte, self._text)) else "surrogatepass")

    def __str__(self) -> str:
        return "crontab"


def _is_byte(character: str) -> bool:
    return not "\ud800" <= character <= "\udfff" or "\udc80" <= character <= "\udcff"


_spec = importlib.util.spec_from_file_location("crontab_replay", ROOT / "examples" / "crontab_replay.py")
crontab_replay = importlib.util.module_from_spec(_spec)  # type: ignore[arg-type]
_spec.loader.exec_module(crontab_replay)  # type: ignore[union-attr]


def _crontab_file(text: str) -> None:
    for line in crontab_replay.read_crontab(_File(text)):
        problem = getattr(line, "problem", "")
        assert len(problem) <= MAX_MESSAGE, problem[:200]
        problem.encode("utf-8")


def _date(text: str) -> None:
    for zone in (UTC, NEW_YORK):
        assert to_datetime(text, zone, "run_at") is not None
    _fires(DateTrigger(text))
    _fires(IntervalTrigger(days=1, start_at=text))


def _instant(text: str) -> None:
    assert VirtualClock(text).now().tzinfo is not None


def _zone(text: str) -> None:
    _fires(CronTrigger(hour=2, minute=30, timezone=to_timezone(text)))


def _local_zone(text: str) -> None:
    if "\0" in text or os.path.isabs(text.removeprefix(":")):
        return  # no variable can hold the former, and the latter is no text to be read but any file
    before = os.environ.get("TZ")
    try:
        os.environ["TZ"] = text.encode("utf-8", "replace").decode()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            zone = get_localzone()
    finally:
        os.environ.pop("TZ") if before is None else os.environ.__setitem__("TZ", before)
    assert all(len(str(warning.message)) <= MAX_MESSAGE for warning in caught)
    _fires(CronTrigger(hour=2, minute=30, timezone=zone))
    _fires(DateTrigger("2024-06-30T12:00", timezone=zone))


def _number(text: str) -> None:
    try:
        to_int(text)
    except ValueError:
        to_float(text)


def _reference(text: str) -> None:
    with guarded(text.partition(":")[0]):
        ref_to_obj(text)


def _plugin_reference(text: str) -> None:
    with guarded(text.partition(":")[0]):
        Quiet.resolve_load_plugin(text)


def _place(text: str) -> None:
    with guarded():
        load_scheduler(text)


def _command_line(text: str) -> None:
    with guarded(), silence():
        assert main(["run", *text.split(" ")]) == 2


def _lock_path(text: str) -> None:
    assert isinstance(FileLockProtected(text).path, str)
    Quiet(lock_path=text)


def _lock_file(text: str) -> None:
    folder = tempfile.gettempdir()
    with tempfile.NamedTemporaryFile(dir=folder, prefix="asyncz-fuzz-") as file:
        file.write(text.encode("utf-8", "surrogatepass"))
        file.flush()
        leadership = Leadership(file.name)
        assert leadership.take()
        try:
            through = leadership.read()
        finally:
            leadership.release()
        assert through is None or from_microseconds(through, NEW_YORK)


def _looked_up(text: str) -> None:
    _listed.get_task_infos(q=text, trigger=text, executor=text)
    _listed.get_task_info(text)
    try:
        _listed.get_task_infos(schedule_state=text)
    except ValueError:
        try:
            _listed.get_task_infos(sort_by=text)
        except ValueError:
            _listed.delete_task(f"?{text}")


def _configuration(config: dict[Any, Any]) -> None:
    flat = {key: value for key, value in config.items() if isinstance(key, str)}
    with guarded(), silence(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for face in (Quiet, AsyncIOScheduler):
            made = face({**flat, "asyncz.loggers_class": flat.get("asyncz.loggers_class", ClassicLogging)})
            assert isinstance(made.timezone, datetime.tzinfo)
            assert NOW + datetime.timedelta(seconds=made.startup_delay) >= NOW


def _trigger(given: dict[Any, Any]) -> None:
    arguments = dict(given)
    _fires(build_trigger(arguments.pop("trigger", None), arguments))


def _task(given: dict[Any, Any]) -> None:
    scheduler = Quiet(timezone="UTC", loggers_class=ClassicLogging)
    with guarded():
        task = scheduler.add_task(**given)
        if task.id is not None:
            scheduler.update_task(task.id, **{name: value for name, value in given.items() if name in _CHANGED})
            scheduler.get_task_infos()


_CHANGED = ("args", "kwargs", "name", "mistrigger_grace_time", "coalesce", "max_instances", "next_run_time", "executor")
_listed = Quiet(timezone="UTC", loggers_class=ClassicLogging)
for _number_of_task in range(3):
    _listed.add_task(_nothing, "interval", hours=1, id=f"task {_number_of_task}")
for _alias in ("asyncio", "debug", "pool", "processpool"):  # what is imported when it is first used
    _listed.create_plugin_instance("executor", _alias)
for _class in TRIGGERS.values():
    _listed.resolve_load_plugin(_class)
_listed.update_task("task 0", name="the first")
_listed.get_task_infos()


# How inputs are made


def _texts(tokens: Sequence[str]) -> Callable[[Source], str]:
    return lambda source: source.rest(tokens)


_OPTIONS = (
    "timezone", "lock_path", "startup_delay", "store_retry_interval", "store_poll_interval", "heartbeat_stale_after",
    "task_defaults", "task_defaults.coalesce", "task_defaults.max_instances", "task_defaults.mistrigger_grace_time",
    "stores", "stores.default", "stores.default.type", "stores.default.class", "executors", "executors.default",
    "executors.default.type", "executors.default.class", "executors.default.max_workers", "executors.x.executor",
    "executors.x.type", "logger_name", "loggers_class", "identity", "clock", "event_loop", "isolated_event_loop",
    "timeout", "unknown",
)  # fmt: skip
_TRIGGER_ARGUMENTS = (
    "year", "month", "day", "week", "day_of_week", "hour", "minute", "second", "start_at", "end_at", "timezone",
    "jitter", "run_at", "weeks", "days", "hours", "minutes", "seconds", "triggers",
)  # fmt: skip
_TASK_ARGUMENTS = (
    "fn_or_task", "trigger", "args", "kwargs", "id", "name", "mistrigger_grace_time", "coalesce", "max_instances",
    "next_run_time", "store", "executor", "replace_existing", "hours", "run_at", "recover",
)  # fmt: skip


def _make_configuration(source: Source) -> dict[Any, Any]:
    made = source.mapping([f"asyncz.{option}" for option in _OPTIONS])
    return {f"asyncz.{key}" if source.byte() % 16 == 0 else key: value for key, value in made.items()}


def _make_trigger(source: Source) -> dict[Any, Any]:
    alias = source.pick((*TRIGGERS, "odd"))
    return {**source.mapping(_TRIGGER_ARGUMENTS), "trigger": source.text(_WORDS) if alias == "odd" else alias}


def _make_task(source: Source) -> dict[Any, Any]:
    fn = source.pick((_nothing, _nothing, "os.path:join", "os:nothing", None))
    made = source.mapping(_TASK_ARGUMENTS)
    return {"fn_or_task": fn, "trigger": source.pick(tuple(TRIGGERS)), **made}


_CRON = (
    "*", "/", "-", ",", "|", " ", "\t", "0", "1", "2", "5", "12", "31", "59", "1970", "2024", "9999", "jan", "dec",
    "mon", "sun", "fri", "last", "1st", "5th", "last ", "2nd ", "*/2", "1-5", "L", "#", "?", "٣", "\0", "00", "99",
)  # fmt: skip
_CRONTAB = (
    " ", " ", "* ", "0 ", "*/5 ", "0-7 ", "7 ", "sun ", "1,15 ", "29 ", "2 ", "@daily", "@reboot", "@", "\n", "A=b\n",
    "'", '"', "=", "%", "\\%", "root ", "#", "last ", "\t", "\r", "jan-feb/", "mon", "-", "/", ",", "\0", "\udc80",
)  # fmt: skip
_DATE = (
    "2024-", "1-", "01-", "31", "9999-12-31", "0001-01-01", "T", " ", "24:00", "23:59", ":60", ".999999999", ".5", "Z",
    "+14:00", "-14:00", "+24:00", "+0230", "02:30", "2024-03-10", "2024-02-30", "W01", "٣", "\n", "-", ":",
)  # fmt: skip
_ZONE = (
    "Europe", "/", "London", "UTC", "Etc/", "GMT+14", "..", ".", "posix", "\0", "\ud800", "America/New_York", ":", "+",
    "tzdata.zi", "__init__", "EST5EDT", "CET-1CEST", ",M3.5.0", ",M10.5.0/3", ",J1/-167", ",365/167", "<", ">", "-99",
    "A" * 40, "a/", "é", " ", "zone.tab", "leapseconds", "\n",
)  # fmt: skip
_REFERENCE = (
    "os", ".", ":", "path", "join", "os.path:join", "asyncz", "asyncz.stores.memory:MemoryStore", "__import__",
    "builtins", "exit", "__class__", "__mro__", "sys", "modules", "antigravity", "this", "/", "..", "\0", "\ud800", " ",
    "é", "a.", "__main__", "fn", "-", "x" * 200, "py", "\n",
)  # fmt: skip
_PATH = (
    "/tmp/", "{pgrp}", "{ppid}", "{store}", "{", "}", "{{", "}}", "{pgrp:08d}", "{pgrp:9999999999}", "{pgrp.real}",
    "{0}", "{pgrp[0]}", "{pgrp!r}", "{pgrp:c}", "{pgrp:{ppid}}", ":", "!", "x", "\0", "é", "\ud800",
)  # fmt: skip
_NUMBER = ("0", "9", "1" * 4_000, "-", "+", ".", "e", "_", "٣", "inf", "nan", "0x", " ", "\n", "E308")
_STATES = ("paused", "pending", "scheduled", " ", "id", "task", "0", "next_run_time", "PAUSED", "x" * 99)
_LINE = (
    *_REFERENCE, " ", " ", "--timeout", "--timeout=", "--log-level", "debug", "-h", "--version", "5", "nan", "1e999",
    ".py", ":scheduler", "--", "/nowhere/", "-",
)  # fmt: skip
_INSTANT_FILE = ("0", "9", "00000000000000000000", "99999999999999999999", "01700000000000000000", "\n", " ", "-", "٣")

TARGETS = {
    target.name: target
    for target in (
        Target("cron", _cron, (ValueError,), _texts(_CRON), _CRON,
               [("|" * field, "") for field in range(8)] + [("1-", ""), ("*/", ""), ("", "/2"), ("||last ", "")],
               ("2024|2|29", "||last fri|||12", "|jan-mar/2", "|||53|0-6|*/2|0|0", "9999|12|31||||59|59")),
        Target("crontab", _crontab, (ValueError,), _texts(_CRONTAB), _CRONTAB,
               [("", ""), ("* * * * ", ""), ("", " * * * *"), ("* * ", " * *"), ("@", "")],
               ("*/5 0-6 1,15 jan,feb mon", "@weekly", "0 0 31 2 *", "0 0 29 2 7")),
        Target("crontab-file", _crontab_file, (), _texts(_CRONTAB), _CRONTAB,
               [("", ""), ("", "\n"), ("* * * * * root ", "\n"), ("A=", "x\n"), ("'", "'='x'\n"), ("A=b", "c\n"),
                ("* * * * * ", "\n"), ("", " = x\n"), ("A='", "'\n")],
               ("MAILTO=root\n# nothing\n17 * * * * root cd / && run\n@reboot me x%y\n", "' a' = \"b\"  \n"),
               limit=0.03),  # up to 5,000 lines, each of which becomes a record
        Target("date", _date, (ValueError,), _texts(_DATE), _DATE,
               [("", ""), ("2024-01-01", ""), ("2024-01-01 00:00:00.", ""), ("2024-01-01T00:00", "")],
               ("2024-01-01", "2024-1-1 2:30", "9999-12-31T23:59:59.999999-14:00", "0001-01-01T00:00+14:00")),
        Target("instant", _instant, (ValueError,), _texts(_DATE), _DATE,
               [("", ""), ("2024-01-01T", ""), ("2024-01-01T00:00:00.", "Z")],
               ("2024-01-01T00:00Z", "0001-01-01T00:00+14:00", "9999-12-31T23:59:59-14:00")),
        Target("zone", _zone, (LookupError,), _texts(_ZONE), _ZONE,
               [("", ""), ("Europe/", ""), ("", "/London"), ("Europe.", "/x")], ("UTC", "Europe/London", "Etc/GMT+12")),
        Target("local-zone", _local_zone, (), _texts(_ZONE), _ZONE,
               [("", ""), (":", ""), ("EST5", ""), ("EST5EDT,M3.2.0/", ""), ("<", ">3")],
               ("EST5EDT,M3.2.0,M11.1.0", "<+14>-14", "A-167B,J1/-167,J365/167", "Europe/London")),
        Target("number", _number, (ValueError,), _texts(_NUMBER), _NUMBER,
               [("", ""), ("1e", ""), ("0.", ""), ("-", "")], ("1", "1e308", "9" * 4_300, "9" * 4_301)),
        Target("reference", _reference, (AsynczException, LookupError), _texts(_REFERENCE), _REFERENCE,
               [("", ""), ("os:", ""), ("", ":x"), ("os.", ":x"), ("os:path.", "")],
               ("os.path:join", "asyncz.stores.memory:MemoryStore.add_task", "os:path.os.path.os", "antigravity:x")),
        Target("plugin-reference", _plugin_reference, (ImportError,), _texts(_REFERENCE), _REFERENCE,
               [("", ""), ("os:", ""), ("", ":x"), ("asyncz.", ":x"), ("asyncz.stores.memory:", "")],
               ("asyncz.stores.memory:MemoryStore", "asyncz:Asyncz", "asyncz.nothing:X", "this:s")),
        Target("place", _place, (LoadError,), _texts(_REFERENCE), _REFERENCE,
               [("", ""), ("os:", ""), ("", ":x"), ("", ".py"), ("/", ".py:x"), ("./", "")],
               ("os:path", "asyncz.testing:run", "/nowhere/x.py", "/nowhere/x.py:scheduler", ".os:path")),
        Target("command-line", _command_line, (SystemExit,), _texts(_LINE), _LINE,
               [("", ""), ("os:path --timeout ", ""), ("--timeout=", ""), ("--log-level ", " os:x"), ("os:", "")],
               ("os:path", "x.py --timeout 5", "--version", "os:path --log-level debug --timeout nan"),
               limit=0.03),  # up to 10,000 arguments, which argparse takes longer for
        Target("lock-path", _lock_path, (ValueError,), _texts(_PATH), _PATH,
               [("", ""), ("{pgrp:", "}"), ("{", "}"), ("{pgrp", "}"), ("{pgrp!", "}")],
               ("/tmp/{pgrp:08d}.{store}", "{{}}", "/tmp/{ppid}")),
        Target("lock-file", _lock_file, (), _texts(_INSTANT_FILE), _INSTANT_FILE, [("", ""), ("0" * 19, "")],
               ("00001700000000000000\n", "9" * 20)),
        Target("look-up", _looked_up, (LookupError, ValueError), _texts(_STATES), _STATES, [("", ""), (" ", " ")],
               ("paused", " PENDING ", "task 1")),
        Target("configuration", _configuration, (AsynczException, ImportError, LookupError, TypeError, ValueError),
               _make_configuration),
        Target("trigger", _trigger, (LookupError, TypeError, ValueError), _make_trigger),
        Target("task", _task, (AsynczException, LookupError, TypeError, ValueError), _make_task),
    )
}  # fmt: skip


# Shapes that are known to be slow somewhere

_UNITS = (
    "a", "a.", "a/", "*,", "1-9,", "1,", "*/1,", "0", "9", "1 ", "* ", "(", ")", "()", "[", "{", "}", "{}", "{pgrp}",
    "{pgrp:9}", "%", "\\", "\0", "\ud800", "\udc80", "é", "é", "İ", "٣", "os.", "os:", "os:path.os.", ":", "|", "||*",
    "/", "../", "-", "--", "+", "_1", "e", ".", ",", "=", "a=", "'", '"', "'=", "#", "@", "\n", "x\n", "a=b\n",
    "* * * * * x\n",
    "\r", " ", "\t", " \t", "\u3000", "2024-", "2024-01-01 ", "T", "Z", "00:", "mon-", "mon,", "1st mon,", "last ",
    "A0,", "M3.2.0,", "<", "<a>", "J1/", "a-", "%41", "1e", "nan", "x/y.",
)  # fmt: skip
SHAPES = {repr(unit)[1:-1]: (unit * (LENGTH // len(unit) + 1))[:LENGTH] for unit in _UNITS} | {
    "a, many blanks, a": "a" + " " * (LENGTH - 2) + "a",
    "a b c ...": "".join(f"{number} " for number in range(LENGTH))[:LENGTH],
    "a0= a1= ...": "".join(f"a{number}=1\n" for number in range(LENGTH))[:LENGTH],
}
