"""Names for annotations, and the sentinel that tells "not given" from None."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

__all__ = ("Any", "DictAny", "DictStrAny", "Undefined", "UndefinedType", "undefined")

DictStrAny: TypeAlias = dict[str, Any]
DictAny: TypeAlias = dict[Any, Any]


class Undefined:
    """The type of :data:`undefined`: an argument that was not given, where None has a meaning of its own."""

    __slots__ = ()
    _instance: Undefined | None = None

    def __new__(cls) -> Undefined:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "<undefined>"

    def __reduce__(self) -> str:
        return "undefined"


UndefinedType = Undefined
undefined: Final = Undefined()
