"""What a cron expression means, spelt out: slow, without cleverness, and without a line of the package.

An instant is a number of seconds since 1970 UTC. Readings of a clock are naive datetimes.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone, tzinfo
from itertools import pairwise

NAMES = ["year", "month", "day", "week", "day_of_week", "hour", "minute", "second"]
LEAST = {"year": 1970, "month": 1, "day": 1, "week": 1, "day_of_week": 0, "hour": 0, "minute": 0, "second": 0}
MOST = {"year": 9999, "month": 12, "day": 31, "week": 53, "day_of_week": 6, "hour": 23, "minute": 59, "second": 59}
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
PLACES = {"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5}
NICKNAMES = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
A_DAY = 86_400


class Expression:
    """Sets of allowed values, and what has to be known about the text besides."""

    def __init__(self, given: dict[str, str], crontab: bool = False) -> None:
        if not given:
            raise ValueError("no field")
        last = max(NAMES.index(name) for name in given)
        self.values: dict[str, set] = {}
        stars = set()
        for index, name in enumerate(NAMES):
            if name in given:
                text = given[name]
            elif index < last or name in ("week", "day_of_week"):
                text = "*"
            else:
                text = str(LEAST[name])
            items = [item.strip(" \t").lower() for item in text.strip(" \t").split(",")]
            if any(item.startswith("*") for item in items):
                stars.add(name)
            self.values[name] = set().union(*(read_item(name, item, crontab) for item in items))
        self.interval_like = bool(stars & {"hour", "minute"})
        self.either = crontab and not stars & {"day", "day_of_week"}
        seconds = self.values["second"]
        self.times = sorted(
            3600 * h + 60 * m + s
            for h in self.values["hour"]
            for m in self.values["minute"]
            for s in (seconds if len(seconds) < 60 else range(60))
        )

    @classmethod
    def of(cls, **given) -> Expression:
        return cls({name: str(value) for name, value in given.items()})

    @classmethod
    def crontab(cls, text: str) -> Expression:
        fields = NICKNAMES.get(text.strip().lower(), text).split()
        if len(fields) != 5:
            raise ValueError(f"{len(fields)} fields")
        names = ["minute", "hour", "day", "month", "day_of_week"]
        return cls(dict(zip(names, fields, strict=True)), crontab=True)

    def allows_date(self, day: date) -> bool:
        if day.year not in self.values["year"] or day.month not in self.values["month"]:
            return False
        if day.isocalendar()[1] not in self.values["week"]:
            return False
        by_date = any(day_matches(day, value) for value in self.values["day"])
        by_weekday = day.weekday() in self.values["day_of_week"]
        return by_date or by_weekday if self.either else by_date and by_weekday


def day_matches(day: date, value) -> bool:
    if isinstance(value, int):
        return day.day == value
    place, weekday = value
    is_last_week = (day + timedelta(7)).month != day.month
    if weekday is None:
        return (day + timedelta(1)).month != day.month if day != date.max else True
    if day.weekday() != weekday:
        return False
    return is_last_week if place == "last" else (day.day - 1) // 7 + 1 == PLACES[place]


def read_item(name: str, item: str, crontab: bool) -> set:
    """The values of one item: numbers, and pairs for places within a month."""
    if name == "day" and item == "last":
        return {("last", None)}
    place = re.fullmatch(r"(1st|2nd|3rd|4th|5th|last)[ \t]+(mon|tue|wed|thu|fri|sat|sun)", item)
    if name == "day" and place:
        return {(place[1], DAYS.index(place[2]))}
    if name != "day_of_week":
        return read_numbers(item, {"month": MONTHS}.get(name, []), LEAST[name], MOST[name], first_name=1)
    if not crontab:
        return {value % 7 for value in read_numbers(item, DAYS, 0, 6, circle=7)}
    return {(value - 1) % 7 for value in read_numbers(item, [DAYS[6], *DAYS[:6]], 0, 7, circle=7)}


def read_numbers(item: str, names: list[str], least: int, most: int, *, first_name: int = 0, circle: int = 0) -> set:
    word = "|".join(["[0-9]+", *names])
    match = re.fullmatch(rf"(?:(?P<star>\*)|(?P<a>{word})(?:-(?P<b>{word}))?)(?:/(?P<c>[0-9]+))?", item)
    if match is None:
        raise ValueError(f"{item!r} is no item")
    numbers = {name: number for number, name in enumerate(names, first_name)}
    star, step = match["star"], match["c"]
    first = match["a"] or least
    last = most if star or (step and not match["b"]) else match["b"] or first
    a, b = (int(numbers.get(each, each)) for each in (first, last))
    if not (least <= a <= most and least <= b <= most):
        raise ValueError(f"{item!r} is out of range")
    if a > b and circle and first in names and last in names:
        b += circle
    if a > b or not 1 <= int(step or 1) <= max(b - a, 0 if step else 1):
        raise ValueError(f"{item!r} runs backwards, or steps too far")
    return set(range(a, b + 1, int(step or 1)))


# Clocks


def offset_at(zone: tzinfo, instant: int) -> int:
    return int((EPOCH + timedelta(seconds=instant)).astimezone(zone).utcoffset().total_seconds())


def stretches(zone: tzinfo, start: int, end: int) -> list[tuple[int, int, int]]:
    """(first instant, end exclusive, offset) of every stretch in which the offset stays the same."""
    marks = [(start, offset_at(zone, start))]
    at = start
    while at < end:
        here = marks[-1][1]
        following = min(at + 3600, end)
        if offset_at(zone, following) != here:
            for step in (60, 1):
                while offset_at(zone, at + step) == here:
                    at += step
            following = at + 1
            marks.append((following, offset_at(zone, following)))
        at = following
    ends = [first for first, _ in marks[1:]] + [end]
    return [(first, finish, offset) for (first, offset), finish in zip(marks, ends, strict=True)]


def fires_between(expression: Expression, zone: tzinfo, start: datetime, end: datetime) -> list[int]:
    """Every instant from ``start`` to ``end``, both inclusive, at which the expression fires, in order."""
    first, last = -((EPOCH - start) // timedelta(seconds=1)), (end - EPOCH) // timedelta(seconds=1)
    shown = stretches(zone, first - 3 * A_DAY, last + 3 * A_DAY)
    found = set()
    day = EPOCH.date() + timedelta(days=first // A_DAY - 2)
    final = EPOCH.date() + timedelta(days=last // A_DAY + 2)
    while day <= final:
        if expression.allows_date(day):
            midnight = (day - EPOCH.date()).days * A_DAY
            # A reading of this day, taken as UTC, is less than a day from every instant that shows it.
            near = [each for each in shown if each[1] > midnight - 2 * A_DAY and each[0] < midnight + 3 * A_DAY]
            if len(near) == 1:
                found.update([midnight + time - near[0][2] for time in expression.times])
            else:
                for time in expression.times:
                    found.update(instants_of(midnight + time, near, expression.interval_like))
        day += timedelta(1)
    return sorted(instant for instant in found if first <= instant <= last)


def instants_of(reading: int, near: list[tuple[int, int, int]], interval_like: bool) -> list[int]:
    """The instants at which one matching reading fires."""
    shows = [reading - offset for begin, end, offset in near if begin <= reading - offset < end]
    if interval_like or shows:
        return shows if interval_like else shows[:1]
    for (_, change, before), (_, _, after) in pairwise(near):
        if change + before <= reading < change + after and after - before < A_DAY:
            return [change]
    return []


def first_fire(
    expression: Expression,
    zone: tzinfo,
    previous: datetime | None,
    now: datetime,
    *,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
    within: timedelta = timedelta(days=400),
) -> datetime | None:
    """The answer to ``get_next_trigger_time``, None when there is none ``within`` some time."""
    moment, utc = timedelta(microseconds=1), timezone.utc
    if previous is None:
        since = max(now.astimezone(utc), (start_at or now).astimezone(utc))
    else:
        after = previous.astimezone(utc) + moment
        since = after if now.astimezone(utc) >= previous.astimezone(utc) else now.astimezone(utc)
    until = since + within
    if end_at is not None:
        until = min(until, end_at.astimezone(utc))
    # Most answers are near.
    for limit in (timedelta(days=2), timedelta(days=40), within):
        found = fires_between(expression, zone, since, min(until, since + limit)) if since <= until else []
        if found:
            return EPOCH + timedelta(seconds=found[0])
    return None
