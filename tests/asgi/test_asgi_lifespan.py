"""The lifespan protocol, spoken by hand: https://asgi.readthedocs.io/en/latest/specs/lifespan.html"""

from __future__ import annotations

import asyncio
import logging
import threading
from types import SimpleNamespace

import pytest

from asyncz.asgi import LifespanWrapper, wrap
from asyncz.events import SCHEDULER_SHUTDOWN, SCHEDULER_STARTED
from asyncz.exceptions import SchedulerNotRunningError
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler
from asyncz.stores.memory import MemoryStore
from asyncz.testing import run, virtual_time

SCHEDULERS = [AsyncIOScheduler, NativeAsyncIOScheduler]
STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
STARTED, STOPPED = {"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}


class Service:
    """Writes down what is done with it in the common log."""

    def __init__(self, log, name="scheduler", start_error=None, stop_error=None):
        self.logger = logging.getLogger("asgi-test")
        self._log, self._name = log, name
        self._start_error, self._stop_error = start_error, stop_error

    async def start(self):
        self._log.append(f"{self._name} started")
        if self._start_error is not None:
            raise self._start_error

    async def stop(self, wait):
        await asyncio.sleep(0)
        self._log.append(f"{self._name} stopped, wait={wait}")
        if self._stop_error is not None:
            raise self._stop_error


class Server:
    """Speaks the server's part: startup, and, when the application is up, shutdown."""

    def __init__(self, log=None):
        self.log, self.sent = [] if log is None else log, []
        self._messages, self._answered = asyncio.Queue(), asyncio.Event()

    async def send(self, message):
        self.sent.append(message)
        self.log.append(f"sent {message['type']}")
        self._answered.set()

    async def start(self, app, **scope):
        """Start the application; return when it has answered, or ended."""
        self.connect(app, **scope)
        self._messages.put_nowait(STARTUP)
        await asyncio.wait_for(self._answered.wait(), 60)

    def connect(self, app, **scope):
        self.task = asyncio.create_task(app({"type": "lifespan", **scope}, self._messages.get, self.send))
        self.task.add_done_callback(lambda task: self._answered.set())

    async def stop(self):
        """Stop the application; return when it has ended, or raise what it raised."""
        self._messages.put_nowait(SHUTDOWN)
        await asyncio.wait_for(self.task, 60)


class App:
    """An application that answers as the specification's example does, except for what the test changes."""

    def __init__(self, log, on_call=None, on_startup=None, on_shutdown=None):
        self.log, self.scopes = log, []
        self._steps = {"call": on_call, "startup": on_startup, "shutdown": on_shutdown}

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        await self._step("call")
        for stage in ("startup", "shutdown"):
            message = await receive()
            assert message["type"] == f"lifespan.{stage}"
            self.log.append(f"app {stage}")
            answer = await self._step(stage)
            if answer == "return":
                return
            await send({"type": f"lifespan.{stage}.complete"} if answer is None else answer)

    async def _step(self, stage):
        step = self._steps[stage]
        if isinstance(step, BaseException):
            raise step
        return step


def speak(wrapper, server, **scope):
    """Go through one lifespan of the wrapped application."""

    async def main(clock):
        await server.start(wrapper, **scope)
        await server.stop()

    run(main)


def lifespan(app, log, handle_lifespan=False, wait=False, **errors):
    """Return what was sent by an application around one service, through one lifespan."""
    server = Server(log)
    speak(wrap(Service(log, **errors), app, handle_lifespan, wait), server)
    return server.sent


# -- the order of things ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wait", [False, True])
def test_the_application_starts_after_the_scheduler_and_stops_before_it(wait):
    log = []
    assert lifespan(App(log), log, wait=wait) == [STARTED, STOPPED]
    assert log == [
        "scheduler started",
        "app startup",
        "sent lifespan.startup.complete",
        "app shutdown",
        f"scheduler stopped, wait={wait}",
        "sent lifespan.shutdown.complete",
    ]


@pytest.mark.parametrize("wait", [False, True])
def test_an_application_that_does_not_handle_lifespan_never_sees_it(wait):
    log = []
    app = App(log)
    assert lifespan(app, log, handle_lifespan=True, wait=wait) == [STARTED, STOPPED]
    assert app.scopes == []
    assert log == [
        "scheduler started",
        "sent lifespan.startup.complete",
        f"scheduler stopped, wait={wait}",
        "sent lifespan.shutdown.complete",
    ]


def test_nested_wrappers_start_from_the_outside_and_stop_from_the_inside():
    log = []
    inner = wrap(Service(log, "inner"), App(log), False, False)
    server = Server(log)
    speak(wrap(Service(log, "outer"), inner, False, True), server)
    assert log == [
        "outer started",
        "inner started",
        "app startup",
        "sent lifespan.startup.complete",
        "app shutdown",
        "inner stopped, wait=False",
        "outer stopped, wait=True",
        "sent lifespan.shutdown.complete",
    ]


def test_when_the_inner_scheduler_does_not_start_the_outer_one_is_stopped():
    log = []
    inner = wrap(Service(log, "inner", start_error=ValueError("no")), App(log), False, False)
    server = Server(log)
    speak(wrap(Service(log, "outer"), inner, False, False), server)
    assert log == ["outer started", "inner started", "outer stopped, wait=False", "sent lifespan.startup.failed"]


# -- applications without lifespan support ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(lambda log: App(log, on_call=ValueError("Unknown scope")), id="raises on the scope"),
        pytest.param(lambda log: App(log, on_startup=ValueError("Unknown message")), id="raises on startup"),
        pytest.param(lambda log: App(log, on_startup="return"), id="returns on startup"),
    ],
)
def test_for_an_application_that_declines_the_messages_are_answered(app):
    log = []
    assert lifespan(app(log), log) == [STARTED, STOPPED]
    assert [line for line in log if not line.startswith("app")] == [
        "scheduler started",
        "sent lifespan.startup.complete",
        "scheduler stopped, wait=False",
        "sent lifespan.shutdown.complete",
    ]


def test_an_application_that_ignores_the_scope_is_one_that_declines():
    async def app(scope, receive, send):
        return None

    assert lifespan(app, []) == [STARTED, STOPPED]


def test_what_an_application_raised_to_decline_can_be_found_in_the_log(caplog):
    caplog.set_level("INFO")
    lifespan(App([], on_call=ValueError("Unknown scope 'lifespan'")), [])
    assert "Unknown scope 'lifespan'" in caplog.text


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(lambda log: App(log, on_shutdown="return"), id="returns at shutdown"),
        pytest.param(lambda log: _only_startup, id="returns once it is up"),
    ],
)
def test_shutdown_is_answered_for_an_application_that_does_not(app):
    log = []
    assert lifespan(app(log), log) == [STARTED, STOPPED]
    assert log[-2:] == ["scheduler stopped, wait=False", "sent lifespan.shutdown.complete"]


async def _only_startup(scope, receive, send):
    assert await receive() == STARTUP
    await send(STARTED)


# -- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("handle_lifespan", [False, True])
def test_when_the_scheduler_does_not_start_the_application_is_not_called_and_the_message_says_why(handle_lifespan):
    log = []
    app = App(log)
    sent = lifespan(app, log, handle_lifespan, start_error=ValueError("no such database"))
    assert log == ["scheduler started", "sent lifespan.startup.failed"]
    assert app.scopes == []
    assert set(sent[0]) == {"type", "message"}
    assert sent[0]["message"].startswith("The scheduler could not be started.")
    assert sent[0]["message"].endswith("ValueError: no such database")


@pytest.mark.parametrize("handle_lifespan", [False, True])
def test_when_the_scheduler_does_not_stop_the_message_says_why(handle_lifespan):
    log = []
    sent = lifespan(App(log), log, handle_lifespan, stop_error=TimeoutError("5 s are over"))
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert sent[1]["message"].startswith("The scheduler could not be stopped.")
    assert sent[1]["message"].endswith("TimeoutError: 5 s are over")


@pytest.mark.parametrize("handle_lifespan", [False, True])
def test_a_scheduler_that_was_stopped_meanwhile_is_no_failure(handle_lifespan):
    log = []
    assert lifespan(App(log), log, handle_lifespan, stop_error=SchedulerNotRunningError()) == [STARTED, STOPPED]


def test_the_scheduler_is_stopped_before_the_server_learns_that_the_application_did_not_start():
    log = []
    failed = {"type": "lifespan.startup.failed", "message": "no cache"}

    async def app(scope, receive, send):
        assert await receive() == STARTUP
        await send(failed)

    assert lifespan(app, log) == [failed]
    assert log == ["scheduler started", "scheduler stopped, wait=False", "sent lifespan.startup.failed"]


def test_what_an_application_raises_after_it_said_that_it_failed_is_raised():
    log = []

    async def app(scope, receive, send):
        await send({"type": "lifespan.startup.failed", "message": "no cache"})
        raise OSError("no cache")

    with pytest.raises(OSError, match="no cache"):
        lifespan(app, log)
    assert log == ["scheduler started", "scheduler stopped, wait=False", "sent lifespan.startup.failed"]


def test_the_scheduler_is_stopped_when_the_application_did_not_stop_properly():
    log = []
    failed = {"type": "lifespan.shutdown.failed", "message": "no cache"}
    assert lifespan(App(log, on_shutdown=failed), log) == [STARTED, failed]
    assert log[-2:] == ["scheduler stopped, wait=False", "sent lifespan.shutdown.failed"]


def test_the_failure_of_the_application_goes_before_that_of_the_scheduler(caplog):
    failed = {"type": "lifespan.shutdown.failed", "message": "no cache"}
    sent = lifespan(App([], on_shutdown=failed), [], stop_error=ValueError("stuck"))
    assert sent == [STARTED, failed]
    assert "ValueError: stuck" in caplog.text


def test_an_application_that_raises_at_shutdown_has_its_error_raised_and_the_scheduler_stopped():
    log = []
    with pytest.raises(OSError, match="gone"):
        lifespan(App(log, on_shutdown=OSError("gone")), log, wait=True)
    assert log[-2:] == ["app shutdown", "scheduler stopped, wait=True"]


def test_an_application_that_breaks_down_while_it_is_up_takes_the_scheduler_along():
    log = []

    async def app(scope, receive, send):
        await receive()
        await send(STARTED)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        lifespan(app, log)
    assert log == ["scheduler started", "sent lifespan.startup.complete", "scheduler stopped, wait=False"]


def test_a_server_that_raises_on_an_answer_hears_its_own_exception():
    log = []

    class Strict(Server):
        async def send(self, message):
            raise LookupError("not now")

    with pytest.raises(LookupError, match="not now"):
        speak(wrap(Service(log), App(log), False, False), Strict(log))
    assert log == ["scheduler started", "app startup", "scheduler stopped, wait=False"]


@pytest.mark.parametrize("handle_lifespan", [False, True])
def test_a_lifespan_that_is_cancelled_stops_the_scheduler_without_waiting(handle_lifespan):
    log = []

    async def main(clock):
        server = Server(log)
        await server.start(wrap(Service(log), App(log), handle_lifespan, wait=True))
        assert server.sent == [STARTED]
        server.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await server.task

    run(main)
    assert log[-1] == "scheduler stopped, wait=False"


def test_a_server_that_goes_away_before_startup_starts_nothing():
    log = []

    async def main(clock):
        server = Server(log)
        server.connect(wrap(Service(log), App(log), False, False))
        await clock.settle()
        server.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await server.task

    run(main)
    assert log == []


# -- what the wrapper leaves alone ------------------------------------------------------------------------------------


@pytest.mark.parametrize("handle_lifespan", [False, True])
@pytest.mark.parametrize("kind", ["http", "websocket", "of the future"])
def test_other_scopes_reach_the_application_as_they_are(handle_lifespan, kind):
    seen, log = [], []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))

    scope, receive, send = {"type": kind}, object(), object()
    wrapper = wrap(Service(log), app, handle_lifespan, False)
    run(lambda clock: wrapper(scope, receive, send))
    assert [tuple(map(id, args)) for args in seen] == [(id(scope), id(receive), id(send))]
    assert log == []


def test_the_application_gets_the_scope_itself_so_that_its_state_is_kept():
    app, state = App([]), {}
    speak(wrap(Service([]), app, False, False), Server(), state=state)
    assert app.scopes == [{"type": "lifespan", "state": {}}]
    assert app.scopes[0]["state"] is state


def test_attributes_are_those_of_the_application():
    inner = SimpleNamespace(title="first")
    wrapper = wrap(Service([]), inner, False, False)
    assert wrapper.app is inner
    assert wrapper.title == "first"
    wrapper.title = "second"
    assert inner.title == "second"
    with pytest.raises(AttributeError, match="no attribute 'missing'"):
        wrapper.missing  # noqa: B018


def test_a_wrapper_without_an_application_yet_says_so_instead_of_recursing():
    with pytest.raises(AttributeError, match="app"):
        LifespanWrapper.__new__(LifespanWrapper).title  # noqa: B018


# -- with schedulers --------------------------------------------------------------------------------------------------


async def bare(scope, receive, send):
    raise ValueError(f"Expected an http scope, got {scope['type']!r}.")


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("face", SCHEDULERS)
def test_tasks_run_while_the_application_is_up_and_not_afterwards(face, isolated):
    scheduler, server, events = face(timezone="UTC", isolated_event_loop=isolated), Server(), []
    scheduler.add_listener(lambda event: events.append(event.code))

    async def main():
        loop, ran = asyncio.get_running_loop(), asyncio.Event()
        scheduler.add_task(lambda: loop.call_soon_threadsafe(ran.set), "interval", seconds=0.005)
        await server.start(scheduler.asgi(bare))
        assert scheduler.running
        await asyncio.wait_for(ran.wait(), 10)
        await server.stop()
        assert not scheduler.running

    asyncio.run(main())
    assert server.sent == [STARTED, STOPPED]
    assert SCHEDULER_STARTED in events
    assert events[-1] == SCHEDULER_SHUTDOWN


@pytest.mark.parametrize("face", SCHEDULERS)
@virtual_time
async def test_with_wait_the_server_is_answered_when_what_ran_has_ended(clock, face):
    scheduler, server, ended = face(timezone="UTC"), Server(), []

    async def work():
        await asyncio.sleep(30)
        ended.append(clock.now())

    scheduler.add_task(work)
    await server.start(scheduler.asgi(bare, wait=True))
    await clock.settle()
    assert not ended
    await server.stop()
    assert len(ended) == 1
    assert clock.monotonic() == 30


@pytest.mark.parametrize("face", SCHEDULERS)
@virtual_time
async def test_without_wait_what_runs_is_cancelled_and_reported(clock, face):
    scheduler, server, cancelled, codes = face(timezone="UTC"), Server(), [], []
    scheduler.add_listener(lambda event: codes.append(event.code))

    async def work():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.append(clock.monotonic())
            raise

    scheduler.add_task(work)
    await server.start(scheduler.asgi(bare))
    await clock.settle()
    await server.stop()
    assert cancelled == [0]
    assert codes[-1] == SCHEDULER_SHUTDOWN


@pytest.mark.parametrize("face", SCHEDULERS)
@virtual_time
async def test_coroutines_among_the_shutdown_tasks_have_ended_when_the_server_is_answered(clock, face):
    scheduler, server, order = face(timezone="UTC"), Server(), []

    async def goodbye():
        await asyncio.sleep(1)
        order.append(("goodbye", list(server.sent)))

    scheduler.add_task(goodbye, "shutdown")
    await server.start(scheduler.asgi(bare))
    await server.stop()
    assert order == [("goodbye", [STARTED])]
    assert server.sent == [STARTED, STOPPED]


@pytest.mark.parametrize("face", SCHEDULERS)
@virtual_time
async def test_one_scheduler_around_two_applications_stops_with_the_second(clock, face):
    scheduler, first, second = face(timezone="UTC"), Server(), Server()
    await first.start(scheduler.asgi(bare))
    await second.start(scheduler.asgi(bare))
    assert scheduler.ref_counter == 2
    await first.stop()
    assert scheduler.running
    await second.stop()
    assert not scheduler.running


@pytest.mark.parametrize("face", SCHEDULERS)
@virtual_time
async def test_one_scheduler_that_wraps_an_application_twice_is_stopped_once(clock, face):
    scheduler, server, codes = face(timezone="UTC"), Server(), []
    scheduler.add_listener(lambda event: codes.append(event.code), SCHEDULER_STARTED | SCHEDULER_SHUTDOWN)
    await server.start(scheduler.asgi(scheduler.asgi(bare)))
    await server.stop()
    assert codes == [SCHEDULER_STARTED, SCHEDULER_SHUTDOWN]
    assert server.sent == [STARTED, STOPPED]


@pytest.mark.parametrize("face", SCHEDULERS)
@virtual_time
async def test_an_application_can_be_served_again(clock, face):
    scheduler, ran = face(timezone="UTC"), []
    app = scheduler.asgi(bare)
    for _ in range(2):
        server = Server()
        scheduler.add_task(lambda: ran.append(clock.monotonic()), "interval", seconds=10)
        await server.start(app)
        await clock.sleep(15)
        await server.stop()
        assert server.sent == [STARTED, STOPPED]
        assert not scheduler.running
    assert ran == [10, 25]


class NoStore(MemoryStore):
    def start(self, scheduler, alias):
        raise ConnectionError("no such store")


@pytest.mark.parametrize("face", SCHEDULERS)
@virtual_time
async def test_a_store_that_cannot_be_started_fails_the_startup_and_leaves_the_scheduler_stopped(clock, face):
    scheduler, server, app = face(timezone="UTC", stores={"default": NoStore()}), Server(), App([])
    await server.start(scheduler.asgi(app))
    assert [message["type"] for message in server.sent] == ["lifespan.startup.failed"]
    assert server.sent[0]["message"].endswith("ConnectionError: no such store")
    assert app.scopes == []
    assert not scheduler.running


@pytest.mark.parametrize("face", SCHEDULERS)
@virtual_time
async def test_runs_that_take_longer_than_the_timeout_fail_the_shutdown(clock, face):
    scheduler, server = face(timezone="UTC", timeout=5), Server()
    scheduler.add_task(asyncio.sleep, args=[60])
    await server.start(scheduler.asgi(bare, wait=True))
    await clock.settle()
    await server.stop()
    assert [message["type"] for message in server.sent] == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert "TimeoutError" in server.sent[1]["message"]
    assert clock.monotonic() == 5
    assert not scheduler.running


@pytest.mark.parametrize("face", SCHEDULERS)
@virtual_time
async def test_an_application_may_stop_the_scheduler_itself(clock, face):
    scheduler, server = face(timezone="UTC"), Server()
    await server.start(scheduler.asgi(bare))
    stopping = scheduler.shutdown()
    if face is NativeAsyncIOScheduler:
        await stopping
    await server.stop()
    assert server.sent == [STARTED, STOPPED]


@pytest.mark.parametrize("face", SCHEDULERS)
@pytest.mark.parametrize("handle_lifespan", [False, True])
@virtual_time
async def test_without_an_application_a_decorator_is_returned(clock, face, handle_lifespan):
    scheduler, server, seen = face(timezone="UTC"), Server(), []

    @scheduler.asgi(handle_lifespan=handle_lifespan)
    async def app(scope, receive, send):
        seen.append(scope["type"])
        raise ValueError(scope["type"])

    await server.start(app)
    assert scheduler.running
    with pytest.raises(ValueError, match="http"):
        await app({"type": "http"}, None, None)
    await server.stop()
    assert seen == (["http"] if handle_lifespan else ["lifespan", "http"])
    assert server.sent == [STARTED, STOPPED]
    assert app.__name__ == "app"


@pytest.mark.parametrize("face", SCHEDULERS)
@virtual_time
async def test_verbs_that_a_subclass_overrides_are_the_ones_that_are_called(clock, face):
    calls = []

    class Chatty(face):
        def start(self, paused=False):
            calls.append("start")
            return super().start(paused)

        def shutdown(self, wait=True):
            calls.append(f"shutdown, wait={wait}")
            return super().shutdown(wait)

    server = Server()
    await server.start(Chatty(timezone="UTC").asgi(bare, wait=True))
    await server.stop()
    assert calls == ["start", "shutdown, wait=True"]


def test_a_scheduler_without_a_loop_is_stopped_without_blocking_that_of_the_server():
    async def main():
        loop, reached = asyncio.get_running_loop(), threading.Event()

        class Embedded(BaseScheduler):
            def shutdown(self, wait=True):
                loop.call_soon_threadsafe(reached.set)
                assert reached.wait(10), "the loop stands still"
                return super().shutdown(wait)

        scheduler, server = Embedded(timezone="UTC"), Server()
        await server.start(scheduler.asgi(bare))
        assert scheduler.running
        await server.stop()
        assert server.sent == [STARTED, STOPPED]
        assert not scheduler.running

    asyncio.run(main())
