"""What a durable store cannot keep is refused when it is added, also before the scheduler starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asyncz.exceptions import SerializationError
from asyncz.stores.sqlite import SQLiteStore
from asyncz.tasks import Task
from asyncz.triggers import IntervalTrigger


def work(*args: Any, **kwargs: Any) -> None:
    """A callable of a module."""


def nested() -> Any:
    def inner() -> None:
        """A callable that nobody else can find."""

    return inner


CASES: dict[str, tuple[Any, str]] = {
    "lambda": ({"fn_or_task": lambda: None}, "fn is .* lambda .*Give a function or method of a module"),
    "nested function": ({"fn_or_task": nested()}, "fn is .* nested function .*Give a function or method of a module"),
    "generator": ({"args": [(n for n in range(3))]}, r"args\[0\] is .*generator.*Pass what it was made of"),
    "deep inside": ({"kwargs": {"a": {"b": [1, object()]}}}, r"kwargs\['a'\]\['b'\]\[1\] is .*serializer=\"pickle\""),
    "shutdown trigger": ({"trigger": "shutdown"}, "trigger is .*Use a memory store"),
}


@pytest.fixture(params=["running", "stopped"])
def whichever(request: pytest.FixtureRequest, make: Any, file: Path) -> Any:
    return make(start=request.param == "running", stores={"default": SQLiteStore(file)})


@pytest.mark.parametrize("case", CASES)
def test_it_says_which_argument_and_what_to_do(whichever: Any, case: str) -> None:
    options, message = CASES[case]
    with pytest.raises(SerializationError, match=message):
        whichever.add_task(**{"fn_or_task": work, "trigger": IntervalTrigger(hours=1), "id": "x", **options})
    assert whichever.get_tasks() == []


def test_an_open_file(whichever: Any, tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as opened, pytest.raises(SerializationError, match=r"args\[0\] is .*TextIO"):
        whichever.add_task(work, "interval", hours=1, args=[opened])


def test_a_task_object_can_be_mended_and_added_again(whichever: Any) -> None:
    task = Task(work, args=[object()], trigger=IntervalTrigger(hours=1), id="x")
    with pytest.raises(SerializationError):
        whichever.add_task(task)
    assert (task.submitted, task.pending, task.store_alias) == (False, True, None)
    task.update_task(args=[1])
    whichever.add_task(task)
    assert [found.args for found in whichever.get_tasks()] == [(1,)]


def test_an_update_is_refused_and_changes_nothing(make: Any, file: Path) -> None:
    scheduler = make(stores={"default": SQLiteStore(file)})
    scheduler.add_task(work, "interval", hours=1, args=[1], id="x")
    with pytest.raises(SerializationError, match=r"args\[0\]"):
        scheduler.update_task("x", args=[object()], name="new")
    assert (scheduler.get_task("x").args, scheduler.get_task("x").name) == ((1,), "work")


def test_a_nested_function_below_a_decorator_is_refused(whichever: Any) -> None:
    with pytest.raises(SerializationError, match="nested function"):
        whichever.add_task(trigger="interval", hours=1)(nested())


def test_a_decorated_function_of_a_module_is_accepted_before_its_name_is_there(
    whichever: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "scheduler", whichever)
    monkeypatch.setitem(globals(), "decorated", None)
    monkeypatch.delitem(globals(), "decorated")
    exec("@scheduler.add_task(trigger='interval', hours=1, id='x')\ndef decorated(): ...", globals())
    assert whichever.get_task("x").fn_reference == f"{__name__}:decorated"


def test_a_store_that_is_configured_later_keeps_the_scheduler_from_starting(make: Any, file: Path) -> None:
    scheduler = make(start=False)
    scheduler.add_task(lambda: None, "interval", hours=1, id="x")
    scheduler.add_store(SQLiteStore(file))
    with pytest.raises(SerializationError):
        scheduler.start()
    assert not scheduler.running
    assert [task.id for task in scheduler.get_tasks()] == ["x"]
    scheduler.delete_task("x")
    assert scheduler.start()


def test_a_memory_store_keeps_them(make: Any) -> None:
    scheduler = make()
    scheduler.add_task(lambda: None, "interval", hours=1, args=[])
    assert len(scheduler.get_tasks()) == 1
