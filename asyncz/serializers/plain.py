"""Plain values (what JSON knows) and bytes: compact, in UTF-8, and the same bytes for the same values."""

from __future__ import annotations

import json
from json.encoder import encode_basestring as quoted
from typing import Any, NoReturn

from ..exceptions import UnreadableRecordError, shown

__all__ = ("dumps", "loads", "quoted", "text_of")

#: Returns plain values as the text that JSON has for them; of a text alone, ``quoted`` does.
text_of = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode


def dumps(plain: Any) -> bytes:
    """Return plain values as JSON."""
    return text_of(plain).encode()


def loads(payload: bytes | str) -> Any:
    """Return the plain values of a JSON text. Raises UnreadableRecordError for whatever else it is given."""
    try:
        return _decode(payload if isinstance(payload, str) else str(payload, "utf-8"))
    except (TypeError, ValueError, RecursionError, MemoryError) as exc:
        raise UnreadableRecordError(f"Expected a record in JSON, got {shown(payload)}: {shown(exc)}.") from exc


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


_decode = json.JSONDecoder(parse_constant=_refuse_constant).decode
