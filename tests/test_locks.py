from __future__ import annotations

import os
import subprocess
import sys
import threading
import types

import pytest

from asyncz import locks
from asyncz.locks import FileLockProtected, LockProtected, NullLockProtected, RLockProtected

ROOT = os.path.dirname(os.path.dirname(locks.__file__))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


@pytest.fixture(params=["lock", "rlock", "file"])
def guard(request, path):
    return {"lock": LockProtected, "rlock": RLockProtected, "file": lambda: FileLockProtected(path)}[request.param]()


def in_a_thread(call):
    """Return what the call returns in another thread."""
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join(20)
    return results[0]


def obtained(guard, *args, **kwargs):
    with guard.protected(*args, **kwargs) as held:
        return held


# -- every kind ----------------------------------------------------------------------------------------


def test_a_block_is_told_that_it_holds_the_lock_and_keeps_other_threads_out(guard):
    with guard.protected() as held:
        assert held is True
        assert in_a_thread(lambda: obtained(guard)) is False
    assert in_a_thread(lambda: obtained(guard)) is True


def test_the_lock_is_released_after_an_exception_in_the_block(guard):
    with pytest.raises(RuntimeError, match="in the block"), guard.protected():
        raise RuntimeError("in the block")
    assert in_a_thread(lambda: obtained(guard)) is True


def test_a_block_that_was_refused_does_not_release_the_lock_of_its_holder(guard):
    with guard.protected():
        assert in_a_thread(lambda: obtained(guard)) is False
        assert in_a_thread(lambda: obtained(guard)) is False


def test_an_exception_in_a_block_that_was_refused_passes_through(guard):
    def fail():
        try:
            with guard.protected() as held:
                raise RuntimeError(held)
        except RuntimeError as exc:
            return exc.args

    with guard.protected():
        assert in_a_thread(fail) == (False,)


@pytest.mark.parametrize("blocking", [False, True])
def test_a_timeout_of_zero_tries_once(guard, blocking):
    with guard.protected():
        assert in_a_thread(lambda: obtained(guard, blocking, timeout=0)) is False
    assert obtained(guard, blocking, timeout=0) is True


@pytest.mark.realtime
@pytest.mark.parametrize("blocking", [False, True])
def test_a_timeout_ends_the_wait_for_a_busy_lock(guard, blocking):
    with guard.protected():
        assert in_a_thread(lambda: obtained(guard, blocking, timeout=0.01)) is False


@pytest.mark.parametrize("wait", [{"blocking": True}, {"timeout": 20}, {"timeout": float("inf")}])
def test_a_waiting_block_gets_the_lock_when_its_holder_leaves(guard, wait):
    results = []
    waiter = threading.Thread(target=lambda: results.append(obtained(guard, **wait)))
    with guard.protected():
        waiter.start()
    waiter.join(20)
    assert results == [True]


@pytest.mark.parametrize("timeout", [-1, -0.5, float("nan")])
def test_a_timeout_that_is_no_duration_is_refused(guard, timeout):
    for kind in (guard, NullLockProtected()):
        with pytest.raises(ValueError, match=r"at least 0 seconds, got"):
            obtained(kind, timeout=timeout)


def test_a_lock_can_be_used_after_shutdown_and_shut_down_twice(guard):
    guard.shutdown()
    guard.shutdown()
    assert obtained(guard) is True


def test_only_the_reentrant_lock_lets_its_holder_in_again(path):
    guards = {"lock": LockProtected(), "rlock": RLockProtected(), "file": FileLockProtected(path)}
    for guard in guards.values():
        with guard.protected():
            again = obtained(guard)
            assert again is (guard is guards["rlock"])
            assert in_a_thread(lambda guard=guard: obtained(guard)) is False


def test_the_null_lock_lets_everyone_in():
    guard = NullLockProtected()
    with guard.protected() as held, guard.protected(True, 3) as held_too:
        assert held is held_too is True
    with pytest.raises(RuntimeError), guard.protected():
        raise RuntimeError
    guard.shutdown()


def test_the_thread_locks_wait_for_no_longer_than_the_system_can(monkeypatch):
    guard = LockProtected()
    assert obtained(guard, timeout=threading.TIMEOUT_MAX * 10) is True


# -- the file lock -------------------------------------------------------------------------------------


def test_the_lock_file_is_never_deleted_and_its_content_is_kept(path):
    path.write_bytes(b"through 2030")
    guard = FileLockProtected(path)
    with guard.protected() as held:
        assert held
    guard.shutdown()
    assert path.read_bytes() == b"through 2030"


def test_two_objects_on_one_path_exclude_each_other_also_after_a_shutdown_of_one(path):
    one, other, third = (FileLockProtected(path) for _ in range(3))
    with one.protected():
        assert obtained(other) is False
        other.shutdown()
        assert obtained(third) is False
    assert obtained(third) is True


def test_shutdown_releases_what_the_object_holds(path):
    leader, successor = FileLockProtected(path), FileLockProtected(path)
    with leader.protected():
        leader.shutdown()
        assert obtained(successor) is True
        with successor.protected():
            pass
    assert obtained(leader) is True


def test_a_late_end_of_a_block_does_not_release_the_lock_of_a_successor(path):
    leader, successor, third = (FileLockProtected(path) for _ in range(3))
    block = leader.protected()
    block.__enter__()
    leader.shutdown()
    with successor.protected() as held:
        assert held
        block.__exit__(None, None, None)
        assert obtained(third) is False


def test_only_a_block_that_holds_the_lock_has_something_to_release(path):
    guard, refused = FileLockProtected(path), FileLockProtected(path)
    with guard.protected(), refused.protected() as held:
        assert held is False
        assert len(guard._held) == 1
        assert not refused._held
    assert not guard._held


@pytest.fixture
def waits(monkeypatch):
    """The waits of the file lock, which take no time; ``waits.on[n]`` is called in the n-th."""
    recorded = types.SimpleNamespace(seconds=[], on={})

    def sleep(seconds):
        recorded.seconds.append(seconds)
        recorded.on.get(len(recorded.seconds), lambda: None)()

    monkeypatch.setattr(locks, "time", types.SimpleNamespace(sleep=sleep))
    return recorded


def test_the_file_lock_waits_as_long_as_its_timeout_says(path, waits):
    with FileLockProtected(path).protected():
        assert obtained(FileLockProtected(path), timeout=1.02) is False
    assert sum(waits.seconds) == pytest.approx(1.02)
    assert max(waits.seconds) <= 0.1


def test_the_file_lock_is_taken_as_soon_as_it_is_free_within_the_timeout(path, waits):
    holder = FileLockProtected(path)
    waits.on[7] = holder.shutdown
    with holder.protected():
        assert obtained(FileLockProtected(path), timeout=600) is True
    assert len(waits.seconds) == 7


def test_the_file_lock_does_not_wait_unless_it_is_told_to(path, waits):
    with FileLockProtected(path).protected():
        assert obtained(FileLockProtected(path)) is False
        assert obtained(FileLockProtected(path), timeout=0) is False
    assert waits.seconds == []


def test_the_path_is_filled_with_process_group_and_parent(tmp_path):
    guard = FileLockProtected(f"{tmp_path}/x_{{pgrp:08d}}_{{ppid}}.lock")
    assert guard.path == f"{tmp_path}/x_{os.getpgrp():08d}_{os.getppid()}.lock"
    assert obtained(guard)
    assert os.listdir(tmp_path) == [os.path.basename(guard.path)]


def test_the_path_is_filled_where_there_are_no_process_groups(monkeypatch):
    monkeypatch.delattr(os, "getpgrp")
    assert FileLockProtected("{pgrp}").path == str(os.getppid())


@pytest.mark.parametrize("wrong", ["/tmp/{store}", "/tmp/{", "/tmp/{}", "/tmp/{pgrp:q}", "/tmp/{0}"])
def test_a_path_with_other_fields_is_refused_and_the_fields_are_named(wrong):
    with pytest.raises(ValueError, match=r"\{pgrp\} and \{ppid\}") as caught:
        FileLockProtected(wrong)
    assert repr(wrong) in str(caught.value)


def test_a_file_that_cannot_be_opened_is_named_in_the_error(tmp_path):
    guard = FileLockProtected(tmp_path / "no directory" / "lock")
    with pytest.raises(FileNotFoundError, match="no directory"), guard.protected():
        pytest.fail("a block must not run as if it had the lock")


def hold(path):
    """Start a process that holds the lock until its standard input closes; it has the lock on return."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from asyncz.locks import FileLockProtected\n"
        "with FileLockProtected(sys.argv[1]).protected() as held: print(held, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, str(path), ROOT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline().strip() == b"True"
    return process


@pytest.mark.process
@pytest.mark.parametrize("end", ["stdin.close", "kill"])
def test_the_file_lock_keeps_other_processes_out_until_its_holder_ends(path, end):
    guard = FileLockProtected(path)
    with hold(path) as holder:
        assert obtained(guard) is False
        holder.stdin.close() if end == "stdin.close" else holder.kill()
        holder.wait(20)
    assert obtained(guard) is True


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_that_leaves_the_block_does_not_release_the_lock_of_its_parent(path, run_python):
    printed = run_python(f"""
        import os
        from asyncz.locks import FileLockProtected

        guard = FileLockProtected({str(path)!r})
        with guard.protected() as held:
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                with FileLockProtected(guard.path).protected() as other:
                    print(held, other)
        if not child:
            guard.shutdown()
            os._exit(0)
        with FileLockProtected(guard.path).protected() as other:
            print(other)
    """)
    assert printed.split() == ["True", "False", "True"]


@pytest.mark.process
def test_file_locks_are_imported_only_when_one_is_used(run_python, path):
    printed = run_python(f"""
        from asyncz.locks import FileLockProtected, LockProtected

        with LockProtected().protected():
            guard = FileLockProtected({str(path)!r})
        names = {{"asyncz.file_locking", "fcntl"}}
        print(sorted(names & set(new_modules())))
        with guard.protected():
            print(sorted(names & set(new_modules())))
    """)
    assert printed.splitlines() == ["[]", "['asyncz.file_locking', 'fcntl']"]


@pytest.mark.process
def test_a_platform_without_file_locks_has_the_other_locks(run_python, path):
    printed = run_python(
        f"""
        from asyncz.locks import FileLockProtected, RLockProtected

        with RLockProtected().protected() as held:
            print(held)
        try:
            with FileLockProtected({str(path)!r}).protected():
                print("a block must not run as if it had the lock")
        except NotImplementedError as exc:
            print("refused")
        """,
        blocked=frozenset({"fcntl", "msvcrt"}),
    )
    assert printed.split() == ["True", "refused"]
