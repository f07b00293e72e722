"""Whatever is given to what reads text: nothing but documented errors, of a readable length, and soon."""

from __future__ import annotations

import time

import pytest
from fuzz.targets import LENGTH, MAX_MESSAGE, SHAPES, TARGETS, Source, Target, check
from hypothesis import given
from hypothesis import strategies as st

TEXTS = [target for target in TARGETS.values() if target.takes_text]
VALUES = [target for target in TARGETS.values() if not target.takes_text]


def named(target: Target) -> str:
    return target.name


def texts(target: Target) -> st.SearchStrategy[str]:
    """Any text; texts made of what the target knows; and its examples, with a piece cut out and another put in."""
    known = st.lists(st.sampled_from(target.tokens), max_size=12).map("".join)
    any_text = st.text(st.characters(exclude_categories=()), max_size=40)
    cuts = st.tuples(st.sampled_from(target.examples), st.integers(0, 40), st.integers(0, 5), known | any_text)
    return any_text | known | cuts.map(lambda cut: cut[0][: cut[1]] + cut[3] + cut[0][cut[1] + cut[2] :])


def seconds(target: Target, value: object) -> float:
    """Return the time that this thread needed, the best of three where it was long."""
    taken = []
    while len(taken) < 3 and min(taken, default=1) > target.limit:
        started = time.thread_time()
        check(target, value)
        taken.append(time.thread_time() - started)
    return min(taken)


@pytest.mark.parametrize("target", TEXTS, ids=named)
@given(data=st.data())
def test_any_text_is_read_or_refused_in_a_documented_way(target, data):
    check(target, data.draw(texts(target)))


@pytest.mark.parametrize("target", VALUES, ids=named)
@given(data=st.binary(max_size=120))
def test_any_dictionary_is_read_or_refused_in_a_documented_way(target, data):
    check(target, target.make(Source(data)))


@pytest.mark.parametrize("target", [target for target in TEXTS if target.name != "place"], ids=named)
def test_the_examples_are_such_as_the_target_reads(target):
    """At least one is no error: the fuzzers get behind the first check. (Nothing that is run is placed anywhere.)"""
    read = 0
    for text in target.examples:
        check(target, text)
        try:
            target.run(text)
        except target.errors:
            continue
        read += 1
    assert read


@pytest.mark.parametrize("target", TEXTS, ids=named)
def test_ten_thousand_characters_take_no_longer_than_ten_milliseconds(target):
    texts = {(*frame, name): frame[0] + shape + frame[1] for frame in target.frames for name, shape in SHAPES.items()}
    slow = {names: taken for names, text in texts.items() if (taken := seconds(target, text)) > target.limit}
    assert not slow


CONFIGURATIONS = {
    "a long value": lambda option, text: {f"asyncz.{option}": text},
    "long values of groups": lambda option, text: {
        f"asyncz.task_defaults.{option}": text,
        f"asyncz.stores.{option}": text,
    },
    "a long key": lambda option, text: {f"asyncz.{option}.{text}": 1},
    "long names of arguments": lambda option, text: {f"asyncz.{option}": {"default": {"type": "memory", text: 1}}},
    "long aliases": lambda option, text: {f"asyncz.{option}": {text: {"type": text}}},
    "long references": lambda option, text: {f"asyncz.{option}": {"default": {"class": f"os:{text}"}}},
    "many keys": lambda option, text: {f"asyncz.{option}.{n}{text[:2]}": n for n in range(LENGTH // 10)},
}


@pytest.mark.parametrize("option", ["stores", "executors", "task_defaults", "timezone", "logger_name", "x"])
@pytest.mark.parametrize("build", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_configuration_of_ten_thousand_characters_takes_no_longer_than_ten_milliseconds(option, build):
    target = TARGETS["configuration"]
    for name in ("a", "a.", "9", "\\ud800", "{pgrp:9}", "../"):
        assert seconds(target, build(option, SHAPES[name])) <= target.limit, name


@pytest.mark.parametrize("key", ["weeks", "jitter", "start_at", "timezone", "triggers", "trigger", "day", "x"])
def test_trigger_arguments_of_ten_thousand_characters_take_no_longer_than_ten_milliseconds(key):
    target = TARGETS["trigger"]
    for shape in SHAPES.values():
        for arguments in ({key: shape}, {key: [shape]}, {shape: key}, {key: int("9" * 4_000) * 10**4_000}):
            assert seconds(target, {"trigger": "interval", **arguments}) <= target.limit


def test_an_error_that_is_not_documented_is_found():
    """The judge can judge."""

    def odd(text: str) -> None:
        raise {"a": KeyError, "b": ValueError}[text]("x" * (MAX_MESSAGE + 1))

    target = Target("odd", odd, (ValueError,), lambda source: source.rest("ab"), "ab")
    with pytest.raises(KeyError):
        check(target, "a")
    with pytest.raises(AssertionError, match="a text of 1001 characters"):
        check(target, "b")
