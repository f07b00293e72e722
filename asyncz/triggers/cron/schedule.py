"""Which readings of a wall clock match a cron expression. Plain integers: no zone, no instant.

A day is counted from 1970-01-01, a second from midnight. Each field is a table that leads from a value to the next one
that matches, so that a search is a few look-ups.
"""

from __future__ import annotations

import datetime
import functools

from .fields import ALL, FIELDS, FIRST_YEAR, MAXIMA, MINIMA, Field, parse_field

__all__ = ("Schedule", "compiled")

YEAR, MONTH, DAY, WEEK, WEEKDAY, HOUR, MINUTE, SECOND = range(len(FIELDS))
_EPOCH = datetime.date(1970, 1, 1).toordinal()
_LAST_DAY = datetime.date.max.toordinal() - _EPOCH
#: The calendar, weekdays included, repeats itself after 400 years: what has not come until then never comes.
_CYCLE_YEARS = 400
_CYCLE = (1 << _CYCLE_YEARS) - 1
#: A bit for the first year of each cycle.
_EACH_CYCLE = sum(1 << year for year in range(0, MAXIMA[YEAR], _CYCLE_YEARS))
#: Years that are tried before it is found out which are worth it.
_PATIENCE = 40
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_THURSDAY = 3  # 1970-01-01


class Schedule:
    """The readings that match.

    ``is_interval_like`` is what decides, where the clock is changed, between running at each matching reading and
    running once for each of them: as in crontab(5), a star in the hour or the minute.
    """

    __slots__ = (
        "_dates",
        "_every_week",
        "_first_second",
        "_fruitful",
        "_hours",
        "_kinds",
        "_minutes",
        "_months",
        "_places",
        "_recent",
        "_seconds",
        "_tables",
        "_weekdays",
        "_weeks",
        "_years",
        "either_day",
        "is_interval_like",
        "texts",
    )

    def __init__(self, texts: tuple[str | None, ...], fields: list[Field], either_day: bool) -> None:
        self.texts = texts
        self.is_interval_like = fields[HOUR].has_star or fields[MINUTE].has_star
        #: Whether a day matches when the date or the weekday does, instead of both.
        self.either_day = either_day and not (fields[DAY].has_star or fields[WEEKDAY].has_star)
        self._years = fields[YEAR].values
        self._months = _table(fields[MONTH].values, 13)
        self._dates = fields[DAY].values
        self._places = fields[DAY].positions
        self._weeks = fields[WEEK].values
        self._weekdays = fields[WEEKDAY].values
        self._hours = _table(fields[HOUR].values, 24)
        self._minutes = _table(fields[MINUTE].values, 60)
        self._seconds = _table(fields[SECOND].values, 60)
        self._first_second = self._hours[0] * 3600 + self._minutes[0] * 60 + self._seconds[0]
        self._every_week = self._weeks == ALL[WEEK]
        #: The days of a year that match, by the kind of year; used when not every week does.
        self._kinds: dict[tuple[int, int, int], int] = {}
        self._fruitful: int | None = None
        #: The tables of the days of a month, by its first weekday and its length; made when they are needed.
        self._tables: list[tuple[int, ...] | None] = [None] * 28
        #: The month that was looked at last: the day before its first, its last day, its table.
        self._recent: tuple[int, int, tuple[int, ...]] = (0, 0, ())

    def next(self, day: int, second: int) -> tuple[int, int] | None:
        """Return the first matching reading from a given one on, or None when there is none."""
        if day < 0:
            day = second = 0
        before, end, table = self._recent
        # Mostly it is the day that was looked at last.
        found = day if before < day <= end and table[day - before] == day - before else self._next_day(day)
        if found == day:
            time = self._next_second(second)
            if time >= 0:
                return day, time
            found = self._next_day(day + 1)
        return None if found is None else (found, self._first_second)

    def horizon(self, day: int) -> int:
        """Return the day after which nothing matches that does not match until then, as seen from ``day``."""
        year = self._last_year(datetime.date.fromordinal(min(day, _LAST_DAY) + _EPOCH).year)
        return datetime.date(year, 12, 31).toordinal() - _EPOCH

    def _last_year(self, year: int) -> int:
        """Return the year after which nothing new comes, as seen from ``year``."""
        whole_cycle = self._years >> year - FIRST_YEAR & _CYCLE == _CYCLE
        return min(year + _CYCLE_YEARS, MAXIMA[YEAR]) if whole_cycle else MAXIMA[YEAR]

    def _next_second(self, second: int) -> int:
        """Return the first matching second of a day from a given one on, or -1."""
        hour, rest = divmod(second, 3600)
        if self._hours[hour] == hour:
            minute, second = divmod(rest, 60)
            if self._minutes[minute] == minute:
                found = self._seconds[second]
                if found >= 0:
                    return hour * 3600 + minute * 60 + found
                minute += 1
            minute = self._minutes[minute]
            if minute >= 0:
                return hour * 3600 + minute * 60 + self._seconds[0]
            hour += 1
        hour = self._hours[hour]
        return -1 if hour < 0 else hour * 3600 + self._minutes[0] * 60 + self._seconds[0]

    def _next_day(self, day: int) -> int | None:
        """Return the first matching day from a given one on, or None when there is none."""
        before, end, table = self._recent
        if before < day <= end:
            date = table[day - before]
            if date > 0:
                return before + date
            day = end + 1
        if day > _LAST_DAY:
            return None
        return self._next_date(day) if self._every_week else self._next_day_in_week(day)

    def _next_day_in_week(self, day: int) -> int | None:
        """Return the first day from a given one on that matches, the week included."""
        year = datetime.date.fromordinal(day + _EPOCH).year
        first = _new_year(year)
        days = (
            self._days_of_year(year, first) >> day - first << day - first if self._years >> year - FIRST_YEAR & 1 else 0
        )
        years, patience = self._years, year + _PATIENCE
        while not days:
            if year > patience:
                years, patience = self._years_with_days(), MAXIMA[YEAR]
            later = years >> year + 1 - FIRST_YEAR
            if not later:
                return None
            year += (later & -later).bit_length()
            first = _new_year(year)
            days = self._days_of_year(year, first)
        return first + (days & -days).bit_length() - 1

    def _years_with_days(self) -> int:
        """Return the set of years in which any day matches: a cycle of the calendar tells."""
        if self._fruitful is None:
            cycle = 0
            for year in range(FIRST_YEAR, FIRST_YEAR + _CYCLE_YEARS):
                if self._days_of_year(year, _new_year(year)):
                    cycle |= 1 << year - FIRST_YEAR
            self._fruitful = self._years & cycle * _EACH_CYCLE
        return self._fruitful

    def _days_of_year(self, year: int, first: int) -> int:
        """Return the set of days that match, 0 being the first of January; it is the same for all years of a kind.

        A kind is the first weekday, the length of the year, and that of the year before (its last week may go on).
        """
        kind = (first + _THURSDAY) % 7, first - _new_year(year - 1), _new_year(year + 1) - first
        days = self._kinds.get(kind)
        if days is None:
            days, before = 0, first - 1
            for month in range(1, 13):
                length = _length(year, month)
                if self._months[month] == month:
                    days |= self._days((before + 1 + _THURSDAY) % 7, length) >> 1 << before + 1 - first
                before += length
            days = self._kinds[kind] = days & self._days_in_weeks(first, kind[2])
        return days

    def _days_in_weeks(self, first: int, length: int) -> int:
        """Return the set of days of a year, which begins at a given day, that are in the weeks that match."""
        days = 0
        monday = -((first + _THURSDAY) % 7)
        while monday < length:
            day = max(monday, 0)
            week = datetime.date.fromordinal(first + day + _EPOCH).isocalendar()[1]
            if self._weeks >> week & 1:
                days |= (1 << monday + 7) - (1 << day)
            monday += 7
        return days

    def _next_date(self, day: int) -> int | None:
        """Return the first day from a given one on that matches, where any week does."""
        date = datetime.date.fromordinal(day + _EPOCH)
        year, month = date.year, date.month
        if self._months[month] == month and self._years >> year - FIRST_YEAR & 1:
            before = day - date.day
            found = self._month(year, month, before)[date.day]
            if found > 0:
                return before + found
        return self._later_date(year, month + 1, self._last_year(year))

    def _later_date(self, year: int, month: int, last_year: int) -> int | None:
        """Return the first matching day from the first of a month on (month 13: of the next year)."""
        month = self._months[month] if self._years >> year - FIRST_YEAR & 1 else -1
        years, patience = self._years, year + _CYCLE_YEARS
        while True:
            if month < 0:
                if year > patience:
                    years, patience = self._years_with_days(), MAXIMA[YEAR]
                later = years >> year + 1 - FIRST_YEAR
                if not later:
                    return None
                year += (later & -later).bit_length()
                month = self._months[0]
            if year > last_year:
                return None
            before = datetime.date(year, month, 1).toordinal() - _EPOCH - 1
            found = self._month(year, month, before)[0]
            if found > 0:
                return before + found
            month = self._months[month + 1]

    def _month(self, year: int, month: int, before: int) -> tuple[int, ...]:
        """Return the table of the days of a month; ``before`` is the day before its first."""
        weekday = (before + 1 + _THURSDAY) % 7
        length = _length(year, month)
        index = weekday * 4 + length - 28
        table = self._tables[index]
        if table is None:
            table = self._tables[index] = _table(self._days(weekday, length), 32)
        self._recent = before, before + length, table
        return table

    def _days(self, weekday: int, length: int) -> int:
        """Return the set of days that match in a month of that length which begins with that weekday."""
        dates = self._dates
        for place, wanted in self._places:
            dates |= 1 << _day_of(place, wanted, weekday, length)
        weekdays = 0
        for day in range(1, length + 1):
            weekdays |= (self._weekdays >> (weekday + day - 1) % 7 & 1) << day
        days = dates | weekdays if self.either_day else dates & weekdays
        return days & (1 << length + 1) - 2


def _new_year(year: int) -> int:
    return (year - 1) * 365 + (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400 + 1 - _EPOCH


def _length(year: int, month: int) -> int:
    is_leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if is_leap else _LENGTHS[month]


def _day_of(place: int, wanted: int | None, weekday: int, length: int) -> int:
    """Return the day on which, say, the second Tuesday falls; it may lie beyond the end of the month."""
    if wanted is None:
        return length
    first = 1 + (wanted - weekday) % 7
    return first + (place - 1) * 7 if place else length - (length - first) % 7


@functools.lru_cache(maxsize=1024)
def _table(values: int, size: int) -> tuple[int, ...]:
    """Return, for each number up to ``size``, the first value from there on, or -1."""
    table: list[int] = []
    while values:
        lowest = values & -values
        value = lowest.bit_length() - 1
        table += [value] * (value + 1 - len(table))
        values ^= lowest
    table += [-1] * (size + 1 - len(table))
    return tuple(table)


@functools.lru_cache(maxsize=1024)
def compiled(texts: tuple[str | None, ...], either_day: bool) -> Schedule:
    """Return the schedule of the fields, in the order of :data:`FIELDS`, None for one that was not given.

    One that was not given is a star left of the last one that was, and has its least value right of it; weeks and
    weekdays are a star there too. Raises ValueError for a field that is not in the syntax.
    """
    last = max((index for index, text in enumerate(texts) if text is not None), default=-1)
    if last < 0:
        raise ValueError(f"Expected at least one of the fields {', '.join(FIELDS)}; none was given.")
    fields = [parse_field(index, _default(index, last) if text is None else text) for index, text in enumerate(texts)]
    shown = tuple(None if text is None else field.text for text, field in zip(texts, fields, strict=True))
    return Schedule(shown, fields, either_day)


def _default(index: int, last: int) -> str:
    return "*" if index < last or index in (WEEK, WEEKDAY) else str(MINIMA[index])
