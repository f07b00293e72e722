"""Names of cases that are the same in each process: without addresses, and with sets in order."""

from __future__ import annotations

import re


def case_name(value: object) -> str:
    """Return a text for ``ids`` of ``pytest.mark.parametrize``."""
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__}({', '.join(sorted(map(case_name, value)))})"
    try:
        return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
    except ValueError:  # an integer of thousands of digits
        return f"a long {type(value).__name__}"
