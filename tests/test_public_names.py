"""The names that users import, and the aliases that they write into configurations."""

from __future__ import annotations

from importlib import import_module

import pytest

#: Packages whose names are loaded when they are first used.
LAZY = [f"asyncz.{part}" for part in ("executors", "schedulers", "serializers", "stores", "tasks", "triggers")]
CODES = {
    "SCHEDULER_STARTED": 1,
    "SCHEDULER_START": 1,
    "SCHEDULER_SHUTDOWN": 2,
    "SCHEDULER_PAUSED": 4,
    "SCHEDULER_RESUMED": 8,
    "EXECUTOR_ADDED": 16,
    "EXECUTOR_REMOVED": 32,
    "STORE_ADDED": 64,
    "STORE_REMOVED": 128,
    "ALL_TASKS_REMOVED": 256,
    "TASK_ADDED": 512,
    "TASK_REMOVED": 1024,
    "TASK_MODIFIED": 2048,
    "TASK_EXECUTED": 4096,
    "TASK_ERROR": 8192,
    "TASK_MISSED": 16384,
    "TASK_SUBMITTED": 32768,
    "TASK_MAX_INSTANCES": 65536,
    "ALL_EVENTS": 131071,
}
EVENTS = "SchedulerEvent TaskEvent TaskSubmissionEvent TaskExecutionEvent"
TRIGGERS = "DateTrigger IntervalTrigger CronTrigger AndTrigger OrTrigger ShutdownTrigger"
LOCKS = "NullLockProtected LockProtected RLockProtected FileLockProtected"

NAMES = {
    "asyncz": "__version__ Asyncz",
    "asyncz.enums": "SchedulerState PluginInstance TaskScheduleState",
    "asyncz.events": " ".join([EVENTS, *CODES]),
    "asyncz.events.base": EVENTS,
    "asyncz.events.constants": " ".join(CODES),
    "asyncz.exceptions": """
        AsynczException BaseLookupError AsynczLookupError SchedulerLookupError ConflictError TaskLookupError
        ConflictIdError MaximumInstancesError SchedulerAlreadyRunningError SchedulerNotRunningError
        SerializationError UnreadableRecordError NewerFormatError SignatureError TaskUnavailableError
    """,
    "asyncz.executors": """
        AsyncIOExecutor ThreadPoolExecutor BaseExecutor DebugExecutor ProcessPoolExecutor FuturesExecutor
    """,
    "asyncz.executors.asyncio": "AsyncIOExecutor",
    "asyncz.executors.base": "BaseExecutor run_task run_coroutine_task",
    "asyncz.executors.debug": "DebugExecutor",
    "asyncz.executors.futures": "FuturesExecutor",
    "asyncz.executors.pool": "ThreadPoolExecutor BasePoolExecutor",
    "asyncz.executors.process_pool": "ProcessPoolExecutor",
    "asyncz.executors.types": "ExecutorType",
    "asyncz.file_locking": "LOCK_EX LOCK_SH LOCK_NB lock unlock with_lock",
    "asyncz.locks": LOCKS,
    "asyncz.protocols": "LockProtectedProtocol AsynczClientProtocol",
    "asyncz.schedulers": "AsyncIOScheduler NativeAsyncIOScheduler SchedulerInfo SchedulerInstanceInfo",
    "asyncz.schedulers.asyncio": "AsyncIOScheduler NativeAsyncIOScheduler",
    "asyncz.schedulers.base": "BaseScheduler ClassicLogging LoguruLogging default_loggers_class",
    "asyncz.schedulers.datastructures": "TaskDefaultStruct",
    "asyncz.schedulers.defaults": "triggers executors stores",
    "asyncz.schedulers.inspection": "SchedulerInfo SchedulerInstanceInfo",
    "asyncz.schedulers.types": "SchedulerType LoggersType",
    "asyncz.serializers": """
        JSONSerializer PickleSerializer Serializer Signer TaskRecord get_serializer register_trigger register_type
        run_from_dict run_to_dict task_to_dict
    """,
    "asyncz.serializers.json": "JSONSerializer",
    "asyncz.serializers.pickle": "PickleSerializer",
    "asyncz.stores": "BaseStore DurableStore MemoryStore MongoDBStore RedisStore SQLiteStore",
    "asyncz.stores.base": "BaseStore",
    "asyncz.stores.durable": "DurableStore",
    "asyncz.stores.memory": "MemoryStore",
    "asyncz.stores.mongo": "MongoDBStore",
    "asyncz.stores.redis": "RedisStore",
    "asyncz.stores.sqlite": "SQLiteStore",
    "asyncz.stores.stored": "Ended Stored Swap",
    "asyncz.stores.types": "StoreType",
    "asyncz.tasks": "RunInfo SetAsideTask Task TaskInfo TaskRunPreview",
    "asyncz.tasks.base": "Task",
    "asyncz.tasks.inspection": "RunInfo SetAsideTask TaskInfo TaskRunPreview",
    "asyncz.tasks.types": "TaskType TaskDefaultsType DecoratedFn",
    "asyncz.triggers": f"{TRIGGERS} BaseTrigger BaseCombinationTrigger",
    "asyncz.triggers.base": "BaseTrigger BaseCombinationTrigger",
    "asyncz.triggers.combination": "AndTrigger OrTrigger",
    "asyncz.triggers.cron": "CronTrigger",
    "asyncz.triggers.cron.trigger": "CronTrigger",
    "asyncz.triggers.date": "DateTrigger",
    "asyncz.triggers.interval": "IntervalTrigger",
    "asyncz.triggers.shutdown": "ShutdownTrigger",
    "asyncz.triggers.types": "TriggerType",
    "asyncz.typing": "undefined Undefined UndefinedType DictAny DictStrAny Any",
    "asyncz.utils": """
        to_int to_float to_timezone to_timezone_with_fallback get_localzone to_datetime timedelta_seconds
        datetime_to_utc_timestamp utc_timestamp_to_datetime datetime_ceil datetime_repr normalize localize
        get_callable_name obj_to_ref ref_to_obj maybe_ref make_function make_async_function
        check_callable_args DATE_REGEX
    """,
}
#: One class under several paths: it has to be the same one.
SAME = [
    ("asyncz:Asyncz", "asyncz.schedulers.asyncio:AsyncIOScheduler"),
    ("asyncz.schedulers:AsyncIOScheduler", "asyncz.schedulers.asyncio:AsyncIOScheduler"),
    ("asyncz.schedulers:NativeAsyncIOScheduler", "asyncz.schedulers.asyncio:NativeAsyncIOScheduler"),
    ("asyncz.schedulers:SchedulerInfo", "asyncz.schedulers.inspection:SchedulerInfo"),
    ("asyncz.tasks:Task", "asyncz.tasks.base:Task"),
    ("asyncz.tasks:TaskInfo", "asyncz.tasks.inspection:TaskInfo"),
    ("asyncz.triggers:CronTrigger", "asyncz.triggers.cron.trigger:CronTrigger"),
    ("asyncz.triggers.cron:CronTrigger", "asyncz.triggers.cron.trigger:CronTrigger"),
    ("asyncz.stores:DurableStore", "asyncz.stores.durable:DurableStore"),
    ("asyncz.stores:MemoryStore", "asyncz.stores.memory:MemoryStore"),
    ("asyncz.stores:SQLiteStore", "asyncz.stores.sqlite:SQLiteStore"),
    ("asyncz.executors:ThreadPoolExecutor", "asyncz.executors.pool:ThreadPoolExecutor"),
    ("asyncz.typing:UndefinedType", "asyncz.typing:Undefined"),
]
ALIASES = {
    ("triggers", "date"): "asyncz.triggers.date:DateTrigger",
    ("triggers", "interval"): "asyncz.triggers.interval:IntervalTrigger",
    ("triggers", "cron"): "asyncz.triggers.cron:CronTrigger",
    ("triggers", "and"): "asyncz.triggers.combination:AndTrigger",
    ("triggers", "or"): "asyncz.triggers.combination:OrTrigger",
    ("triggers", "shutdown"): "asyncz.triggers.shutdown:ShutdownTrigger",
    ("executors", "pool"): "asyncz.executors.pool:ThreadPoolExecutor",
    ("executors", "threadpool"): "asyncz.executors.pool:ThreadPoolExecutor",
    ("executors", "processpool"): "asyncz.executors.process_pool:ProcessPoolExecutor",
    ("executors", "asyncio"): "asyncz.executors.asyncio:AsyncIOExecutor",
    ("executors", "debug"): "asyncz.executors.debug:DebugExecutor",
    ("executors", "futures"): "asyncz.executors.futures:FuturesExecutor",
    ("stores", "memory"): "asyncz.stores.memory:MemoryStore",
    ("stores", "mongo"): "asyncz.stores.mongo:MongoDBStore",
    ("stores", "mongodb"): "asyncz.stores.mongo:MongoDBStore",
    ("stores", "redis"): "asyncz.stores.redis:RedisStore",
    ("stores", "sqlite"): "asyncz.stores.sqlite:SQLiteStore",
}
ABSTRACT = [
    "asyncz.executors.types:ExecutorType",
    "asyncz.schedulers.types:LoggersType",
    "asyncz.schedulers.types:SchedulerType",
    "asyncz.stores.types:StoreType",
    "asyncz.tasks.types:TaskType",
    "asyncz.triggers.types:TriggerType",
]
ENUMS = {
    "SchedulerState": {"STATE_STOPPED": 0, "STATE_RUNNING": 1, "STATE_PAUSED": 2},
    "PluginInstance": {"EXECUTOR": "executor", "STORE": "store"},
    "TaskScheduleState": {"PENDING": "pending", "PAUSED": "paused", "SCHEDULED": "scheduled"},
}
EXCEPTION_BASES = {
    "BaseLookupError": LookupError,
    "AsynczLookupError": LookupError,
    "SchedulerLookupError": LookupError,
    "TaskLookupError": LookupError,
    "ConflictError": KeyError,
    "ConflictIdError": KeyError,
    "SerializationError": (TypeError, ValueError),
    "UnreadableRecordError": ValueError,
    "TaskUnavailableError": LookupError,
}
OWN_EXCEPTIONS = [
    "MaximumInstancesError",
    "SchedulerAlreadyRunningError",
    "SchedulerNotRunningError",
    "SerializationError",
    "UnreadableRecordError",
]


def load(reference):
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in NAMES.items() for name in names.split()]
)
def test_the_name_can_be_imported(module, name):
    exec(f"from {module} import {name}", {})


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (module, name)
        for module in (
            "asyncz",
            *LAZY,
        )
        for name in NAMES[module].split()
    ],
)
def test_the_name_is_listed_although_it_is_loaded_late(module, name):
    assert name in dir(import_module(module))
    assert name in import_module(module).__all__


@pytest.mark.parametrize("module", sorted(NAMES))
def test_all_names_only_what_exists(module):
    found = import_module(module)
    assert [name for name in getattr(found, "__all__", ()) if not hasattr(found, name)] == []


@pytest.mark.parametrize(("one", "other"), SAME)
def test_both_paths_lead_to_one_object(one, other):
    assert load(one) is load(other)


@pytest.mark.parametrize(("kind", "alias"), ALIASES)
def test_the_alias_leads_to_its_class(kind, alias):
    from asyncz.schedulers import defaults
    from asyncz.schedulers.base import BaseScheduler

    reference = getattr(defaults, kind)[alias]
    assert BaseScheduler.resolve_load_plugin(reference) is load(ALIASES[kind, alias])


@pytest.mark.parametrize("kind", ["triggers", "executors", "stores"])
def test_every_alias_leads_to_something(kind):
    from asyncz.schedulers import defaults
    from asyncz.schedulers.base import BaseScheduler

    for alias, reference in getattr(defaults, kind).items():
        assert isinstance(BaseScheduler.resolve_load_plugin(reference), type), alias


@pytest.mark.parametrize("reference", ABSTRACT)
def test_the_type_is_abstract(reference):
    with pytest.raises(TypeError, match="abstract"):
        load(reference)()


@pytest.mark.parametrize(("name", "value"), CODES.items())
def test_the_code_has_its_value(name, value):
    assert load(f"asyncz.events:{name}") == load(f"asyncz.events.constants:{name}") == value


@pytest.mark.parametrize(("name", "members"), ENUMS.items())
def test_the_enum_has_its_members(name, members):
    found = load(f"asyncz.enums:{name}")
    assert {member.name: member.value for member in found} == members
    assert all(found[member] == value for member, value in members.items())


@pytest.mark.parametrize(("name", "base"), EXCEPTION_BASES.items())
def test_the_exception_can_be_caught_as_its_builtin_base(name, base):
    bases = base if isinstance(base, tuple) else (base,)
    assert all(issubclass(load(f"asyncz.exceptions:{name}"), each) for each in bases)


@pytest.mark.parametrize("name", OWN_EXCEPTIONS)
def test_the_exception_can_be_caught_as_one_of_ours(name):
    assert issubclass(load(f"asyncz.exceptions:{name}"), load("asyncz.exceptions:AsynczException"))


def test_undefined_is_false_and_says_what_it_is():
    undefined = load("asyncz.typing:undefined")
    assert not undefined
    assert repr(undefined) == "<undefined>"
    assert isinstance(undefined, load("asyncz.typing:Undefined"))


@pytest.mark.parametrize(
    "module",
    ["asyncz", *LAZY],
)
def test_an_unknown_name_is_refused_with_module_and_name(module):
    with pytest.raises(AttributeError, match=rf"'{module}'.*'no_such_name'"):
        import_module(module).no_such_name  # noqa: B018


@pytest.mark.process
@pytest.mark.parametrize(
    ("statement", "untouched"),
    [
        ("from asyncz.triggers import DateTrigger", ["asyncz.triggers.cron", "asyncz.triggers.interval"]),
        ("from asyncz.triggers import IntervalTrigger", ["asyncz.triggers.cron", "asyncz.tasks"]),
        ("from asyncz.events import TASK_ADDED", ["asyncz.schedulers", "asyncz.tasks", "asyncz.triggers"]),
        (
            "from asyncz.executors import DebugExecutor",
            ["asyncz.executors.pool", "asyncz.executors.process_pool"],
        ),
        (
            "from asyncz.executors import ThreadPoolExecutor",
            ["asyncz.executors.process_pool", "multiprocessing"],
        ),
        (
            "from asyncz.executors import AsyncIOExecutor",
            ["asyncz.executors.process_pool", "multiprocessing"],
        ),
        (
            "from asyncz.stores import MemoryStore",
            ["asyncz.schedulers", "asyncz.executors", "asyncz.serializers", "asyncio", "sqlite3"],
        ),
        (
            "from asyncz.stores import MongoDBStore, RedisStore, SQLiteStore",
            [
                "asyncz.schedulers",
                "asyncz.executors",
                "asyncz.serializers.pickle",
                "asyncio",
                "pymongo",
                "redis",
                "sqlite3",
            ],
        ),
        (
            "from asyncz.serializers import JSONSerializer",
            [
                "asyncz.schedulers",
                "asyncz.serializers.pickle",
                "asyncz.serializers.signing",
                "decimal",
                "hashlib",
                "hmac",
                "pathlib",
                "pickle",
                "uuid",
                "zoneinfo",
            ],
        ),
        ("from asyncz.serializers import Signer", ["asyncz.tasks", "json", "pickle"]),
        (
            "from asyncz.tasks import Task",
            ["asyncz.schedulers", "asyncz.stores", "asyncz.triggers.cron", "asyncio"],
        ),
        ("from asyncz.tasks import TaskInfo", ["asyncz.schedulers", "asyncz.stores", "asyncio"]),
        (
            "from asyncz import Asyncz",
            [
                "asyncz.testing",
                "asyncz.cli",
                "asyncz.triggers.cron",
                "asyncz.executors.process_pool",
                "loguru",
            ],
        ),
    ],
)
def test_a_lazy_name_loads_no_more_than_it_needs(run_python, statement, untouched):
    loaded = set(run_python(f"{statement}\nprint(*new_modules())").split())
    assert loaded & set(untouched) == set()


@pytest.mark.process
def test_looking_up_an_unknown_name_loads_nothing(run_python):
    code = """
    import asyncz.stores, asyncz.triggers
    before = new_modules()
    for package in (asyncz, asyncz.stores, asyncz.triggers):
        assert not hasattr(package, "no_such_name")
        dir(package)
    assert new_modules() == before, set(new_modules()) - set(before)
    """
    run_python(code)
