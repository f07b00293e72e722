from __future__ import annotations

import itertools
import textwrap
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.rst"


def _examples() -> list[str]:
    """The code blocks of the page that hold a test."""
    blocks = PAGE.read_text(encoding="utf-8").split(".. code-block:: python\n\n")[1:]
    indented = (itertools.takewhile(lambda line: line[:1] in ("", " "), block.split("\n")) for block in blocks)
    return [code for code in (textwrap.dedent("\n".join(lines)) for lines in indented) if "def test_" in code]


def _name(code: str) -> str:
    return code.partition("def test_")[2].partition("(")[0]


@pytest.mark.parametrize("code", _examples(), ids=_name)
def test_the_examples_of_the_page_hold(code: str) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, str(PAGE), "exec"), names)
    names[f"test_{_name(code)}"]()
