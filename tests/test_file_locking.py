from __future__ import annotations

import errno
import importlib.util
import os
import subprocess
import sys
import types

import pytest

from asyncz import file_locking
from asyncz.file_locking import LOCK_EX, LOCK_NB, LOCK_SH, lock, unlock, with_lock
from asyncz.schedulers.base import BaseScheduler

TRY = LOCK_EX | LOCK_NB


@pytest.fixture
def two_files(tmp_path):
    path = tmp_path / "lock"
    with open(path, "ab") as one, open(path, "ab") as other:
        yield one, other


def test_a_lock_keeps_another_opening_of_the_file_out_until_it_is_given_up(two_files):
    one, other = two_files
    assert lock(one, LOCK_EX) is True
    assert lock(other, TRY) is False
    assert lock(other, LOCK_SH | LOCK_NB) is False
    unlock(one)
    assert lock(other, TRY) is True


def test_shared_locks_let_each_other_in_and_keep_an_exclusive_one_out(two_files):
    one, other = two_files
    assert lock(one, LOCK_SH)
    assert lock(other, LOCK_SH | LOCK_NB)
    assert lock(other, TRY) is False


def test_a_descriptor_serves_as_well_as_a_file(two_files):
    one, other = two_files
    assert lock(one.fileno(), TRY)
    assert lock(other.fileno(), TRY) is False
    unlock(one.fileno())
    assert lock(other.fileno(), TRY)


def test_closing_the_file_gives_the_lock_up(two_files):
    one, other = two_files
    lock(one, TRY)
    one.close()
    assert lock(other, TRY)


def test_a_block_holds_the_lock_and_gives_it_up_also_when_it_fails(two_files):
    one, other = two_files
    with with_lock(one, TRY) as held:
        assert held is True
        with with_lock(other, TRY) as held_too:
            assert held_too is False
        assert lock(other, TRY) is False, "leaving a block that did not hold the lock must not release it"
    with pytest.raises(RuntimeError, match="in the block"), with_lock(one, TRY):
        raise RuntimeError("in the block")
    assert lock(other, TRY)


def test_a_failure_that_is_not_a_busy_lock_is_raised(tmp_path):
    descriptor = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    os.close(descriptor)
    with pytest.raises(OSError, match="descriptor") as caught:
        lock(descriptor, TRY)
    assert caught.value.errno == errno.EBADF


def test_a_wait_that_the_system_refuses_is_not_taken_for_a_busy_lock(two_files, monkeypatch):
    def refuse(fd, flags):
        raise OSError(errno.EDEADLK, "Resource deadlock avoided")

    monkeypatch.setattr(file_locking, "_apply", refuse)
    assert lock(two_files[0], TRY) is False
    with pytest.raises(OSError, match="deadlock"):
        lock(two_files[0], LOCK_EX)


@pytest.mark.process
def test_a_lock_that_another_process_holds_is_free_at_its_death(tmp_path):
    path = tmp_path / "lock"
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from asyncz.file_locking import *\n"
        "f = open(sys.argv[1], 'ab'); print(lock(f, LOCK_EX), flush=True); sys.stdin.read()"
    )
    root = os.path.dirname(os.path.dirname(file_locking.__file__))
    with (
        open(path, "ab") as file,
        subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code, str(path), root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as holder,
    ):
        assert holder.stdout.readline().strip() == b"True"
        assert lock(file, TRY) is False
        holder.kill()
        holder.wait()
        assert lock(file, TRY) is True


# -- other platforms, by a copy of the module that was imported as if on them -----------------------------


def imported_with(monkeypatch, **modules):
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("file_locking_elsewhere", file_locking.__file__)
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


class FakeWindows(types.ModuleType):
    """``msvcrt.locking`` as documented: it locks bytes from the current position, and refuses with EACCES."""

    LK_UNLCK, LK_LOCK, LK_NBLCK = 0, 1, 2

    def __init__(self):
        super().__init__("msvcrt")
        self.locked = {}

    def locking(self, fd, mode, nbytes):
        byte = (os.fstat(fd).st_ino, os.lseek(fd, 0, os.SEEK_CUR))
        if mode == self.LK_UNLCK:
            assert self.locked.pop(byte) == fd
        elif byte in self.locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        else:
            self.locked[byte] = fd


@pytest.fixture
def windows(monkeypatch):
    return imported_with(monkeypatch, fcntl=None, msvcrt=FakeWindows())


def test_windows_keeps_another_opening_of_the_file_out(windows, two_files):
    one, other = two_files
    assert windows.lock(one, TRY) is True
    assert windows.lock(other, TRY) is False
    with windows.with_lock(other, TRY) as held:
        assert held is False
    windows.unlock(one)
    assert windows.lock(other, TRY) is True


def test_windows_locks_a_byte_behind_the_content_and_leaves_the_position_alone(windows, tmp_path):
    path = tmp_path / "lock"
    path.write_bytes(b"content")
    with open(path, "r+b", buffering=0) as file:
        file.seek(3)
        assert windows.lock(file, TRY)
        assert file.read() == b"tent"
    ((_, position),) = sys.modules["msvcrt"].locked
    assert position > 2**30
    assert path.read_bytes() == b"content"


def test_windows_waits_as_long_as_the_lock_is_busy(windows, two_files, monkeypatch):
    one, other = two_files
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        if len(waits) == 300:  # far beyond the ten seconds after which the system itself gives up
            windows.unlock(one)

    monkeypatch.setattr(windows, "time", types.SimpleNamespace(sleep=sleep))
    windows.lock(one, LOCK_EX)
    assert windows.lock(other, LOCK_EX) is True
    assert len(waits) == 300


def test_windows_raises_a_failure_that_is_not_a_busy_lock(windows, two_files, monkeypatch):
    def fail(fd, mode, nbytes):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(sys.modules["msvcrt"], "locking", fail)
    for flags in (LOCK_EX, TRY):
        with pytest.raises(OSError, match="Invalid argument"):
            windows.lock(two_files[0], flags)


def test_a_platform_without_file_locks_can_import_the_module_and_is_named_when_it_is_used(monkeypatch, two_files):
    nowhere = imported_with(monkeypatch, fcntl=None, msvcrt=None)
    with pytest.raises(NotImplementedError, match=f"fcntl.*msvcrt.*{sys.platform}"):
        nowhere.lock(two_files[0], TRY)
    with pytest.raises(NotImplementedError, match=sys.platform), nowhere.with_lock(two_files[0], TRY):
        pytest.fail("a block must not run as if it had the lock")


def test_a_scheduler_with_a_lock_path_does_not_start_where_there_are_no_file_locks(monkeypatch, tmp_path):
    monkeypatch.setattr(file_locking, "_apply", file_locking._refuse)
    scheduler = BaseScheduler(timezone="UTC", lock_path=str(tmp_path / "lock"))
    with pytest.raises(NotImplementedError, match="fcntl or msvcrt"):
        scheduler.start()
    assert not scheduler.running
