"""A record that somebody without the secret has added, changed or moved is told from ours."""

from __future__ import annotations

import copy
import hashlib
import hmac
import itertools
import pickle

import pytest
from case_names import case_name
from hypothesis import given
from hypothesis import strategies as st

from asyncz.exceptions import SignatureError, UnreadableRecordError
from asyncz.serializers import Signer

RECORD = ("task", 1_704_110_400_000_000, None, 7, b'{"version":1}', b"[]")
SIGNER = Signer("the secret")


def test_what_was_signed_is_verified():
    signature = SIGNER.sign(*RECORD)
    assert len(signature) == 32
    SIGNER.verify(signature, *RECORD)
    SIGNER.verify(memoryview(bytearray(signature)), *RECORD)
    Signer(b"the secret").verify(signature, *RECORD)


CHANGED = [
    ("task2", *RECORD[1:]),
    ("tas", *RECORD[1:]),
    ("task", RECORD[1] + 1, *RECORD[2:]),
    ("task", None, *RECORD[2:]),
    (*RECORD[:2], 5, *RECORD[3:]),
    (*RECORD[:3], 8, *RECORD[4:]),
    (*RECORD[:4], b'{"version":2}', b"[]"),
    (*RECORD[:4], RECORD[4] + b"[]", b""),
    RECORD[:-1],
    (*RECORD, b""),
    (*RECORD[:4], RECORD[4].decode(), b"[]"),
]


@pytest.mark.parametrize("record", CHANGED, ids=repr)
def test_whatever_is_changed_is_noticed(record):
    with pytest.raises(SignatureError, match=f"record of the task {record[0]} is not signed with any of the secrets"):
        SIGNER.verify(SIGNER.sign(*RECORD), *record)


@pytest.mark.parametrize(
    "signature", [b"", b"\0" * 32, SIGNER.sign(*RECORD)[:-1], SIGNER.sign(*RECORD) + b"\0", None, "x"]
)
def test_what_is_no_signature_is_noticed(signature):
    with pytest.raises(SignatureError) as caught:
        SIGNER.verify(signature, *RECORD)
    assert isinstance(caught.value, UnreadableRecordError)
    assert caught.value.task_id == "task"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_another_secret_is_noticed():
    for other in ("the secre", "the secret ", b"x", "other"):
        with pytest.raises(SignatureError):
            SIGNER.verify(Signer(other).sign(*RECORD), *RECORD)


parts = st.none() | st.integers() | st.text(st.characters(), max_size=3) | st.binary(max_size=3)
records = st.lists(parts, max_size=4).map(lambda content: ("id", None, *content))


@given(records, records)
def test_no_two_records_are_signed_alike(one, other):
    is_same = [(type(a), a) for a in one] == [(type(a), a) for a in other]
    assert (SIGNER.sign(*one) == SIGNER.sign(*other)) is is_same


def test_the_first_secret_signs_and_all_of_them_verify():
    old, new = Signer("old"), Signer("new")
    rotating = Signer(["new", b"old"])
    assert rotating.sign(*RECORD) == new.sign(*RECORD)
    rotating.verify(old.sign(*RECORD), *RECORD)
    rotating.verify(new.sign(*RECORD), *RECORD)
    with pytest.raises(SignatureError):
        old.verify(rotating.sign(*RECORD), *RECORD)


def test_the_signature_is_what_the_standard_says():
    # Written out, so that a release that signs otherwise cannot read its own records unnoticed.
    message = (
        b"asyncz-record-1" + b"s\0\0\0\0\0\0\0\1a" + b"i\0\0\0\0\0\0\0\2-5" + b"n" + bytes(8) + b"b\0\0\0\0\0\0\0\1\xff"
    )
    assert Signer("k").sign("a", -5, None, b"\xff") == hmac.new(b"k", message, hashlib.sha256).digest()


@pytest.mark.parametrize("secrets", ["", b"", [], [""], ["good", b""], ["good", "  "], iter(())], ids=case_name)
def test_an_empty_secret_is_refused(secrets):
    with pytest.raises(ValueError, match=r"Expected (at least one|a) secret, got an empty"):
        Signer(secrets)


@pytest.mark.parametrize("secrets", [None, 5, [None], ["good", 5]], ids=repr)
def test_a_secret_of_another_type_is_refused(secrets):
    with pytest.raises(TypeError, match="Expected"):
        Signer(secrets)


def test_a_part_that_cannot_be_signed_is_refused():
    for part in (1.5, True, [b"x"]):
        with pytest.raises(TypeError, match="Expected text, bytes, an integer or None to sign"):
            SIGNER.sign("id", None, part)


def test_the_secret_shows_nowhere():
    assert repr(Signer(["the secret", "another"])) == "<Signer (2 secrets)>"
    for dump, protocol in itertools.product((pickle.dumps,), range(pickle.HIGHEST_PROTOCOL + 1)):
        with pytest.raises(TypeError, match="A Signer cannot be pickled"):
            dump(SIGNER, protocol)
    with pytest.raises(TypeError, match="A Signer cannot be pickled"):
        copy.copy(SIGNER)
    for secrets in (["the secret", ""], ["the secret", 5]):
        with pytest.raises((TypeError, ValueError)) as caught:
            Signer(secrets)
        assert "the secret" not in str(caught.value)


def test_any_text_is_a_secret():
    for text in ("Geheimnis \N{LATIN SMALL LETTER U WITH DIAERESIS}", "\udcff"):
        Signer(text).verify(Signer(text).sign(*RECORD), *RECORD)
