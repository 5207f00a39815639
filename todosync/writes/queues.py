"""Writes that browsers keep until they are done. Each is done exactly once, however often it is sent.

A browser keeps what a person does in a queue of its own, and numbers it. Per queue the database knows the number of the
last write that was decided, and the outcomes that the browser has not confirmed. Both are stored in the transaction of
the writes themselves.

The module is long because what a browser may send stands beside what becomes of it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError
from sqlmodel import Session

from todosync.database import DatabaseUnavailableError, explained
from todosync.ids import GIVEN_ID_MAX, is_of_the_future
from todosync.streams import RowId, ScopeValue, Stream, person_key

from .author import PROGRAM, Author
from .deleted import Deleted, Kept
from .effects import Effect, delete_effect, insert_effect, restore_effect, scope_of, update_effect, verb_effect
from .history import FromHistory
from .meanwhile import Stored, differing, set_by_others
from .once import request_hash
from .refusals import IdTakenError, RefusedWriteError, RowGoneError, refusal_by_database
from .tables import outcomes, queues, seconds

BATCH_LIMIT = 50
"""How many writes travel, and are done in one transaction, at most."""
UNCONFIRMED_LIMIT = 1000
"""How many outcomes are kept for a browser that confirms none. One that does has never more than those of a batch."""
NAME_LENGTH = 128
QUEUE_LENGTH = 32
UUID_FORM = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
MAX_NUMBER = 2**53 - 1
FUTURE_LIMIT = timedelta(days=1)
"""How far the clock of a browser may be ahead."""

Number = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]

log = logging.getLogger(__name__)


class QueuedWrite(BaseModel):
    """A write as a browser sends it.

    :ivar sequence: its number, which rises within its queue
    :ivar stream: the name of the stream
    :ivar action: ``insert``, ``update``, ``delete``, ``restore``, ``undo``, or the name of a verb
    :ivar id: the id of the row; of a new row, too, whose id the browser makes
    :ivar values: the fields that are set, by name
    :ivar was: the values that its author saw in these fields before. What takes a write of their own back, an ``undo``
        or the ``delete`` of a row that they have added, is refused if a field holds something else meanwhile
    """

    model_config = ConfigDict(strict=True, extra='forbid')

    sequence: Number
    stream: Name
    action: Name
    id: Annotated[int, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)] | Annotated[str, Field(pattern=UUID_FORM)]
    values: dict[str, Any] = {}
    was: dict[str, Any] = {}


class Batch(BaseModel):
    """What a browser sends: its next writes, in their order.

    :ivar queue: the random id of the queue
    :ivar person: whose queue it is, as the page was told; empty for nobody
    :ivar confirmed: outcomes up to this number have arrived, and can be forgotten
    :ivar writes: the writes
    """

    model_config = ConfigDict(strict=True, extra='forbid')

    queue: Annotated[str, Field(min_length=QUEUE_LENGTH, max_length=QUEUE_LENGTH, pattern='^[0-9a-f]+$')]
    person: Annotated[str, Field(max_length=NAME_LENGTH)] = ''
    confirmed: Number = 0
    writes: Annotated[list[QueuedWrite], Field(max_length=BATCH_LIMIT)]


class AnotherQueueError(Exception):
    """A number was used for another write already: the browser has lost its queue, and needs a new one."""


class ForeignQueueError(Exception):
    """The queue belongs to somebody else than who sends it. Nothing was written."""


class QueueRecord:
    """Decides the writes of one queue in one transaction.

    :param session: the transaction
    :param queue: the id of the queue
    :param streams: the streams that can be written, by name
    :param author: who writes
    :raises ForeignQueueError: another person has begun the queue
    """

    def __init__(self, session: Session, queue: str, streams: Mapping[str, Stream], author: Author = PROGRAM) -> None:
        self._author = author
        self._session = session
        self._queue = queue
        self._streams = streams
        self._deleted = Deleted(queue)
        self._last = self._lock()
        self._taken: set[tuple[str, RowId]] = set()
        self._decided: list[dict[str, Any]] = []
        self._done: list[tuple[dict[str, Any], Stream, Sequence[ScopeValue | None]]] = []
        self._stored = Stored()

    def confirm(self, sequence: int) -> None:
        """Forget the outcomes up to a number, and those of more than :data:`UNCONFIRMED_LIMIT` numbers ago."""
        last = max(sequence, self._last - UNCONFIRMED_LIMIT)
        confirmed = (outcomes.c.queue == self._queue) & (outcomes.c.sequence <= last)
        self._session.connection().execute(delete(outcomes).where(confirmed))

    def decide(self, write: QueuedWrite) -> dict[str, Any]:
        """Do a write, unless it has been decided already, and return its outcome.

        :return: ``sequence``, and ``state``: ``done`` with the ``conflicts``, values by field that others had set
            meanwhile, and, once :meth:`note` was called, the ``version`` of the stream that holds the write, of a
            stream with scopes the ``versions`` of each scope that it has changed, two if it has moved the row;
            ``refused`` with ``errors``, ``fields`` and ``gone`` as in :class:`RefusedWriteError`; or ``taken`` if the
            id of a new row is that of another one: this and what follows for that row has to be sent again with
            another id
        :raises AnotherQueueError: another write was decided under its number
        """
        request = request_hash(write.model_dump())
        if write.sequence <= self._last:
            known = self._known(write.sequence, request)
            if known['state'] == 'taken':  # so is what follows for that row, of which the first answer did not tell
                self._taken.add((write.stream, write.id))
            self._stored.note(write, self._sent(write), known)
            return {'sequence': write.sequence, **known}
        outcome = self._do(write)
        self._stored.note(write, self._sent(write), outcome)
        outcome['sequence'] = write.sequence
        self._decided.append({'sequence': write.sequence, 'request': request, 'outcome': outcome})
        self._last = write.sequence
        return outcome

    def note(self) -> None:
        """Note what was decided, and up to where. Call it once, after all writes of the batch.

        All of them have the version after the last one, since others see all of them at once.
        """
        version = cache(lambda stream, scope: stream.version(self._session, scope).message())
        for outcome, stream, scopes in self._done:
            told = [[scope, version(stream, scope)] for scope in scopes]
            outcome.update(version=told[0][1], **({'versions': told} if stream.scope else {}))
        connection = self._session.connection()
        if self._decided:
            noted = [{**one, 'queue': self._queue, 'outcome': json.dumps(one['outcome'])} for one in self._decided]
            connection.execute(insert(outcomes), noted)
        moved = {'last_sequence': self._last, 'at': seconds(datetime.now(UTC))}
        connection.execute(update(queues).where(queues.c.queue == self._queue).values(moved))

    def _lock(self) -> int:
        connection = self._session.connection()
        person = person_key(self._author.user)
        query = select(queues.c.last_sequence, queues.c.person).where(queues.c.queue == self._queue).with_for_update()
        found = connection.execute(query).first()
        if found is None:
            begun = {'last_sequence': -1, 'at': seconds(datetime.now(UTC)), 'person': person}
            connection.execute(insert(queues).values(queue=self._queue, **begun))
            return -1
        if found.person != person:
            raise ForeignQueueError
        return int(found.last_sequence)

    def _known(self, sequence: int, request: str) -> dict[str, Any]:
        noted = next((one for one in self._decided if one['sequence'] == sequence), None)
        if noted is None:
            query = select(outcomes).where((outcomes.c.queue == self._queue) & (outcomes.c.sequence == sequence))
            found = self._session.connection().execute(query).mappings().first()
            if found is None:
                return {'state': 'done'}  # the browser has confirmed its outcome
            noted = {**found, 'outcome': json.loads(found['outcome'])}
        if noted['request'] != request:
            raise AnotherQueueError
        outcome: dict[str, Any] = noted['outcome']
        return outcome

    def _do(self, write: QueuedWrite) -> dict[str, Any]:
        stream = self._streams.get(write.stream)
        if (write.stream, write.id) in self._taken:
            return {'state': 'taken'}  # it is meant for the row that could not be made
        try:
            if stream is None:
                raise RefusedWriteError(f'There is no stream {write.stream!r}')
            with explained(), self._session.begin_nested():
                scopes = [stream.scope_of(self._session, write.id)]
                kept = FromHistory() if stream.history else self._deleted
                write.was = self._stored.seen(write)
                effect = _effect(stream, write, kept, self._author)
                conflicts = self._conflicts(stream, write)
                row = effect.carry_out(self._session)
                self._session.flush()
                scopes += [] if row is None else [scope_of(stream, row)]
                sent, is_new = self._sent(write), write.action == 'insert'
                differs = {'stored': found} if (found := differing(stream, row, sent, is_new=is_new)) else {}
            done = {'state': 'done', 'conflicts': conflicts, **differs}
            self._done.append((done, stream, [scope for scope in dict.fromkeys(scopes) if scope is not None] or [None]))
            return done
        except IdTakenError:
            self._taken.add((write.stream, write.id))
            return {'state': 'taken'}
        except RefusedWriteError as error:
            return _refusal(error)
        except (IntegrityError, DataError) as error:
            return _refusal(refusal_by_database(error, stream))
        except (SQLAlchemyError, DatabaseUnavailableError):
            raise  # nothing is decided: the browser sends the write again
        except Exception:
            log.exception('a rule or a verb of the stream %s failed', write.stream)
            return _refusal(RefusedWriteError('This could not be done, because of a mistake in the app'))

    def _sent(self, write: QueuedWrite) -> dict[str, Any]:
        """Return what the author of a write sees of it: its values, or what the verb shows."""
        stream = self._streams.get(write.stream)
        return write.values if stream is None else stream.declared.shows.get(write.action, write.values)

    def _conflicts(self, stream: Stream, write: QueuedWrite) -> dict[str, Any]:
        """Return the values that somebody else has set meanwhile in the fields of an update, by field."""
        if write.action != 'update' or not write.was:
            return {}
        was = {name: value for name, value in write.was.items() if name in write.values}
        return set_by_others(stream, stream.row(self._session, write.id) or {}, was, write.values)


def forget_queues(session: Session, before: datetime) -> None:
    """Forget the queues that have brought nothing since a time, with what they have not confirmed."""
    old = select(queues.c.queue).where(queues.c.at < seconds(before))
    connection = session.connection()
    connection.execute(delete(outcomes).where(outcomes.c.queue.in_(old)))
    connection.execute(delete(queues).where(queues.c.at < seconds(before)))


def by_name(streams: Iterable[Stream]) -> dict[str, Stream]:
    """Return those of the streams that can be written, by name."""
    return {stream.name: stream for stream in streams if stream.is_writable}


def _effect(stream: Stream, write: QueuedWrite, kept: Kept, author: Author) -> Effect:
    values = json.dumps(write.values).encode()
    if stream.key(write.id) is None:
        raise RefusedWriteError(f'{write.id!r} is no id of the stream {stream.name!r}')
    if write.action == 'insert':
        if isinstance(write.id, int) and not _is_of_our_time(write.id):
            raise RefusedWriteError('The clock of this device is wrong; set it, and try again')
        return insert_effect(stream, values, write.id, author=author)
    if write.action == 'update':
        return update_effect(stream, write.id, values, author=author)
    was = {name: value for name, value in write.was.items() if name in stream.fields}
    if write.action == 'undo':
        return update_effect(stream, write.id, values, only_if=was, author=author)
    if write.action == 'delete':
        return delete_effect(stream, write.id, kept, only_if=was, author=author)
    if write.action == 'restore':
        return restore_effect(stream, write.id, kept, author=author)
    return verb_effect(stream, write.action, write.id, author=author)


def _is_of_our_time(row_id: int) -> bool:
    return 0 < row_id <= GIVEN_ID_MAX and not is_of_the_future(row_id, FUTURE_LIMIT)


def _refusal(error: RefusedWriteError) -> dict[str, Any]:
    gone = isinstance(error, RowGoneError)
    return {'state': 'refused', 'errors': error.errors, 'fields': error.fields, 'gone': gone}
