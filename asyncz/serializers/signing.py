"""Signatures over records, so that those of somebody who does not know the secret are told from ours."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from ..exceptions import SignatureError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ("SIGNATURE_SIZE", "Signer")

#: Bytes of a signature: HMAC-SHA256 (RFC 2104).
SIGNATURE_SIZE = 32
_ALGORITHM = "sha256"
#: Says what is signed, so that the same secret may be used for something else.
_PURPOSE = b"asyncz-record-1"


class Signer:
    """Signs records and tells whether one was signed; the first secret signs, all of them verify.

    A secret is a text or bytes; for rotation, put the new one first and keep the old ones until all is written anew.
    Raises ValueError for a secret that is empty and for none at all, TypeError for another type.
    """

    __slots__ = ("_secrets",)

    def __init__(self, secrets: str | bytes | Iterable[str | bytes]) -> None:
        given = [secrets] if isinstance(secrets, (str, bytes)) else _listed(secrets)
        if not given:
            raise ValueError("Expected at least one secret, got an empty list.")
        self._secrets = tuple([_key(secret, at) for at, secret in enumerate(given)])

    def sign(self, task_id: str, due: int | None, *content: bytes | str | int | None) -> bytes:
        """Return the signature over an id, a due time in microseconds since 1970 UTC, and whatever else there is.

        That is all that a store acts upon: the payload, and what stands beside it in the row, such as the nominal time,
        the revision and the live runs. Raises TypeError for what is neither text, bytes, an integer nor None.
        """
        return hmac.digest(self._secrets[0], _message(task_id, due, *content), _ALGORITHM)

    def verify(self, signature: Any, task_id: str, due: int | None, *content: bytes | str | int | None) -> None:
        """Raise SignatureError unless one of the secrets has signed exactly this."""
        message = _message(task_id, due, *content)
        given = bytes(signature) if isinstance(signature, (bytes, bytearray, memoryview)) else b""
        for secret in self._secrets:
            if hmac.compare_digest(hmac.digest(secret, message, _ALGORITHM), given):
                return
        raise SignatureError(task_id)

    def __repr__(self) -> str:
        return f"<Signer ({len(self._secrets)} secrets)>"

    def __reduce__(self) -> str:
        raise TypeError("A Signer cannot be pickled: secrets are not to be written down with other things.")


def _listed(secrets: Any) -> list[Any]:
    try:
        return list(secrets)
    except TypeError as exc:
        raise TypeError(f"Expected a secret, text or bytes, or a list of them, got {type(secrets).__name__}.") from exc


def _key(secret: Any, at: int) -> bytes:
    """Return a secret as bytes. What it is does not show in the errors."""
    if not isinstance(secret, (str, bytes)):
        raise TypeError(f"Expected text or bytes as secret {at + 1}, got {type(secret).__name__}.")
    if not secret.strip():
        raise ValueError(f"Expected a secret, got an empty one (secret {at + 1}).")
    # A byte of the environment that is no UTF-8 is half a character in the text: see os.fsencode().
    return secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")


def _message(*parts: bytes | str | int | None) -> bytes:
    """Return the parts as bytes, each with its kind and length: no two lists of parts are the same message."""
    found = [_PURPOSE]
    for part in parts:
        kind, data = _part(part)
        found += (kind, len(data).to_bytes(8, "big"), data)
    return b"".join(found)


def _part(part: Any) -> tuple[bytes, bytes]:
    if type(part) is str:
        return b"s", part.encode("utf-8", "surrogatepass")
    if type(part) is int:
        return b"i", b"%d" % part
    if part is None:
        return b"n", b""
    if isinstance(part, (bytes, bytearray, memoryview)):
        return b"b", bytes(part)
    raise TypeError(f"Expected text, bytes, an integer or None to sign, got {shown(part)}.")
