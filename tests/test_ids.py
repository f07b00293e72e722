"""The identifiers that tasks get are random UUIDs, and nobody else's: not another thread's, not a forked child's."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid

import pytest

from asyncz._ids import random_id

#: More than are made at once.
MANY = 200


def test_an_id_is_a_random_uuid_in_hexadecimal_digits() -> None:
    for _ in range(MANY):
        text = random_id()
        made = uuid.UUID(hex=text)
        assert (made.hex, made.version, made.variant) == (text, 4, uuid.RFC_4122)


def test_no_digit_is_always_the_same_but_the_one_that_says_the_version() -> None:
    digits = [set(column) for column in zip(*(random_id() for _ in range(MANY)), strict=True)]
    assert [place for place, found in enumerate(digits) if len(found) == 1] == [12]
    assert digits[16] == set("89ab")


def test_threads_get_different_ids() -> None:
    found: list[str] = []
    start = threading.Barrier(4)

    def take() -> None:
        start.wait()
        found.extend([random_id() for _ in range(10 * MANY)])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == len(found) == 40 * MANY


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_does_not_get_the_ids_of_its_parent() -> None:
    # Few enough to go through a pipe in one piece (PIPE_BUF).
    program = (
        "import os; from asyncz._ids import random_id; random_id(); child = os.fork()\n"
        "os.write(1, ''.join(random_id() + ' ' for _ in range(100)).encode())\n"
        "child and os.waitpid(child, 0)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True).stdout.split()
    assert len(set(told)) == len(told) == 200
