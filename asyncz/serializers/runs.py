"""Runs as plain dictionaries, in a format with a number; instants are microseconds since 1970 UTC."""

from __future__ import annotations

import datetime
from functools import lru_cache
from json.encoder import encode_basestring as _encode_text
from typing import Any

from ..enums import RunState
from ..exceptions import UnreadableRecordError, shown
from ..tasks.runs import Run
from ..utils import UTC, from_microseconds, to_microseconds
from .records import check_version

__all__ = ("RUN_VERSION", "run_from_dict", "run_to_dict", "run_to_json")

RUN_VERSION = 1
_TEXTS = ("task_id", "store", "executor", "owner", "source")


def run_to_dict(run: Run) -> dict[str, Any]:
    """Return a run, live or ended, as a dictionary of plain values; what there is not, is left out.

    It never fails: what its task raised is text already, and characters that no encoding knows are escaped.
    """
    plain = {
        "version": RUN_VERSION,
        "id": run.id,
        **{name: _text(getattr(run, name)) for name in _TEXTS},
        "task_name": None if run.task_name is None else _text(run.task_name),
        "run_times": [to_microseconds(time) for time in run.run_times],
        "claimed_at": to_microseconds(run.claimed_at),
        "state": run.state.value,
        "started_at": None if run.started_at is None else to_microseconds(run.started_at),
        "finished_at": None if run.finished_at is None else to_microseconds(run.finished_at),
        "error": None if run.error is None else _text(run.error),
        "lost": run.lost or None,
    }
    return {name: value for name, value in plain.items() if value is not None}


def run_to_json(run: Run) -> str:
    """Return what :func:`run_to_dict` returns as the text that JSON has for it, in a tenth of the time.

    A store writes that twice for each run, and most of it is the same both times.
    """
    head = run.head
    if head is None:
        head = run.head = _head(run)
    started = "" if run.started_at is None else f',"started_at":{to_microseconds(run.started_at)}'
    finished = "" if run.finished_at is None else f',"finished_at":{to_microseconds(run.finished_at)}'
    error = "" if run.error is None else f',"error":{_quoted(run.error)}'
    lost = f',"lost":{run.lost}' if run.lost else ""
    return f'{head}"{run.state.value}"{started}{finished}{error}{lost}}}'


def _head(run: Run) -> str:
    times = run.run_times
    run_times = to_microseconds(times[0]) if len(times) == 1 else ",".join([str(to_microseconds(at)) for at in times])
    name = "" if run.task_name is None else f',"task_name":{_quoted(run.task_name)}'
    return (
        f'{{"version":{RUN_VERSION},"id":{run.id if type(run.id) is int else _quoted(run.id)},'
        f'"task_id":{_quoted(run.task_id)},"store":{_known(run.store)},"executor":{_known(run.executor)},'
        f'"owner":{_known(run.owner)},"source":{_known(run.source)}{name},"run_times":[{run_times}],'
        f'"claimed_at":{to_microseconds(run.claimed_at)},"state":'
    )


def _quoted(value: Any) -> str:
    return _encode_text(value if type(value) is str and value.isascii() else _text(value))


#: The same for names of which there are few.
_known = lru_cache(64)(_quoted)


def _text(value: Any) -> str:
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def run_from_dict(plain: Any, timezone: datetime.tzinfo = UTC) -> Run:
    """Return the run of which :func:`run_to_dict` returned that; its run times are read in ``timezone``.

    Raises UnreadableRecordError when it is damaged, NewerFormatError when a later release has written it.
    """
    if type(plain) is not dict:
        raise UnreadableRecordError(f"Expected the record of a run, got {shown(plain)}.")
    check_version(plain, RUN_VERSION)
    try:
        return _run(plain, timezone)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as exc:
        raise UnreadableRecordError(f"The record of a run is damaged: {shown(exc)}.") from exc


def _run(plain: dict[str, Any], timezone: datetime.tzinfo) -> Run:
    run = Run(
        _run_id(plain["id"]),
        _read_text(plain["task_id"]),
        None if plain.get("task_name") is None else _read_text(plain["task_name"]),
        _read_text(plain["store"]),
        _read_text(plain["executor"]),
        _run_times(plain["run_times"], timezone),
        _read_text(plain["owner"]),
        from_microseconds(_integer(plain["claimed_at"])),
        _read_text(plain["source"]),
    )
    run.lost = _integer(plain.get("lost", 0))
    # Only what differs from a run that was just submitted is kept on it.
    if plain["state"] != RunState.SUBMITTED.value:
        run.state = RunState(plain["state"])
    for name in ("started_at", "finished_at"):
        if plain.get(name) is not None:
            setattr(run, name, from_microseconds(_integer(plain[name])))
    if plain.get("error") is not None:
        run.error = _read_text(plain["error"])
    return run


def _run_times(value: Any, timezone: datetime.tzinfo) -> list[datetime.datetime]:
    if type(value) is not list:
        raise TypeError(f"expected a list of run times, got {shown(value)}")
    return [from_microseconds(_integer(time), timezone) for time in value]


def _run_id(value: Any) -> int | str:
    if type(value) is int or type(value) is str:
        return value
    raise TypeError(f"expected the id of a run, got {shown(value)}")


def _read_text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"expected a text, got {shown(value)}")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"expected an integer, got {shown(value)}")
    return value
