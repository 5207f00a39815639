"""Where the queues of browsers arrive: the handler of the sockets' ``todosync_write``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from todosync.database import DatabaseUnavailableError
from todosync.streams import Stream, person_key

from .author import PROGRAM, Author
from .queues import AnotherQueueError, Batch, ForeignQueueError, QueueRecord, by_name
from .writer import Writer

FOREIGN = {
    'ok': False,
    'reason': 'person',
    'error': 'These changes are of somebody else than who is signed in now; they wait until their author is signed in',
}
"""The answer to a batch of somebody else. Nothing of it was written."""

log = logging.getLogger(__name__)


class Inbox:
    """Takes batches of writes from the sockets of leaders. Belongs to the event loop.

    :param writer: whose database and threads do the writes
    :param streams: the streams of the server
    :param author_of: returns who writes with the socket with a Socket.IO id
    :param may_write: returns whether the socket with a Socket.IO id may send writes
    """

    def __init__(
        self,
        writer: Writer,
        streams: Iterable[Stream],
        *,
        may_write: Callable[[str], bool],
        author_of: Callable[[str], Author] = lambda sid: PROGRAM,
    ) -> None:
        self._writer = writer
        self._streams = by_name(streams)
        self._may_write = may_write
        self._author_of = author_of
        self._busy: set[str] = set()

    async def receive(self, sid: str, batch: Batch) -> dict[str, Any]:
        """Answer ``todosync_write``: do the writes of a batch, each once.

        :param sid: the Socket.IO id of the leader
        :param batch: the writes
        :return: ``ok`` and the ``outcomes``, see :meth:`QueueRecord.decide`; or ``ok`` is false, nothing was written,
            and the ``reason`` is ``unavailable``, to be sent again later; ``queue``, to be sent in a new queue;
            ``leader``, to be sent by a leader, one batch at a time; ``person``, to be sent when the person is signed
            in whose queue it is, with the sentence ``error`` for whoever reads it; or ``failed``, to be sent one by
            one, since one of the writes keeps the others from being committed
        """
        if not self._may_write(sid) or sid in self._busy:
            return {'ok': False, 'reason': 'leader'}
        self._busy.add(sid)
        try:
            return {'ok': True, 'outcomes': await self._writer.in_thread(self._decide, batch, self._author_of(sid))}
        except ForeignQueueError:
            return {**FOREIGN}
        except DatabaseUnavailableError:
            return {'ok': False, 'reason': 'unavailable'}
        except AnotherQueueError:
            return {'ok': False, 'reason': 'queue'}
        except Exception:  # without an answer the browser would send nothing more
            log.exception('a batch of %d writes failed', len(batch.writes))
            return {'ok': False, 'reason': 'failed'}
        finally:
            self._busy.discard(sid)

    def _decide(self, batch: Batch, author: Author) -> list[dict[str, Any]]:
        if batch.person != person_key(author.user):
            raise ForeignQueueError
        with self._writer.database.write(author.who) as session:
            record = QueueRecord(session, batch.queue, self._streams, author)
            record.confirm(batch.confirmed)
            decided = [record.decide(write) for write in batch.writes]
            record.note()
            return decided
