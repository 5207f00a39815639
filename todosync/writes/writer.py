"""The one path of all writes, whether they come from a page, a request, a job or a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, SQLModel

from todosync.database import Database
from todosync.ids import ID_MAX
from todosync.streams import Row, Stream, UnservableError

from .once import Once, done, forget
from .refusals import RefusedWriteError, RowGoneError
from .shapes import Values, check_values, insert_shape, update_shape
from .write import Write

WRITER_THREADS = 4
"""How many threads write. More would not help, because writers wait for each other, and readers need threads, too."""

ID_ATTEMPTS = 100
"""How many ids to try for a new row. Two processes hardly ever make the same id, unless a clock is wrong."""

RowOrId = int | Row | SQLModel
Effect = Callable[[Session], Any]
Result = TypeVar('Result')


class Writer:
    """Writes to streams. Each write is checked, also by the rules of its stream, and is done in one transaction.

    Its methods block, so call them in a thread, or await :meth:`in_thread`.

    :param database: the database with the tables of the streams

    Example::

        note = await server.writer.in_thread(server.writer.insert, NOTES, {'text': 'Buy milk'})
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._limiter = CapacityLimiter(WRITER_THREADS)

    def prepare(self) -> None:
        """Create the table that holds the outcomes of writes with a key.

        :raises DatabaseUnavailableError: the database cannot be written to
        """
        self.database.create_table(done)

    def forget(self, before: datetime) -> None:
        """Delete the outcomes of writes with a key from before a time. Such a write, sent again, is done again.

        :param before: a time with a time zone
        :raises DatabaseUnavailableError: the database cannot be written to
        """
        with self.database.write() as session:
            forget(session, before)

    async def in_thread(self, write: Callable[..., Result], *args: Any, **options: Any) -> Result:
        """Do a write in one of the writers' threads.

        :param write: one of the methods below
        :param args: its arguments
        :param options: its arguments by name
        """
        return await to_thread.run_sync(partial(write, *args, **options), limiter=self._limiter)

    def insert(self, stream: Stream, values: Values, *, key: str | None = None) -> Any:
        """Add a row.

        :param stream: the stream
        :param values: its fields by name, or JSON of them
        :param key: a random value that the sender chose; a write that is sent again with the same key is done once
        :return: the row, an object of the stream's model
        :raises RefusedWriteError: the write was refused
        :raises DatabaseUnavailableError: the database cannot be written to now; nothing was written

        Example::

            note = writer.insert(NOTES, {'text': 'Buy milk'})
        """
        _refuse_undeclared(stream)
        given = check_values(insert_shape(stream), values)

        def add(session: Session) -> Any:
            write = _checked(stream, Write('insert', None, given, session))
            row = _new_row(stream, write.values, session)
            session.add(row)
            return row

        return self._transaction(stream, add, key, ['insert', given])

    def update(self, stream: Stream, row: RowOrId, values: Values, *, key: str | None = None) -> Any:
        """Change fields of a row; the others stay as they are.

        :param stream: the stream
        :param row: the row, as an object of the model or of a view's ``rows``, or its id
        :param values: fields by name, or JSON of them
        :param key: a random value that the sender chose; a write that is sent again with the same key is done once
        :return: the row after the write, an object of the stream's model
        :raises RowGoneError: the row does not exist
        :raises RefusedWriteError: the write was refused
        :raises DatabaseUnavailableError: the database cannot be written to now; nothing was written

        Example::

            writer.update(NOTES, note, {'urgent': True})
        """
        _refuse_undeclared(stream)
        given = check_values(update_shape(stream), values)
        if not given:
            raise RefusedWriteError(f'Nothing to change: give {_either(stream.declared.fields)}')

        def change(session: Session) -> Any:
            write = _checked(stream, Write('update', _stored(stream, row, session), given, session))
            write.row.sqlmodel_update(write.values)
            return write.row

        return self._transaction(stream, change, key, ['update', id_of(row), given])

    def delete(self, stream: Stream, row: RowOrId, *, key: str | None = None) -> None:
        """Delete a row.

        :param stream: the stream
        :param row: the row, as an object of the model or of a view's ``rows``, or its id
        :param key: a random value that the sender chose; a write that is sent again with the same key is done once
        :raises RowGoneError: the row does not exist
        :raises RefusedWriteError: the write was refused
        :raises DatabaseUnavailableError: the database cannot be written to now; nothing was written

        Example::

            writer.delete(NOTES, note)
        """
        _refuse_undeclared(stream)

        def remove(session: Session) -> None:
            write = _checked(stream, Write('delete', _stored(stream, row, session), {}, session))
            session.delete(write.row)

        self._transaction(stream, remove, key, ['delete', id_of(row)])

    def do(self, stream: Stream, verb: str, row: RowOrId, *, key: str | None = None) -> Any:
        """Do what a verb of the stream does to a row.

        :param stream: the stream
        :param verb: the name of the verb
        :param row: the row, as an object of the model or of a view's ``rows``, or its id
        :param key: a random value that the sender chose; a write that is sent again with the same key is done once
        :return: the row after the write, an object of the stream's model
        :raises RowGoneError: the row does not exist
        :raises RefusedWriteError: the write was refused, or the stream has no such verb
        :raises DatabaseUnavailableError: the database cannot be written to now; nothing was written

        Example::

            writer.do(NOTES, 'archive', note)
        """
        act = stream.declared.verbs.get(verb)
        if act is None:
            raise RefusedWriteError(f'The stream {stream.name!r} has no verb {verb!r}')

        def do_it(session: Session) -> Any:
            write = _checked(stream, Write(verb, _stored(stream, row, session), {}, session))
            act(session, write.row)
            return write.row

        return self._transaction(stream, do_it, key, [verb, id_of(row)])

    def _transaction(self, stream: Stream, effect: Effect, key: str | None, request: list[Any]) -> Any:
        if key is None:
            with self.database.write() as session:
                return effect(session)
        once = Once(key, [stream.name, *request])
        try:
            return self._do_once(stream, effect, once)
        except IntegrityError:
            with self.database.read() as session:
                if once.outcome(session) is None:
                    raise
            return self._do_once(stream, effect, once)  # somebody else has just done it

    def _do_once(self, stream: Stream, effect: Effect, once: Once) -> Any:
        with self.database.write() as session:
            known = once.outcome(session)
            if known is not None:
                return stream.model.model_validate(known['row']) if known['row'] else None
            row = effect(session)
            session.flush()
            once.note(session, {'row': row and row.model_dump(mode='json')})
            return row


def _refuse_undeclared(stream: Stream) -> None:
    if not stream.is_writable:
        raise RefusedWriteError(f'The stream {stream.name!r} can only be read; declare what may be written: writable()')


def _stored(stream: Stream, row: RowOrId, session: Session) -> SQLModel:
    row_id, name = id_of(row), stream.model.__name__.lower()
    try:
        found: SQLModel | None = stream.row_to_write(session, row_id) if abs(row_id) <= ID_MAX else None
    except UnservableError as error:
        refusal = f'The {name} {row_id} is not shown and cannot be changed here ({error}); correct it in the database'
        raise RefusedWriteError(refusal) from error
    if found is None:
        raise RowGoneError(f'There is no {name} {row_id}; it may have been deleted')
    return found


def _new_row(stream: Stream, values: Mapping[str, Any], session: Session) -> Any:
    """Return a new row. If its model makes ids, another process may have made the same one; then it gets another."""
    row: Any = stream.model(**values)
    for _ in range(0 if 'id' in values else ID_ATTEMPTS):
        if row.id is None or session.get(stream.model, row.id) is None:
            break
        row = stream.model(**values)
    return row


def id_of(row: RowOrId) -> int:
    """Return the id of a row, which may be given as a row or as its id."""
    found = row['id'] if isinstance(row, Mapping) else getattr(row, 'id', row)
    if type(found) is not int:
        raise TypeError(f'{row!r} is no row, and no id of one')
    return found


def _checked(stream: Stream, write: Write) -> Write:
    """Return a write that has passed the rules of its stream."""
    for rule in stream.declared.rules:
        rule(write)
    return write


def _either(names: tuple[str, ...]) -> str:
    return ' or '.join([', '.join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
