from __future__ import annotations

import asyncio
import builtins
import datetime
import functools
import inspect
import os.path
import sys
import types
from unittest.mock import AsyncMock, MagicMock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncz.exceptions import AsynczException, AsynczLookupError
from asyncz.refs import (
    check_callable_args,
    check_decorated_args,
    get_callable_name,
    is_awaitable_callable,
    make_async_function,
    make_function,
    maybe_ref,
    obj_to_ref,
    ref_to_obj,
)


def function():
    return "function"


def replaced():
    return "the original"


original_of_replaced = replaced


@functools.wraps(original_of_replaced)
def replaced():
    return "the wrapper"


taken_by_something_else = function.__class__(function.__code__, {}, "taken")
taken_by_something_else.__qualname__ = "function_with_another_meaning"
function_with_another_meaning = os.path.join


class Base:
    def method(self):
        return "method"

    @classmethod
    def class_method(cls):
        return cls

    @staticmethod
    def static_method():
        return "static"

    def __private(self):
        return "private"

    def private(self):
        return self.__private

    class Inner:
        @classmethod
        def class_method(cls):
            return cls


class Sub(Base):
    pass


class _Hidden:
    def __private(self):
        return "private"

    def private(self):
        return self.__private


class CallableObject:
    def __call__(self):
        return "called"


class TaskLike:
    def __init__(self, fn):
        self.fn = fn

    def __call__(self, fn):
        raise AssertionError("a reference to a task leads to its callable, not to the task")


def decorated():
    return "decorated"


plain_decorated = decorated
decorated = TaskLike(decorated)


# -- names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fn, name",
    [
        (function, "function"),
        (Base, "Base"),
        (Base.Inner, "Base.Inner"),
        (Base.method, "Base.method"),
        (Base().method, "Base.method"),
        (Sub().method, "Sub.method"),
        (Base.class_method, "Base.class_method"),
        (Sub.class_method, "Sub.class_method"),
        (Base.static_method, "Base.static_method"),
        (CallableObject(), "CallableObject"),
        (functools.partial(functools.partial(function), 1), "function"),
        (len, "len"),
        (datetime.datetime.now, "datetime.now"),
    ],
)
def test_a_callable_has_a_name_that_people_recognise(fn, name):
    assert get_callable_name(fn) == name


@pytest.mark.parametrize("thing", [None, 3, "text", "x" * 10_000, object()])
def test_what_cannot_be_called_has_no_name(thing):
    with pytest.raises(TypeError, match="callable") as caught:
        get_callable_name(thing)
    assert len(str(caught.value)) < 300


# -- references ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "obj, ref",
    [
        (function, f"{__name__}:function"),
        (Base, f"{__name__}:Base"),
        (Base.method, f"{__name__}:Base.method"),
        (Base.class_method, f"{__name__}:Base.class_method"),
        (Sub.class_method, f"{__name__}:Sub.class_method"),
        (Base.static_method, f"{__name__}:Base.static_method"),
        (Base.Inner.class_method, f"{__name__}:Base.Inner.class_method"),
        (replaced, f"{__name__}:replaced"),
        (plain_decorated, f"{__name__}:decorated"),
        (len, "builtins:len"),
        (str.upper, "builtins:str.upper"),
        (datetime.timedelta, "datetime:timedelta"),
        (datetime.datetime.now, "datetime:datetime.now"),
        (dict.fromkeys, "builtins:dict.fromkeys"),
    ],
)
def test_a_reference_leads_back_to_the_callable(obj, ref):
    assert obj_to_ref(obj) == ref
    assert ref_to_obj(ref) == obj


def test_a_class_method_reached_through_a_subclass_comes_back_bound_to_the_subclass():
    assert ref_to_obj(obj_to_ref(Sub.class_method))() is Sub


@pytest.mark.parametrize("bound", [Base().method, Sub().method, Base().private(), Sub().private(), _Hidden().private()])
def test_a_bound_method_is_referenced_as_a_function_of_the_class_of_its_object(bound):
    function_in_class = ref_to_obj(obj_to_ref(bound))
    assert function_in_class is bound.__func__
    assert obj_to_ref(bound).partition(":")[2].startswith(type(bound.__self__).__qualname__ + ".")


def nested():
    def inner():
        pass

    class Local:
        def method(self):
            pass

    return inner, Local, Local().method


@pytest.mark.parametrize(
    "obj, reason",
    [
        (lambda: None, "lambda"),
        (functools.partial(function), "partial"),
        *((inner, "nested") for inner in nested()),
        (CallableObject(), "object with __call__"),
        ([].append, "built-in method"),
        ((_ for _ in ()).send, "built-in method"),
        (make_function(function), "nested"),
        (make_async_function(function), "nested"),
        (types.MethodType(function, Base()), "does not exist"),
    ],
)
def test_what_no_reference_leads_to_is_refused_with_the_reason(obj, reason):
    with pytest.raises(ValueError, match=reason):
        obj_to_ref(obj)


def test_a_reference_to_a_name_that_stands_for_a_wrapper_of_the_callable_is_refused():
    with pytest.raises(ValueError, match="stands for something else"):
        obj_to_ref(original_of_replaced)


def test_a_reference_to_a_name_that_stands_for_another_object_is_refused():
    taken_by_something_else.__module__ = __name__
    with pytest.raises(ValueError, match="stands for something else"):
        obj_to_ref(taken_by_something_else)


def test_a_chain_of_wrappers_that_leads_to_itself_ends(monkeypatch):
    original, circular = function, types.FunctionType(function.__code__, globals())
    circular.__wrapped__ = circular
    monkeypatch.setitem(globals(), "function", circular)
    assert obj_to_ref(original) == f"{__name__}:function"


def define(source, module):
    """Run a module's source the way an import does: under the name by which references find it."""
    vars(module)["__name__"] = module.__name__
    exec(source, vars(module))


@pytest.fixture
def fresh_module(monkeypatch):
    module = types.ModuleType("module_of_the_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    module.refs = []
    module.decorator = lambda fn: module.refs.append(obj_to_ref(fn)) or fn
    return module


def test_a_decorator_gets_a_reference_to_a_function_that_has_yet_to_receive_its_name(fresh_module):
    source = "@decorator\ndef job(): pass\nclass Jobs:\n    @decorator\n    def job(self): pass\n"
    define(source, fresh_module)
    define(source, fresh_module)  # as on a reload: the names stand for the earlier versions
    assert fresh_module.refs == ["module_of_the_test:job", "module_of_the_test:Jobs.job"] * 2


def test_an_inherited_method_is_looked_for_in_the_module_of_the_subclass(fresh_module):
    fresh_module.Base = Base
    define("class Sub(Base): pass", fresh_module)
    assert obj_to_ref(fresh_module.Sub.class_method) == "module_of_the_test:Sub.class_method"
    assert obj_to_ref(fresh_module.Sub().method) == "module_of_the_test:Sub.method"


@pytest.mark.parametrize("thing", [None, 1, object()])
def test_a_reference_to_what_cannot_be_called_is_a_type_error(thing):
    with pytest.raises(TypeError):
        obj_to_ref(thing)


# -- resolving -------------------------------------------------------------------------------------------


def test_a_reference_to_a_task_leads_to_its_callable():
    assert ref_to_obj(f"{__name__}:decorated") is plain_decorated


def test_a_class_is_never_followed_to_an_attribute_of_that_name(monkeypatch):
    monkeypatch.setattr(Base, "fn", function, raising=False)
    assert ref_to_obj(f"{__name__}:Base") is Base


@pytest.mark.parametrize("value", [None, "text"])
def test_an_fn_attribute_that_cannot_be_called_is_not_followed(value, monkeypatch):
    monkeypatch.setattr(function, "fn", value, raising=False)
    assert ref_to_obj(f"{__name__}:function") is function


@pytest.mark.parametrize("ref", [None, 1, b"os:getpid", function])
def test_a_reference_that_is_not_text_is_a_type_error(ref):
    with pytest.raises(TypeError, match="as text"):
        ref_to_obj(ref)


def test_a_reference_without_a_colon_is_named_in_the_error():
    with pytest.raises(AsynczException, match=r"'os\.getpid'.*colon"):
        ref_to_obj("os.getpid")


@pytest.mark.parametrize(
    "ref",
    ["no_such_module_here:x", "os:no_such_name", "os:path.no_such_name", "os:", ":getpid", ":", ".os:getpid",
     "os..path:join", "os:path..join", "os:getpid:x", "a\0b:c", "\ud800:x", "os:\ud800"],
)  # fmt: skip
def test_a_reference_that_leads_nowhere_is_a_lookup_error(ref):
    with pytest.raises(AsynczLookupError) as caught:
        ref_to_obj(ref)
    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize("statement", ["raise RuntimeError('at import')", "def broken(", "import no_such_module"])
def test_whatever_a_module_raises_while_it_is_imported_is_the_cause_of_a_lookup_error(statement, tmp_path, monkeypatch):
    (tmp_path / "module_that_fails.py").write_text(statement)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AsynczLookupError, match="module_that_fails") as caught:
        ref_to_obj("module_that_fails:x")
    assert isinstance(caught.value.__cause__, (RuntimeError, SyntaxError, ImportError))


def test_whatever_an_attribute_raises_is_the_cause_of_a_lookup_error(fresh_module):
    define("def __getattr__(name): raise RuntimeError(name)", fresh_module)
    with pytest.raises(AsynczLookupError) as caught:
        ref_to_obj("module_of_the_test:anything")
    assert isinstance(caught.value.__cause__, RuntimeError)


HOSTILE = [piece * (10_000 // len(piece)) for piece in ("a", "a.", "os.", "a:", ":", "\0", "é", "../", "os:path.os.")]


@given(st.text() | st.builds("{}:{}".format, st.text(), st.text()))
def test_hostile_text_gives_documented_errors_only(text):
    with pytest.raises((AsynczException, AsynczLookupError)):
        ref_to_obj(text)


@pytest.mark.parametrize("text", [*HOSTILE, *(f"{part}:x" for part in HOSTILE), *(f"os:{part}" for part in HOSTILE)])
def test_long_hostile_text_gives_a_short_documented_error(text):
    with pytest.raises((AsynczException, AsynczLookupError)) as caught:
        ref_to_obj(text)
    assert len(str(caught.value)) < 600


def test_a_module_nested_absurdly_deep_is_not_handed_to_the_import_system():
    with pytest.raises(AsynczLookupError) as caught:
        ref_to_obj("os." * 5000 + "path:join")
    assert caught.value.__cause__ is None


def test_a_textual_reference_is_resolved_and_anything_else_is_kept():
    assert maybe_ref("os.path:join") is os.path.join
    assert maybe_ref(function) is function
    assert maybe_ref(None) is None
    with pytest.raises(AsynczException):
        maybe_ref("")


# -- generators as tasks ---------------------------------------------------------------------------------


def test_a_generator_is_ticked_by_a_plain_function_until_it_stops():
    seen = []

    def lifecycle():
        while not (yield):
            seen.append("tick")
        seen.append("stop")

    generator = lifecycle()
    next(generator)
    tick = make_function(generator.send)
    assert inspect.isfunction(tick)
    assert not is_awaitable_callable(tick)
    check_callable_args(tick, (False,), {})
    tick(False)
    with pytest.raises(StopIteration):
        tick(True)
    assert seen == ["tick", "stop"]


def test_an_async_generator_is_ticked_by_a_coroutine_function_until_it_stops():
    seen = []

    async def lifecycle():
        while not (yield):
            seen.append("tick")
        seen.append("stop")

    async def main():
        generator = lifecycle()
        tick = make_async_function(generator.asend)
        assert inspect.iscoroutinefunction(tick)
        assert is_awaitable_callable(tick)
        await tick(None)
        await tick(False)
        with pytest.raises(StopAsyncIteration):
            await tick(True)

    asyncio.run(main())
    assert seen == ["tick", "stop"]


def test_a_made_function_passes_arguments_and_result_and_carries_the_name():
    tick = make_function(sorted)
    assert tick([2, 1], reverse=True) == [2, 1]
    assert tick.__name__ == "sorted"
    assert get_callable_name(tick).endswith("sorted")


# -- awaitable or not ------------------------------------------------------------------------------------


class Awaited:
    async def __call__(self):
        pass

    async def method(self):
        pass

    @classmethod
    async def class_method(cls):
        pass

    @staticmethod
    async def static_method():
        pass


class AwaitedThroughPartial:
    __call__ = functools.partial(Awaited.static_method)


class SubOfAwaited(Awaited):
    pass


async def coroutine_function():
    pass


async def async_generator():
    yield


def generator():
    yield


def marked():
    return coroutine_function()


@types.coroutine
def generator_coroutine():
    yield


marked._is_coroutine = asyncio.coroutines._is_coroutine


@pytest.mark.parametrize(
    "fn",
    [
        coroutine_function,
        generator_coroutine,
        marked,
        functools.partial(coroutine_function),
        functools.partial(functools.partial(Awaited()), 1),
        Awaited(),
        SubOfAwaited(),
        AwaitedThroughPartial(),
        Awaited().method,
        Awaited.class_method,
        Awaited.static_method,
        Awaited().__call__,
        functools.partial(Awaited().method, 1),
        types.MethodType(coroutine_function, 1),
        AsyncMock(),
    ],
)
def test_what_gives_something_to_await_is_recognised(fn):
    assert is_awaitable_callable(fn) is True


@pytest.mark.parametrize(
    "fn",
    [
        function,
        generator,
        async_generator,
        Awaited,
        CallableObject(),
        Base().method,
        Base.class_method,
        functools.partial(function),
        len,
        [].append,
        MagicMock(),
        print,
        type,
        None,
    ],
)
def test_what_gives_a_plain_value_is_recognised(fn):
    assert is_awaitable_callable(fn) is False


@pytest.mark.skipif(not hasattr(inspect, "markcoroutinefunction"), reason="new in Python 3.12")
def test_a_function_marked_through_inspect_is_awaitable():
    def run():
        return coroutine_function()

    inspect.markcoroutinefunction(run)
    assert is_awaitable_callable(run)
    assert is_awaitable_callable(functools.partial(run))


@pytest.mark.process
def test_ordinary_callables_are_checked_without_importing_inspect_or_asyncio(run_python):
    printed = run_python("""
        import asyncz.refs as refs

        def function(a, b=1): pass
        async def coroutine(): pass

        refs.check_callable_args(function, (1,), {})
        assert refs.is_awaitable_callable(coroutine)
        assert refs.obj_to_ref(function) == "__main__:function"
        print([name for name in ("inspect", "asyncio") if name in new_modules()])
    """)
    assert printed == "[]"


# -- arguments -------------------------------------------------------------------------------------------


def two(a, b):
    pass


def with_default(a, b=2):
    pass


def with_keyword_only(a, *, b, c=3):
    pass


def positional_only(a, /, b):
    pass


def positional_only_and_any(a, /, **kwargs):
    pass


def anything(*args, **kwargs):
    pass


def any_positional(a, *args):
    pass


@functools.wraps(two)
def wrapper(x):
    pass


@functools.wraps(two)
def transparent_wrapper(*args, **kwargs):
    pass


@pytest.mark.parametrize(
    "fn, args, kwargs",
    [
        (function, (), {}),
        (two, (1, 2), {}),
        (two, (1,), {"b": 2}),
        (two, (), {"b": 2, "a": 1}),
        (with_default, (1,), {}),
        (with_default, (1, 2), {}),
        (with_keyword_only, (1,), {"b": 2}),
        (positional_only, (1,), {"b": 2}),
        (positional_only_and_any, (1,), {"a": 2}),
        (anything, range(5), {"x": 1}),
        (any_positional, (1, 2, 3), {}),
        (wrapper, (1,), {}),
        (transparent_wrapper, (), {}),
        (Base().method, (), {}),
        (Base.method, (Base(),), {}),
        (Base.class_method, (), {}),
        (CallableObject(), (), {}),
        (CallableObject, (), {}),
        (functools.partial(two, 1), (2,), {}),
        (functools.partial(two, b=1), (2,), {}),
        (functools.lru_cache(two), (1, 2), {}),
        (MagicMock(), (1, 2), {"x": 1}),
        (dict, (1, 2, 3), {}),
        (getattr, (1,), {}),
    ],
)
def test_a_call_that_fits_passes(fn, args, kwargs):
    check_callable_args(fn, args, kwargs)


@pytest.mark.parametrize(
    "fn, args, kwargs, fault",
    [
        (two, (), {}, "missing: a, b"),
        (two, (1,), {}, "missing: b"),
        (two, (1, 2, 3), {}, "too many positional arguments (3 given, 2 accepted)"),
        (two, (1, 2), {"a": 1}, "given by position and by keyword: a"),
        (two, (1, 2), {"x": 1, "y": 2}, "not accepted: x, y"),
        (two, (1,), {"x": 1}, "missing: b; not accepted: x"),
        (with_default, (), {}, "missing: a"),
        (with_keyword_only, (1,), {}, "missing: b"),
        (with_keyword_only, (1, 2), {"b": 1}, "too many positional arguments (2 given, 1 accepted)"),
        (positional_only, (), {"a": 1, "b": 2}, "positional-only, but given by keyword: a"),
        (positional_only, (1, 2), {"a": 1}, "arguments: positional-only, but given by keyword: a"),
        (positional_only_and_any, (), {"a": 1}, "missing: a"),
        (any_positional, (), {}, "missing: a"),
        (any_positional, (1,), {"args": 1}, "not accepted: args"),
        (wrapper, (1, 2), {}, "too many positional arguments (2 given, 1 accepted)"),
        (Base().method, (1,), {}, "too many positional arguments (1 given, 0 accepted)"),
        (Base.method, (), {}, "missing: self"),
        (functools.partial(two, 1), (), {}, "missing: b"),
        (functools.partial(wrapper), (), {}, "missing: x"),
        (CallableObject(), (1,), {}, "too many positional arguments (1 given, 0 accepted)"),
    ],
)
def test_a_call_that_does_not_fit_is_refused_and_the_parameters_at_fault_are_named(fn, args, kwargs, fault):
    with pytest.raises(ValueError, match="cannot be called") as caught:
        check_callable_args(fn, args, kwargs)
    assert str(caught.value).endswith(f"{fault}.")
    assert get_callable_name(fn) in str(caught.value)


def test_a_positional_only_parameter_given_by_keyword_is_not_called_missing_too():
    with pytest.raises(ValueError, match="by keyword") as caught:
        check_callable_args(positional_only, (), {"a": 1})
    assert "missing: b;" in str(caught.value)


names = st.sampled_from("abcd")
callables = st.sampled_from(
    [function, two, with_default, with_keyword_only, positional_only, positional_only_and_any, anything,
     any_positional, functools.partial(two, 1), functools.partial(two, b=1), Base().method, CallableObject()]
)  # fmt: skip


@given(callables, st.lists(st.none(), max_size=4), st.dictionaries(names, st.none()))
@example(positional_only_and_any, [], {"a": None})
def test_a_call_is_refused_exactly_when_python_would_refuse_it(fn, args, kwargs):
    try:
        fn(*args, **kwargs)
    except TypeError:
        with pytest.raises(ValueError, match="cannot be called"):
            check_callable_args(fn, args, kwargs)
    else:
        check_callable_args(fn, args, kwargs)


def test_a_callable_that_tells_no_signature_passes():
    assert "signature" not in (builtins.type.__doc__ or "")
    with pytest.raises(ValueError, match="signature"):
        inspect.signature(type)
    check_callable_args(type, (1, 2, 3, 4, 5), {"x": 1})


def test_what_cannot_be_called_is_a_type_error():
    with pytest.raises(TypeError):
        check_callable_args("text", (), {})


class JobsOf:
    def method(self, value=None):
        pass

    def needs_more(self, value):
        pass

    @staticmethod
    def static():
        pass


def test_a_decorator_in_a_class_body_leaves_the_first_parameter_open():
    check_decorated_args(JobsOf.method, (), {})
    check_decorated_args(JobsOf.method, (), {"value": 1})
    check_decorated_args(JobsOf.static, (), {})
    with pytest.raises(ValueError, match="missing: value"):
        check_decorated_args(JobsOf.needs_more, (), {})


def test_a_decorator_outside_of_a_class_leaves_no_parameter_open():
    def nested(a):
        pass

    for fn in (with_default, nested, Base().method):
        with pytest.raises(ValueError, match="cannot be called"):
            check_decorated_args(fn, (), {"unknown": 1})
    with pytest.raises(ValueError, match="missing: a"):
        check_decorated_args(nested, (), {})


def test_checking_a_plain_function_does_not_go_through_its_signature(monkeypatch):
    monkeypatch.setattr(inspect, "signature", lambda *args, **kwargs: pytest.fail("the slow way was taken"))
    for fn, args in [(function, ()), (two, (1, 2)), (with_default, (1,)), (any_positional, (1, 2, 3)),
                     (Base().method, ()), (Base.class_method, ()), (coroutine_function, ())]:  # fmt: skip
        check_callable_args(fn, args, {})
