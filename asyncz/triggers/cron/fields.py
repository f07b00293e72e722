"""The fields of a cron expression, from text to sets of values.

The syntax is that of crontab(5), and ``last``, ``last fri``, ``2nd tue`` in the day field. A set of values is an int
with a bit for each (for years, counted from 1970).
"""

from __future__ import annotations

import functools

from ...exceptions import shown_name

__all__ = ("ALL", "FIELDS", "FIRST_YEAR", "MAXIMA", "MINIMA", "WEEKDAYS", "Field", "crontab_weekdays", "parse_field")

FIELDS = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
FIRST_YEAR = 1970
MINIMA = (FIRST_YEAR, 1, 1, 1, 0, 0, 0, 0)
MAXIMA = (9999, 12, 31, 53, 6, 23, 59, 59)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_POSITIONS = {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "last": 0}

#: A field may be so long: room for every minute of an hour, or a hundred years. The rest are mistakes and attacks.
MAX_FIELD_LENGTH = 1_000
#: More digits than any value has; ``int()`` takes quadratic time.
_MAX_DIGITS = 9
_BLANKS = " \t"


class _Syntax:
    """What the items of one field may be: a range of numbers, names for some of them, whether these form a circle."""

    __slots__ = ("circular", "maximum", "minimum", "name", "names")

    def __init__(self, name: str, minimum: int, maximum: int, names: dict[str, int], circular: int = 0) -> None:
        self.name = name
        self.minimum = minimum
        self.maximum = maximum
        self.names = names
        self.circular = circular


_NAMES = {
    "month": {name: number for number, name in enumerate(_MONTHS, 1)},
    "day_of_week": {name: number for number, name in enumerate(WEEKDAYS)},
}
_SYNTAX = tuple(
    _Syntax(name, minimum, maximum, _NAMES.get(name, {}), 7 if name == "day_of_week" else 0)
    for name, minimum, maximum in zip(FIELDS, MINIMA, MAXIMA, strict=True)
)
#: crontab(5): 0 and 7 are Sunday.
_CRONTAB_WEEKDAY = _Syntax("day_of_week", 0, 7, {name: (number + 1) % 7 for number, name in enumerate(WEEKDAYS)}, 7)
#: The set of all values of each field.
ALL = tuple((1 << maximum + 1) - (1 << minimum) for minimum, maximum in zip(MINIMA[1:], MAXIMA[1:], strict=True))
ALL = ((1 << MAXIMA[0] - FIRST_YEAR + 1) - 1, *ALL)


class Field:
    """One parsed field.

    ``positions`` are pairs such as (2, 1), the second Tuesday; the place 0 is the last one, and (0, None) the last day
    of the month. ``has_star`` says whether any item starts with a star.
    """

    __slots__ = ("has_star", "positions", "text", "values")

    def __init__(self, text: str, values: int, positions: tuple[tuple[int, int | None], ...], has_star: bool) -> None:
        self.text = text
        self.values = values
        self.positions = positions
        self.has_star = has_star


@functools.lru_cache(maxsize=1024)
def parse_field(index: int, text: str) -> Field:
    """Return the field of that index in :data:`FIELDS`. Raises ValueError for anything that is not in the syntax."""
    syntax = _SYNTAX[index]
    values, positions, items = 0, [], []
    for item in _items(text, syntax):
        place = _position(item) if syntax.name == "day" else None
        if place is None:
            values |= _span(item, syntax)
        else:
            positions.append(place)
            item = " ".join(_words(item))
        items.append(item)
    if index == 0:
        values >>= FIRST_YEAR
    return Field(",".join(items), values, tuple(positions), any(item[0] == "*" for item in items))


@functools.lru_cache(maxsize=1024)
def crontab_weekdays(text: str) -> str:
    """Translate the weekday field of a crontab, where Sunday is 0 and 7, into names."""
    items = _items(text, _CRONTAB_WEEKDAY)
    found = 0
    for item in items:
        found |= _span(item, _CRONTAB_WEEKDAY)
    if "*" in items or "*/1" in items:
        return "*"
    chosen = [name for number, name in enumerate(WEEKDAYS) if found & (1 << (number + 1) % 7 | (number == 6) << 7)]
    return _joined(chosen)


def _joined(names: list[str]) -> str:
    """Return weekdays as text; three or more in a row as a range."""
    first, last = WEEKDAYS.index(names[0]), WEEKDAYS.index(names[-1])
    if len(names) > 2 and last - first == len(names) - 1:
        return f"{names[0]}-{names[-1]}"
    return ",".join(names)


def _items(text: str, syntax: _Syntax) -> list[str]:
    if len(text) > MAX_FIELD_LENGTH:
        raise ValueError(
            f"Error validating expression '{shown_name(text[:40])}...': expected at most {MAX_FIELD_LENGTH} characters "
            f"in the field {syntax.name!r}, got {len(text)}."
        )
    return [item.strip(_BLANKS) for item in text.strip(_BLANKS).lower().split(",")]


def _words(item: str) -> list[str]:
    return [word for word in item.replace("\t", " ").split(" ") if word]


def _position(item: str) -> tuple[int, int | None] | None:
    """Return the place and the weekday of an item such as ``2nd tue``, None when it is something else."""
    place, *weekday = _words(item) or [""]
    if item == "last":
        return 0, None
    if place not in _POSITIONS or len(weekday) != 1 or weekday[0] not in WEEKDAYS:
        return None
    return _POSITIONS[place], WEEKDAYS.index(weekday[0])


def _span(item: str, syntax: _Syntax) -> int:
    """Return the set of values of one item: ``*``, ``a`` or ``a-b``, each with or without a step."""
    base, slash, step_text = item.partition("/")
    if base == "*":
        first, last = syntax.minimum, syntax.maximum
    else:
        first, last = _ends(item, base, bool(slash), syntax)
    step = _number(item, step_text, syntax) if slash else 1
    if not step:
        raise _error(item, "The step value (0) is lower than the minimum value (1).")
    if slash and step > last - first:
        raise _error(
            item, f"The step value ({step}) is higher than the total range of the expression ({last - first})."
        )
    found = _steps(first, last, step)
    if last > syntax.maximum:  # round the circle
        found = (found | found >> syntax.circular) & ((1 << syntax.circular) - 1)
    return found


def _ends(item: str, base: str, open_ended: bool, syntax: _Syntax) -> tuple[int, int]:
    """Return the first and the last value of ``a`` or ``a-b``; the last one may lie beyond the end of a circle."""
    first_text, dash, last_text = base.partition("-")
    first = _value(item, first_text, syntax)
    if dash:
        last = _value(item, last_text, syntax)
    else:
        last = max(first, syntax.maximum) if open_ended and first <= syntax.maximum else first
    if first < syntax.minimum:
        raise _error(item, f"The first value ({first}) is lower than the minimum value ({syntax.minimum}).")
    if last > syntax.maximum:
        raise _error(item, f"The last value ({last}) is higher than the maximum value ({syntax.maximum}).")
    if first > last:
        if not (syntax.circular and first_text in syntax.names and last_text in syntax.names):
            raise _error(item, f"The first value ({first}) is higher than the last value ({last}).")
        last += syntax.circular
    return first, last


def _value(item: str, text: str, syntax: _Syntax) -> int:
    found = syntax.names.get(text)
    return _number(item, text, syntax) if found is None else found


def _number(item: str, text: str, syntax: _Syntax) -> int:
    if text.isascii() and text.isdigit():
        digits = text.lstrip("0")
        if len(digits) <= _MAX_DIGITS:
            return int(digits or "0")
    names = f" or a name such as {next(iter(syntax.names))!r}" if syntax.names else ""
    raise _error(
        item,
        f"Expected *, */c, a, a/c, a-b or a-b/c, each a number from {syntax.minimum} to {syntax.maximum}{names}, "
        f"in the field {syntax.name!r}.",
    )


def _steps(first: int, last: int, step: int) -> int:
    """Return the set of every ``step``-th value."""
    if step == 1:
        return (1 << last + 1) - (1 << first)
    count = (last - first) // step + 1
    # The quotient of two numbers with all bits set has a bit for each step: quick also for thousands of years.
    return ((1 << step * count) - 1) // ((1 << step) - 1) << first


def _error(item: str, reason: str) -> ValueError:
    more = "..." if len(item) > 40 else ""
    return ValueError(f"Error validating expression '{shown_name(item[:40])}{more}': {reason}")
