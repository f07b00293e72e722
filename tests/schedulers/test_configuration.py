"""What a scheduler is told about itself, and the executors and stores it is made of."""

from __future__ import annotations

import datetime
import logging
import pickle
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import asyncz.schedulers.base as base
from asyncz.enums import PluginInstance, SchedulerState
from asyncz.exceptions import SchedulerAlreadyRunningError
from asyncz.executors import AsyncIOExecutor, DebugExecutor, ThreadPoolExecutor
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler, ClassicLogging
from asyncz.schedulers.types import LoggersType
from asyncz.stores.memory import MemoryStore
from asyncz.testing import VirtualClock
from asyncz.triggers import CronTrigger, DateTrigger, IntervalTrigger

UTC = datetime.timezone.utc


class Scheduler(BaseScheduler):
    def wakeup(self) -> None:
        pass


class Recording(LoggersType):
    """Loggers that keep the lines they were given."""

    lines: list[tuple[str, str]]

    def __missing__(self, name: str) -> Any:
        if not hasattr(self, "lines"):
            self.lines = []
        lines = self.lines

        class Logger:
            def __getattr__(self, level: str) -> Any:
                return lambda text, *args: lines.append((name, f"{level}: {text}"))

        return Logger()


class CountedPool(DebugExecutor):
    def __init__(self, size: int = 1, label: str = "") -> None:
        self.size, self.label = size, label


class CountedStore(MemoryStore):
    def __init__(self, size: int = 1) -> None:
        super().__init__()
        self.size = size


class TestOptions:
    def test_the_defaults(self) -> None:
        scheduler = Scheduler()
        assert (scheduler.lock_path, scheduler.startup_delay, scheduler.store_retry_interval) == ("", 0, 10)
        assert (scheduler.store_poll_interval, scheduler.heartbeat_stale_after) == (1, 30)
        assert (scheduler.executors, scheduler.stores, scheduler.logger_name) == ({}, {}, None)
        assert (scheduler.state, scheduler.running, scheduler.ref_counter) == (SchedulerState.STATE_STOPPED, False, 0)
        assert dict(scheduler.instances) == {}
        assert isinstance(scheduler.timezone, datetime.tzinfo)

    def test_a_flat_dictionary_and_keywords_say_the_same(self) -> None:
        flat = Scheduler(
            {
                "asyncz.timezone": "Europe/Berlin",
                "asyncz.task_defaults.coalesce": "false",
                "asyncz.task_defaults.max_instances": "3",
                "asyncz.task_defaults.timezone": "UTC",
                "asyncz.executors.pool": {"class": f"{__name__}:CountedPool", "size": 20},
                "asyncz.executors.default.type": "debug",
                "asyncz.stores.default.type": "memory",
                "asyncz.startup_delay": "2",
                "other.timezone": "UTC",
                "timezone": "UTC",
            }
        )
        named = Scheduler(
            timezone=ZoneInfo("Europe/Berlin"),
            task_defaults={"coalesce": False, "max_instances": 3},
            executors={"pool": CountedPool(20), "default": DebugExecutor()},
            stores={"default": MemoryStore()},
            startup_delay=2,
        )
        for scheduler in (flat, named):
            assert str(scheduler.timezone) == "Europe/Berlin"
            assert scheduler.task_defaults.model_dump() == {
                "coalesce": False,
                "max_instances": 3,
                "mistrigger_grace_time": None,
            }
            assert {alias: type(executor) for alias, executor in scheduler.executors.items()} == {
                "pool": CountedPool,
                "default": DebugExecutor,
            }
            assert scheduler.executors["pool"].size == 20
            assert {alias: type(store) for alias, store in scheduler.stores.items()} == {"default": MemoryStore}
            assert scheduler.startup_delay == 2

    def test_keywords_replace_whole_groups(self) -> None:
        scheduler = Scheduler(
            {"asyncz.task_defaults.coalesce": "false", "asyncz.timezone": "Asia/Tokyo"},
            task_defaults={"max_instances": 3},
        )
        assert scheduler.task_defaults.coalesce is True
        assert str(scheduler.timezone) == "Asia/Tokyo"

    def test_a_value_may_be_a_group_and_be_added_to(self) -> None:
        scheduler = Scheduler(
            {"asyncz.task_defaults": {"coalesce": "false"}, "asyncz.task_defaults.max_instances": "3"}
        )
        assert (scheduler.task_defaults.coalesce, scheduler.task_defaults.max_instances) == (False, 3)

    def test_a_key_that_is_both_a_value_and_a_group_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"asyncz\.timezone\.name"):
            Scheduler({"asyncz.timezone": "UTC", "asyncz.timezone.name": "UTC"})

    @pytest.mark.parametrize("prefix", ["", None])
    def test_an_empty_prefix_takes_all_keys(self, prefix: Any) -> None:
        scheduler = Scheduler()
        scheduler.setup({"timezone": "Asia/Tokyo"}, prefix=prefix)
        assert str(scheduler.timezone) == "Asia/Tokyo"

    def test_another_prefix_can_be_chosen(self) -> None:
        scheduler = Scheduler()
        scheduler.setup({"jobs.timezone": "Asia/Tokyo", "asyncz.timezone": "UTC"}, prefix="jobs.")
        assert str(scheduler.timezone) == "Asia/Tokyo"

    def test_what_is_no_dictionary_is_refused(self) -> None:
        with pytest.raises(TypeError, match="Expected a dict for global_config, got list instead"):
            Scheduler(["asyncz.timezone"])  # type: ignore[arg-type]

    def test_setup_again_keeps_what_was_queued(self) -> None:
        scheduler = Scheduler()
        task = scheduler.add_task(print, "interval", hours=1)
        scheduler.setup(timezone="Asia/Tokyo", executors={"default": DebugExecutor()})
        assert scheduler.get_tasks() == [task]
        with scheduler:
            assert scheduler.get_tasks() == [task]

    def test_setup_is_for_a_stopped_scheduler(self) -> None:
        scheduler = Scheduler(executors={"default": DebugExecutor()})
        with scheduler, pytest.raises(SchedulerAlreadyRunningError, match=r"^Scheduler is already running$"):
            scheduler.setup(timezone="UTC")
        scheduler.setup(timezone="UTC")

    def test_unknown_options_are_passed_over_with_a_warning(self, caplog: pytest.LogCaptureFixture) -> None:
        Scheduler(colour="red", loggers_class=ClassicLogging)
        assert "Options that no scheduler knows are passed over: colour" in caplog.text

    def test_a_subclass_may_have_options_of_its_own(self) -> None:
        class Coloured(Scheduler):
            def configure(self, options: Any) -> None:
                super().configure(options)
                self.colour = options.get("colour", "red")

        assert (Coloured().colour, Coloured(colour="blue").colour) == ("red", "blue")
        assert Coloured({"asyncz.colour": "green"}).colour == "green"

    @pytest.mark.parametrize("cls", [AsyncIOScheduler, NativeAsyncIOScheduler])
    def test_the_faces_on_a_loop_read_theirs(self, cls: Any) -> None:
        scheduler = cls({"asyncz.isolated_event_loop": "true", "asyncz.timeout": "5"})
        assert (scheduler.isolated_event_loop, scheduler.timeout) == (True, 5)
        assert cls().isolated_event_loop is False

    @pytest.mark.parametrize(
        ("option", "value", "error"),
        [
            ("startup_delay", -1, ValueError),
            ("startup_delay", "soon", ValueError),
            ("store_retry_interval", None, TypeError),
            ("store_poll_interval", float("inf"), ValueError),
            ("heartbeat_stale_after", [], TypeError),
            ("timezone", 5, TypeError),
            ("clock", 5, TypeError),
            ("loggers_class", int, TypeError),
        ],
    )
    def test_a_value_that_does_not_fit_is_refused(self, option: str, value: Any, error: Any) -> None:
        with pytest.raises(error, match="tzinfo" if option == "timezone" else option):
            Scheduler(**{option: value})

    def test_an_unknown_zone_is_refused(self) -> None:
        with pytest.raises(LookupError, match="Mars/Phobos"):
            Scheduler(timezone="Mars/Phobos")

    def test_a_start_delay_is_a_second_where_there_is_a_lock_path(self) -> None:
        assert Scheduler(lock_path="/nowhere/{store}").startup_delay == 1
        assert Scheduler(lock_path="/nowhere/{store}", startup_delay=0).startup_delay == 0
        assert Scheduler(startup_delay=datetime.timedelta(minutes=1)).startup_delay == 60

    def test_an_identity_is_made_up_unless_given(self) -> None:
        first, second = Scheduler(identity=""), Scheduler()
        assert first.identity != second.identity
        name, _, digits = first.identity.rpartition("-")
        assert (name, len(digits), int(digits, 16) >= 0) == ("Scheduler", 12, True)
        assert Scheduler(identity="me").identity == "me"

    def test_a_clock_is_taken(self) -> None:
        clock = VirtualClock()
        assert Scheduler(clock=clock).clock is clock

    def test_an_encryption_key_is_refused_rather_than_ignored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ASYNCZ_STORE_ENCRYPTION_KEY", "secret")
        with pytest.raises(ValueError, match="ASYNCZ_STORE_ENCRYPTION_KEY is set, but stores are not encrypted"):
            Scheduler()

    @pytest.mark.parametrize("cls", [Scheduler, AsyncIOScheduler, NativeAsyncIOScheduler])
    def test_a_scheduler_cannot_be_pickled(self, cls: Any) -> None:
        with pytest.raises(TypeError, match=r"^Schedulers cannot be serialized\."):
            pickle.dumps(cls())


class TestLoggers:
    def test_loggers_go_by_name(self) -> None:
        scheduler = Scheduler(loggers_class=ClassicLogging)
        assert scheduler.logger is logging.getLogger("asyncz.schedulers")
        scheduler = Scheduler(loggers_class="asyncz.schedulers.base:ClassicLogging", logger_name="nightly")
        assert scheduler.logger is logging.getLogger("asyncz.schedulers.nightly")
        assert scheduler.loggers["asyncz.stores.default"] is logging.getLogger("asyncz.stores.default")

    def test_a_class_of_loggers_makes_each_once(self) -> None:
        scheduler = Scheduler(loggers_class=Recording, executors={"default": DebugExecutor()})
        with scheduler:
            scheduler.add_task(lambda: 1 / 0, id="x")
            scheduler.process_tasks()
        assert scheduler.loggers["a"] is scheduler.loggers["a"]
        assert "a" in scheduler.loggers.data
        names = {name for name, _ in scheduler.loggers.lines}
        assert names == {"asyncz.schedulers", "asyncz.executors.default"}

    def test_the_default_class_is_read_when_a_scheduler_is_set_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(base, "default_loggers_class", Recording, raising=False)
        assert isinstance(Scheduler().loggers, Recording)
        monkeypatch.undo()
        assert not isinstance(Scheduler().loggers, Recording)
        assert isinstance(Scheduler(loggers_class=ClassicLogging).loggers, ClassicLogging)


class TestConfiguredPlugins:
    @pytest.mark.parametrize(
        ("kind", "entry", "text"),
        [
            ("executors", 5, "Expected executor instance or dict for executors['default'], got int instead."),
            ("stores", "memory", "Expected store instance or dict for stores['default'], got str instead."),
            ("stores", DebugExecutor(), "Expected store instance or dict for stores['default'], got DebugExecutor"),
        ],
    )
    def test_a_bad_entry_is_named(self, kind: str, entry: Any, text: str) -> None:
        with pytest.raises(TypeError) as caught:
            Scheduler(**{kind: {"default": entry}})
        assert str(caught.value).startswith(text)

    @pytest.mark.parametrize("kind", ["executor", "store"])
    def test_an_entry_without_type_and_class_is_refused(self, kind: str) -> None:
        with pytest.raises(ValueError, match=f"Cannot create {kind} 'default': expected 'type' or 'class'"):
            Scheduler(**{f"{kind}s": {"default": {"size": 5}}})

    @pytest.mark.parametrize(("kind", "cls"), [("executor", CountedPool), ("store", CountedStore)])
    def test_a_class_may_be_given_itself_or_by_reference(self, kind: str, cls: Any) -> None:
        for given in (cls, f"{__name__}:{cls.__name__}"):
            entries = {"default": {"class": given, "size": 7}}
            scheduler = Scheduler(**{f"{kind}s": entries})
            made = getattr(scheduler, f"{kind}s")["default"]
            assert (type(made), made.size) == (cls, 7)
            assert entries == {"default": {"class": given, "size": 7}}

    def test_an_unknown_alias_is_refused(self) -> None:
        with pytest.raises(LookupError, match=r"^\"?No store by the name 'cloud' was found\.\"?$"):
            Scheduler(stores={"default": {"type": "cloud"}})

    def test_a_class_of_another_kind_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"^The executor entry point does not point to an? executor class\.$"):
            Scheduler(executors={"default": {"class": MemoryStore}})

    def test_an_argument_that_a_plugin_does_not_take_is_refused(self) -> None:
        with pytest.raises(TypeError, match="colour"):
            Scheduler(executors={"default": {"class": CountedPool, "colour": "red"}})

    def test_text_is_read_where_a_pool_wants_a_number(self) -> None:
        scheduler = Scheduler({"asyncz.executors.pool": {"type": "threadpool", "max_workers": "20"}})
        assert isinstance(scheduler.executors["pool"], ThreadPoolExecutor)

    def test_defaults_are_made_where_none_are_given(self) -> None:
        with Scheduler() as scheduler:
            assert type(scheduler.executors["default"]) is ThreadPoolExecutor
            assert type(scheduler.stores["default"]) is MemoryStore
        assert type(AsyncIOScheduler().create_default_executor()) is AsyncIOExecutor

    def test_a_subclass_may_make_other_defaults(self) -> None:
        class Plain(Scheduler):
            def create_default_executor(self) -> Any:
                return DebugExecutor()

            def create_default_store(self) -> Any:
                return CountedStore(3)

        with Plain() as scheduler:
            assert (type(scheduler.executors["default"]), scheduler.stores["default"].size) == (DebugExecutor, 3)


class TestPluginVerbs:
    def test_aliases(self) -> None:
        scheduler = Scheduler()
        assert {"date", "interval", "cron", "and", "or", "shutdown"} <= scheduler.trigger_plugins.keys()
        assert {"pool", "threadpool", "processpool", "asyncio", "debug"} <= scheduler.executor_plugins.keys()
        assert "memory" in scheduler.store_plugins
        scheduler.executor_plugins["mine"] = f"{__name__}:CountedPool"
        assert "mine" not in Scheduler().executor_plugins
        scheduler.add_executor("mine", "default", size=4)
        assert scheduler.executors["default"].size == 4

    def test_a_loaded_class_may_stand_behind_an_alias(self) -> None:
        scheduler = Scheduler()
        scheduler.store_classes["mine"] = CountedStore
        scheduler.trigger_classes["mine"] = IntervalTrigger
        scheduler.add_store("mine", size=9)
        assert scheduler.stores["default"].size == 9
        assert scheduler.create_trigger("mine", {"hours": 1}) == IntervalTrigger(hours=1, timezone=scheduler.timezone)

    def test_a_reference_is_resolved(self) -> None:
        assert Scheduler.resolve_load_plugin("asyncz.stores.memory:MemoryStore") is MemoryStore
        for bad in ("asyncz.stores.memory", "asyncz.stores.memory:Absent", "asyncz.nowhere:X"):
            with pytest.raises(ImportError):
                Scheduler.resolve_load_plugin(bad)

    def test_a_plugin_is_made_by_kind_and_alias(self) -> None:
        scheduler = Scheduler()
        assert type(scheduler.create_plugin_instance(PluginInstance.STORE, "memory", {})) is MemoryStore
        assert type(scheduler.create_plugin_instance("executor", "debug", {})) is DebugExecutor
        for kind in ("executor", "store"):
            with pytest.raises(LookupError) as caught:
                scheduler.create_plugin_instance(kind, "absent", {})
            assert caught.value.args == (f"No {kind} by the name 'absent' was found.",)
        scheduler.store_classes["wrong"] = DebugExecutor
        with pytest.raises(TypeError, match=r"^The store entry point does not point to a store class\.$"):
            scheduler.create_plugin_instance("store", "wrong", {})

    def test_triggers(self) -> None:
        scheduler = Scheduler(timezone="Asia/Tokyo")
        trigger = CronTrigger(hour=5)
        assert scheduler.create_trigger(trigger, {}) is trigger
        assert isinstance(scheduler.create_trigger(None, {}), DateTrigger)
        assert str(scheduler.create_trigger("cron", {"hour": 5}).timezone) == "Asia/Tokyo"
        assert str(scheduler.create_trigger("cron", {"hour": 5, "timezone": "UTC"}).timezone) == "UTC"
        with pytest.raises(TypeError, match=r"^Expected a trigger instance or string, got 'int' instead\.$"):
            scheduler.create_trigger(5, {})
        with pytest.raises(LookupError, match="No trigger by the name 'weekly' was found"):
            scheduler.create_trigger("weekly", {})

    @pytest.mark.parametrize("running", [True, False])
    def test_executors_and_stores_come_and_go(self, running: bool) -> None:
        scheduler = Scheduler(executors={"default": DebugExecutor()}, clock=VirtualClock())
        told: list[tuple[int, Any]] = []
        if running:
            scheduler.start()
        scheduler.add_listener(lambda event: told.append((event.code, event.alias)))
        scheduler.add_executor(CountedPool(3), "second")
        scheduler.add_executor(CountedPool, "third", size=4)
        scheduler.add_store(CountedStore, "custom", size=5)
        assert scheduler.lookup_executor("second") is scheduler.executors["second"]
        assert (scheduler.executors["third"].size, scheduler.lookup_store("custom").size) == (4, 5)
        for lookup in (scheduler.lookup_executor, scheduler.lookup_store, scheduler.remove_executor):
            with pytest.raises(KeyError, match="absent"):
                lookup("absent")
        with pytest.raises(ValueError, match=r"^This scheduler already has an executor by the alias of 'second'\.$"):
            scheduler.add_executor("debug", "second")
        with pytest.raises(ValueError, match=r"^This scheduler already has a task store by the alias of 'custom'\.$"):
            scheduler.add_store("memory", "custom")
        scheduler.remove_executor("second")
        scheduler.remove_store("custom")
        assert set(scheduler.executors) == {"default", "third"}
        assert "custom" not in scheduler.stores
        assert told == [(16, "second"), (16, "third"), (64, "custom"), (32, "second"), (128, "custom")]
        if running:
            scheduler.shutdown()

    @pytest.mark.parametrize("wrong", [5, object(), MemoryStore()])
    def test_what_is_no_executor_is_refused(self, wrong: Any) -> None:
        scheduler = Scheduler()
        with pytest.raises(TypeError, match="Expected an executor instance or a string, got"):
            scheduler.add_executor(wrong)
        with pytest.raises(TypeError, match="Expected a store instance or a string, got"):
            scheduler.add_store(DebugExecutor())
        assert (scheduler.executors, scheduler.stores) == ({}, {})

    def test_a_store_added_to_a_running_scheduler_works_at_once(self) -> None:
        class Woken(Scheduler):
            woken = 0

            def wakeup(self) -> None:
                self.woken += 1

        with Woken(executors={"default": DebugExecutor()}, clock=VirtualClock()) as scheduler:
            before = scheduler.woken
            scheduler.add_store("memory", "second")
            assert scheduler.woken > before
            ran: list[int] = []
            scheduler.add_task(lambda: ran.append(1), store="second")
            scheduler.process_tasks()
            assert ran == [1]

    def test_an_executor_added_to_a_running_scheduler_is_started_and_one_removed_is_shut_down(self) -> None:
        told: list[str] = []

        class Told(DebugExecutor):
            def start(self, scheduler: Any, alias: str) -> None:
                super().start(scheduler, alias)
                told.append(f"start {alias}")

            def shutdown(self, wait: bool = True) -> None:
                told.append("shutdown")

        with Scheduler(executors={"default": DebugExecutor()}) as scheduler:
            scheduler.add_executor(Told(), "a")
            scheduler.remove_executor("a")
            scheduler.add_executor(Told(), "b")
            scheduler.remove_executor("b", shutdown=False)
        assert told == ["start a", "shutdown", "start b"]
