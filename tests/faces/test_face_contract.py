"""The contract of faces, over every one that there is, everywhere it can be used."""

from __future__ import annotations

import asyncio
import threading

import pytest
from contracts.face import PATIENCE, Face, FaceContract, FaceOnLoop, LoopHere

from asyncz.schedulers import AsyncIOScheduler, NativeAsyncIOScheduler
from asyncz.schedulers.base import BaseScheduler


class TestBaseInAThread(FaceContract):
    """As in the documentation: a plain thread drives it."""

    has_loop = False

    @pytest.fixture(autouse=True)
    def _load(self, thread_scheduler):
        self.made = thread_scheduler.ThreadScheduler

    def make_face(self, **options):
        return Face(self.made(**options))


class ByHand(BaseScheduler):
    """Whoever waits for something makes the passes."""

    def __init__(self, **options):
        self.alarm = threading.Event()
        super().__init__(**options)

    def wakeup(self):
        self.alarm.set()


class FaceByHand(Face):
    def wait(self, name, count=1):
        alarm = self.scheduler.alarm
        self.scheduler.add_listener(self._told)
        for _ in range(10_000):
            if self.log.has(name, count):
                break
            wait = self.scheduler.process_tasks()
            assert self.log.has(name, count) or alarm.wait(PATIENCE if wait is None else wait), (name, self.log.entries)
            alarm.clear()
        self.scheduler.remove_listener(self._told)

    def _told(self, event):
        self.scheduler.alarm.set()

    def home(self):
        return threading.get_ident()


class TestBaseByHand(FaceContract):
    has_loop = False

    def make_face(self, **options):
        return FaceByHand(ByHand(**options))

    def drive_while(self, face, future):
        future.add_done_callback(lambda _: face.scheduler.alarm.set())
        while not future.done():
            wait = face.scheduler.process_tasks()
            face.scheduler.alarm.wait(PATIENCE if wait is None else wait)
            face.scheduler.alarm.clear()
        return future.result(PATIENCE)


class OnOwnLoop(Face):
    def home(self):
        return self.scheduler.event_loop_thread.ident


class TestAsyncIOInItsOwnThread(FaceContract):
    def make_face(self, **options):
        return OnOwnLoop(AsyncIOScheduler(**options))


class OnLoop(FaceOnLoop):
    def home(self):
        return self.here.thread.ident


class OnLoopAtOnce(OnLoop):
    waits = False


class TestAsyncIOOnTheRunningLoop(FaceContract):
    def make_face(self, **options):
        return OnLoopAtOnce(AsyncIOScheduler(**options), LoopHere())


class OnGivenLoop(Face):
    """The loop runs in another thread than that in which verbs are called."""

    def __init__(self, options):
        self.here = LoopHere()
        super().__init__(AsyncIOScheduler(event_loop=self.here.loop, **options))

    def home(self):
        return self.here.thread.ident

    def close(self):
        super().close()
        self.here.close()


class TestAsyncIOOnAGivenLoop(FaceContract):
    def make_face(self, **options):
        return OnGivenLoop(options)


class OnIsolatedLoop(FaceOnLoop):
    def home(self):
        return self.scheduler.event_loop_thread.ident


class TestAsyncIOIsolated(FaceContract):
    def make_face(self, **options):
        return OnIsolatedLoop(AsyncIOScheduler(isolated_event_loop=True, **options), LoopHere())


class OfNative(FaceContract):
    def shut_down_from_within(self, face):
        def shut_down(wait=True):
            # From a plain function, on the loop that the verbs are called on; the function does not wait for it.
            asyncio.run_coroutine_threadsafe(face.scheduler.shutdown(wait), face.here.loop)

        return shut_down


class TestNativeOnTheRunningLoop(OfNative):
    def make_face(self, **options):
        return OnLoop(NativeAsyncIOScheduler(**options), LoopHere())


class TestNativeIsolated(OfNative):
    def make_face(self, **options):
        return OnIsolatedLoop(NativeAsyncIOScheduler(isolated_event_loop=True, **options), LoopHere())
