"""Tasks as a JSON document: for backups, and to move them from one store to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..events import TASK_ADDED
from ..exceptions import ConflictIdError, SchedulerNotRunningError
from .looking import LookingVerbs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("MovingVerbs",)


class MovingVerbs(LookingVerbs):
    """Writes tasks down, and adds those that were written down."""

    def export_tasks(self, store: str | None = None) -> dict[str, Any]:
        """Return the tasks of one store or of all as a document of plain values, which ``json.dump`` takes.

        It holds each task's definition, store and next run time, None where it is paused; not its runs, nor tasks with
        a shutdown trigger. Records that cannot be read are named under "left_out", and logged. To have all as of one
        moment, export from a scheduler that was started with ``paused=True``, while no other uses the stores.

        Raises SchedulerNotRunningError while the stores are closed, KeyError for an unknown store, and
        SerializationError for a task that cannot be written down.
        """
        from ..engine.transfer import exported

        document = exported(self._opened(store))
        for entry in document["left_out"]:
            self.logger.warning(
                f"Task {entry['id']!r} of the store {entry['store']!r} was not exported: {entry['reason']}"
            )
        return document

    def import_tasks(
        self,
        document: Mapping[str, Any] | str | bytes,
        store: str | None = None,
        replace_existing: bool = False,
    ) -> list[str]:
        """Add the tasks of a document that :meth:`export_tasks` returned, or of its JSON, and return their ids.

        They go to ``store``, or else to the stores that they came from, each store's in one go. They are due when they
        were to be due; what is past by then is treated as late. A task of which something is missing here, such as its
        callable, is kept by a durable store for others to run.

        When something is wrong with the document or one of its tasks, nothing is added: raises UnreadableRecordError,
        saying which it is, NewerFormatError for one of a later release, TaskUnavailableError for a task that a memory
        store would have to make and cannot, KeyError for a store that is not there. Ids that are taken are found out
        last: without ``replace_existing``, the others have been added when ConflictIdError names these. Raises
        SchedulerNotRunningError while the stores are closed.
        """
        from ..engine.transfer import arrivals

        stores = self._opened(store)
        found = arrivals(document, stores, store, self)
        taken: set[str] = set()
        for alias, arriving in found.items():
            taken.update(arriving.store(replace_existing))
            for task_id in arriving.ids:
                if task_id not in taken:
                    self._news.task(TASK_ADDED, task_id, alias)
        if found:
            self.wakeup()
        if taken:
            raise ConflictIdError(*sorted(taken))
        return [task_id for arriving in found.values() for task_id in arriving.ids]

    def _opened(self, store: str | None) -> dict[str, Any]:
        if not self.running:
            raise SchedulerNotRunningError()
        if store is not None:
            self.lookup_store(store)
            return {store: self._claimable[store]}
        return dict(self._claimable)
