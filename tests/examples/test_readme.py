from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from asyncz.testing import run

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.rst").read_text(encoding="utf-8")


def blocks(marker: str) -> list[str]:
    """The indented blocks after a marker."""
    found = re.findall(rf"{re.escape(marker)}\n\n((?:(?: +.*)?\n)+)", TEXT)
    return [textwrap.dedent(block).strip("\n") for block in found]


def test_the_program_on_the_front_page_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    (program,) = blocks(".. code-block:: python")
    assert len([line for line in program.splitlines() if line]) <= 15
    definitions, started, rest = program.partition("asyncio.run(main())")
    assert (bool(started), rest) == (True, "")
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(definitions, "README.rst", "exec"), names)
    run(lambda clock: names["main"](), start="2024-01-01T06:59:55")  # a Monday
    assert capsys.readouterr().out.splitlines() == [
        "polled the sensors",
        "polled the sensors",
        "the report of the morning",
        "polled the sensors",
    ]


def test_a_newcomer_needs_two_commands() -> None:
    run_it, test_it = (block for block in blocks("::") if block not in blocks(".. code-block:: python"))
    assert run_it == "python3 -m asyncz run examples/quickstart.py"
    assert (ROOT / run_it.split()[-1]).is_file()
    assert test_it == "tox"
    assert (ROOT / "tox.ini").is_file()


def test_every_link_leads_somewhere() -> None:
    targets = re.findall(r"<([^<>`]+)>`__", TEXT)
    assert "docs/testing.rst" in targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_it_is_plain_restructured_text() -> None:
    core = pytest.importorskip("docutils.core")
    settings = {"halt_level": 2, "report_level": 2, "file_insertion_enabled": False, "raw_enabled": False}
    assert "Two commands" in core.publish_doctree(TEXT, settings_overrides=settings).astext()
