"""The first program of docs/asgi.rst; the others are run as doctests, and as examples."""

from __future__ import annotations

import itertools
import textwrap
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "asgi.rst"


def test_the_first_program_of_the_page_serves_its_tasks():
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    block = PAGE.read_text(encoding="utf-8").split(".. code-block:: python\n\n")[1]
    lines = itertools.takewhile(lambda line: line[:1] in ("", " "), block.split("\n"))
    names = {"__name__": "example"}
    exec(compile(textwrap.dedent("\n".join(lines)), str(PAGE), "exec"), names)
    with TestClient(names["app"]) as client:
        assert names["scheduler"].running
        assert client.get("/tasks").json() == ["clean_up"]
    assert not names["scheduler"].running
