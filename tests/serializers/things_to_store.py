"""What the tests of this folder store: callables, types and triggers that can be imported."""

from __future__ import annotations

import datetime
import enum
from collections import OrderedDict

from asyncz.triggers import BaseTrigger
from asyncz.triggers.types import TriggerType


def job(*args, **kwargs):
    return args, kwargs


class Color(enum.Enum):
    RED = 1
    CRIMSON = 1  # noqa: PIE796 (another name of it)
    BLUE = ("any", "value")


class Level(enum.IntEnum):
    LOW = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2


class Word(str, enum.Enum):
    YES = "yes"


class Money:
    def __init__(self, amount, currency):
        self.amount, self.currency = amount, currency

    def pay(self, *args):
        return self, args

    @classmethod
    def mint(cls):
        return cls

    def __eq__(self, other):
        return type(other) is Money and vars(self) == vars(other)

    def __hash__(self):
        return hash((self.amount, self.currency))


class Odd(OrderedDict):
    pass


class Text(str):
    __slots__ = ()


class Moment(datetime.datetime):
    pass


class Every(BaseTrigger):
    def __init__(self, n, start=None):
        self.n, self.start = n, start

    def get_next_trigger_time(self, timezone, previous_time, now=None):
        return (previous_time or now) + datetime.timedelta(seconds=self.n)


class Named(Every):
    pass


class Forgetful(Every):
    def __init__(self, n, lost):
        super().__init__(n)


class Bare(TriggerType):
    def get_next_trigger_time(self, timezone, previous_time, now=None):
        return None

    def apply_jitter(self, next_trigger_time, jitter, now):
        return next_trigger_time


not_callable = "text"
