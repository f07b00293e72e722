"""The wrapper under real servers, around applications of real frameworks."""

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from asyncz.events import SCHEDULER_SHUTDOWN, SCHEDULER_STARTED, TASK_EXECUTED
from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler
from asyncz.stores.memory import MemoryStore

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parents[2]
#: Seconds; nothing here takes a tenth of it, unless it is broken.
LIMIT = 20


# -- applications: each is given a log for its own lifespan, and answers "hello" ---------------------------------------


def starlette_app(log):
    applications = pytest.importorskip("starlette.applications")
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def hello(request):
        assert request.state.pool == "open"
        return PlainTextResponse("hello")

    return applications.Starlette(routes=[Route("/", hello)], lifespan=_logged(log))


def fastapi_app(log):
    fastapi = pytest.importorskip("fastapi")
    from fastapi.responses import PlainTextResponse

    app = fastapi.FastAPI(lifespan=_logged(log))

    @app.get("/", response_class=PlainTextResponse)
    async def hello(request: fastapi.Request):
        assert request.state.pool == "open"
        return "hello"

    return app


def bare_app_with_lifespan(log):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            await answer(send)
            return
        while True:
            message = await receive()
            log.append(f"app {message['type'].partition('.')[2]}")
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    return app


def bare_app_without_lifespan(log):
    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise ValueError(f"Expected a scope of type 'http', got {scope['type']!r}.")
        await answer(send)

    return app


async def answer(send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


def _logged(log):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        log.append("app startup")
        yield {"pool": "open"}
        log.append("app shutdown")

    return lifespan


APPS = {
    "starlette": starlette_app,
    "fastapi": fastapi_app,
    "bare, with lifespan": bare_app_with_lifespan,
    "bare, without lifespan": bare_app_without_lifespan,
}


# -- servers: each serves on a socket that listens, until the block ends -----------------------------------------------


@contextlib.asynccontextmanager
async def uvicorn(app, listening):
    config = pytest.importorskip("uvicorn").Config(app, log_config=None, lifespan="on")
    server = sys.modules["uvicorn"].Server(config)

    async def serve():
        try:
            await server.serve(sockets=[listening])
        except SystemExit as exc:  # it would end the loop with everything left open
            raise RuntimeError("uvicorn gave up") from exc

    serving = asyncio.create_task(serve())
    try:
        yield serving
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, LIMIT)


@contextlib.asynccontextmanager
async def hypercorn(app, listening):
    serve = pytest.importorskip("hypercorn.asyncio").serve
    from hypercorn.config import Config

    config, leave = Config(), asyncio.Event()
    config.bind = [f"fd://{os.dup(listening.fileno())}"]
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=leave.wait))
    try:
        yield serving
    finally:
        leave.set()
        await asyncio.wait_for(serving, LIMIT)


@contextlib.asynccontextmanager
async def served(server, app):
    """Serve, and yield a function that fetches the front page."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        async with server(app, listening) as serving:
            yield lambda: _fetch(port, serving)


async def _fetch(port, serving):
    fetching = asyncio.create_task(_page(port))
    await asyncio.wait([fetching, serving], timeout=LIMIT, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        fetching.cancel()
        serving.result()
    return await asyncio.wait_for(fetching, LIMIT)


async def _page(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return (await reader.read()).decode()
    finally:
        writer.close()
        await writer.wait_closed()


both_servers = pytest.mark.parametrize("server", [uvicorn, hypercorn], ids=lambda server: server.__name__)
both_faces = pytest.mark.parametrize("face", [AsyncIOScheduler, NativeAsyncIOScheduler])


@pytest.mark.parametrize("app", APPS.values(), ids=APPS)
@both_faces
@both_servers
def test_a_task_runs_while_the_application_is_served_and_nothing_runs_afterwards(server, face, app):
    log, names = [], {SCHEDULER_STARTED: "started", SCHEDULER_SHUTDOWN: "stopped", TASK_EXECUTED: "ran"}
    scheduler = face(timezone="UTC")

    async def main():
        ran = asyncio.Event()
        scheduler.add_listener(lambda event: log.append(names[event.code]), sum(names))
        scheduler.add_listener(lambda event: ran.set(), TASK_EXECUTED)
        scheduler.add_task(lambda: None, "interval", seconds=0.005)
        async with served(server, scheduler.asgi(app(log))) as fetch:
            page = await fetch()
            assert page.startswith("HTTP/1.1 200")
            assert page.endswith("hello")
            ran.clear()
            await asyncio.wait_for(ran.wait(), LIMIT)
        assert not scheduler.running

    asyncio.run(main())
    story = [line for line in log if line != "ran"]
    assert "ran" in log
    if app is bare_app_without_lifespan:
        assert story == ["started", "stopped"]
    else:
        assert story == ["started", "app startup", "app shutdown", "stopped"]
    assert log[-1] == "stopped"


@both_faces
@both_servers
def test_an_application_that_is_spared_lifespan_is_served(server, face):
    scheduler, log = face(timezone="UTC"), []

    async def main():
        app = scheduler.asgi(handle_lifespan=True)(bare_app_with_lifespan(log))
        async with served(server, app) as fetch:
            assert (await fetch()).endswith("hello")
            assert scheduler.running
        assert not scheduler.running

    asyncio.run(main())
    assert log == []


@pytest.mark.realtime
@both_faces
@both_servers
def test_with_wait_the_server_stays_until_what_runs_has_ended(server, face):
    scheduler, ended = face(timezone="UTC"), []
    app = bare_app_with_lifespan([])

    async def main():
        begun, is_over = asyncio.Event(), asyncio.Event()

        async def work():
            begun.set()
            await is_over.wait()
            await asyncio.sleep(0.02)  # so the application has been down for a while
            ended.append(scheduler.running)

        async def application(scope, receive, send):
            async def hear():
                message = await receive()
                if message["type"] == "lifespan.shutdown":
                    is_over.set()
                return message

            await app(scope, hear, send)

        scheduler.add_task(work)
        async with served(server, scheduler.asgi(application, wait=True)) as fetch:
            assert (await fetch()).endswith("hello")
            await asyncio.wait_for(begun.wait(), LIMIT)
            assert not ended
        assert ended == [False]

    asyncio.run(main())


class NoStore(MemoryStore):
    def start(self, scheduler, alias):
        raise ConnectionError("no such store")


@both_faces
@both_servers
def test_a_scheduler_that_cannot_start_keeps_the_server_from_starting_and_is_named(server, face, caplog):
    scheduler, log = face(timezone="UTC", stores={"default": NoStore()}), []
    caplog.set_level(logging.ERROR)

    async def main():
        async with served(server, scheduler.asgi(bare_app_with_lifespan(log))) as fetch:
            await fetch()

    with pytest.raises(Exception, match=r"gave up|no such store") as caught:
        asyncio.run(main())
    assert "no such store" in caplog.text + str(caught.value)
    assert log == []
    assert not scheduler.running


@both_faces
def test_routes_can_be_added_to_a_wrapped_application(face):
    fastapi = pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    scheduler, ran = face(timezone="UTC"), []
    app = scheduler.asgi(fastapi.FastAPI())

    @app.get("/jobs")
    def jobs():
        return [task.id for task in scheduler.get_tasks()]

    @app.websocket("/echo")
    async def echo(websocket: fastapi.WebSocket):
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    app.dependency_overrides = {}
    scheduler.add_task(ran.append, "cron", month=1, args=["never now"], id="yearly")
    with TestClient(app) as client:
        assert scheduler.running
        assert client.get("/jobs").json() == ["yearly"]
        with client.websocket_connect("/echo") as websocket:
            websocket.send_text("hello")
            assert websocket.receive_text() == "hello"
    assert not scheduler.running


COMMANDS = {
    "uvicorn": ["uvicorn", "--app-dir", "examples", "--port", "0", "asgi_app:app"],
    "hypercorn": ["hypercorn", "--bind", "127.0.0.1:0", "examples/asgi_app:app"],
}


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.skipif(sys.platform == "win32", reason="a terminated process says no goodbye there")
def test_the_example_is_served_and_ends_when_the_server_is_terminated(name):
    pytest.importorskip(name)
    command = [sys.executable, "-u", "-m", *COMMANDS[name]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            port = next(found[1] for line in process.stderr if (found := re.search(r"http://127.0.0.1:(\d+)", line)))
            while _get(port)["last"] is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            rest = process.communicate(timeout=LIMIT)[1]
        finally:
            process.kill()
    assert "stopped." in rest
    assert "Traceback" not in rest


def _get(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=LIMIT) as page:
        return json.load(page)
