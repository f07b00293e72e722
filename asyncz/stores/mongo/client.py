"""The client through which a store talks to MongoDB: one that was handed in, or one that is made here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...exceptions import shown
from ...refs import maybe_ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ("CLIENT_OPTIONS", "MongoConnection", "import_pymongo")

#: Of a client that is made here, unless its user says otherwise. A server that does not answer is an error within
#: seconds. The driver makes no second attempt: the scheduler does, after a look at what became of the first; a claim
#: that was made twice would find its row changed, by itself, and be taken for lost.
CLIENT_OPTIONS: dict[str, Any] = {
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 20_000,
    "retryWrites": False,
    "retryReads": False,
    "appname": "asyncz",
}

#: Clients of a parent process, kept for ever: closing them would talk to the server over the parent's connections.
_inherited: list[Any] = []


class MongoConnection:
    """Opens and closes a client; the options are those of :class:`asyncz.stores.mongo.MongoDBStore`."""

    def __init__(
        self, client: Any, host: str | Sequence[str] | None, port: int | str | None, url: str | None, options: Any
    ) -> None:
        self._pymongo = import_pymongo()
        if url is not None and host is not None:
            raise ValueError("Expected either a host or a url, got both.")
        address = {"host": host if url is None else url, "port": None if port is None else _port(port)}
        self._options = {**{name: value for name, value in address.items() if value is not None}, **options}
        if client is not None and self._options:
            raise ValueError(f"Expected either a client or options for one, got both: {', '.join(self._options)}.")
        self._given = None if client is None else self._found(client)
        self._client: Any = None

    def _found(self, client: Any) -> Any:
        found = maybe_ref(client)
        if isinstance(found, self._pymongo.MongoClient):
            return found
        raise TypeError(f"Expected a pymongo.MongoClient as client, got {shown(found)}.")

    def open(self, database: str) -> Any:
        """Return a database as it has to be read and written, whatever the client says.

        Writes are acknowledged when most members of a replica set have them in their journals; reads go to the
        primary member, which knows all that was acknowledged.
        """
        from bson.codec_options import CodecOptions
        from pymongo.read_concern import ReadConcern

        if any(self._given is client for client in _inherited):
            raise RuntimeError("A MongoClient does not outlast a fork: hand in one that this process has made.")
        if self._client is None:
            self._client = self._given if self._given is not None else self._make()
        return self._client.get_database(
            database,
            codec_options=CodecOptions(),
            read_preference=self._pymongo.ReadPreference.PRIMARY,
            write_concern=self._pymongo.WriteConcern("majority", j=True),
            read_concern=ReadConcern(),
        )

    def _make(self) -> Any:
        host = self._options.get("host")
        said = _named(self._options) | _named_in(host if isinstance(host, str) else "")
        defaults = {name: value for name, value in CLIENT_OPTIONS.items() if name.lower() not in said}
        return self._pymongo.MongoClient(**defaults, **self._options)

    def close(self) -> None:
        """Close a client that was made here."""
        client, self._client = self._client, None
        if client is not None and client is not self._given:
            client.close()

    def left_behind(self) -> None:
        """Forget a client of the parent, in a process that was forked off."""
        if self._client is not None:
            _inherited.append(self._client)
        self._client = None


def import_pymongo() -> Any:
    """Return the driver. Raises ImportError that says how to get it."""
    try:
        import pymongo
        import pymongo.errors
    except ImportError as exc:
        raise ImportError("MongoDBStore needs pymongo: pip install asyncz[mongo]") from exc
    return pymongo


def _port(value: int | str) -> int:
    try:
        if 0 < int(value) < 2**16:
            return int(value)
    except (OverflowError, TypeError, ValueError):
        pass
    raise ValueError(f"Expected a number from 1 to 65535 as port, got {shown(value)}.")


def _named(options: Iterable[str]) -> set[str]:
    return {name.lower() for name in options}


def _named_in(url: str) -> set[str]:
    return _named(option.partition("=")[0] for option in url.partition("?")[2].split("&"))
