"""The one path of all writes, whether they come from a page, a request, a job or a test.

The module is long because it is the one place for all writes, with an example of each.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy.exc import DataError, IntegrityError

from todosync.database import Database
from todosync.streams import ScopeValue, Stream, person, read_scope

from .author import PROGRAM, Author
from .deleted import forget_deleted
from .effects import (
    Effect,
    RowOrId,
    delete_effect,
    id_of,
    insert_effect,
    restore_effect,
    take_back_effect,
    update_effect,
    verb_effect,
)
from .history import Change, FromHistory, read_history
from .once import Once, forget_done
from .queues import forget_queues
from .refusals import refusal_by_database
from .shapes import Values
from .tables import METADATA

WRITER_THREADS = 4
"""How many threads write. More would not help, because writers wait for each other, and readers need threads, too."""

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
        """Create the tables that tell which writes were done already.

        :raises DatabaseUnavailableError: the database cannot be written to
        """
        for table in METADATA.sorted_tables:
            self.database.create_table(table)

    def forget(self, before: datetime) -> None:
        """Delete the outcomes of writes with a key from before a time, and what was deleted before it.

        Such a write, sent again, is done again. What was deleted cannot be put back any more.

        :param before: a time with a time zone
        :raises DatabaseUnavailableError: the database cannot be written to
        """
        with self.database.write() as session:
            forget_done(session, before)
            forget_deleted(session, before)

    def forget_queues(self, before: datetime) -> None:
        """Forget the queues of browsers that have brought nothing since a time.

        :param before: a time with a time zone
        :raises DatabaseUnavailableError: the database cannot be written to
        """
        with self.database.write() as session:
            forget_queues(session, before)

    async def in_thread(self, write: Callable[..., Result], *args: Any, **options: Any) -> Result:
        """Do a write in one of the writers' threads.

        :param write: one of the methods below
        :param args: its arguments
        :param options: its arguments by name
        """
        return await to_thread.run_sync(partial(write, *args, **options), limiter=self._limiter)

    def insert(self, stream: Stream, values: Values, *, key: str | None = None, author: Author = PROGRAM) -> Any:
        """Add a row.

        :param stream: the stream
        :param values: its fields by name, or JSON of them
        :param key: a random value that the sender chose; a write that is sent again with the same key is done once
        :param author: who writes (default: the program itself, which may write everywhere)
        :return: the row, an object of the stream's model
        :raises RefusedWriteError: the write was refused
        :raises DatabaseUnavailableError: the database cannot be written to now; nothing was written

        Example::

            note = writer.insert(NOTES, {'text': 'Buy milk'})
        """
        return self.carry_out(stream, insert_effect(stream, values, author=author), key=key, author=author)

    def update(
        self, stream: Stream, row: RowOrId, values: Values, *, key: str | None = None, author: Author = PROGRAM
    ) -> Any:
        """Change fields of a row; the others stay as they are.

        :param stream: the stream
        :param row: the row, as an object of the model or of a view's ``rows``, or its id
        :param values: fields by name, or JSON of them
        :param key: a random value that the sender chose; a write that is sent again with the same key is done once
        :param author: who writes (default: the program itself, which may write everywhere)
        :return: the row after the write, an object of the stream's model
        :raises RowGoneError: the row does not exist
        :raises RefusedWriteError: the write was refused
        :raises DatabaseUnavailableError: the database cannot be written to now; nothing was written

        Example::

            writer.update(NOTES, note, {'urgent': True})
        """
        return self.carry_out(stream, update_effect(stream, row, values, author=author), key=key, author=author)

    def delete(self, stream: Stream, row: RowOrId, *, key: str | None = None, author: Author = PROGRAM) -> None:
        """Delete a row.

        :param stream: the stream
        :param row: the row, as an object of the model or of a view's ``rows``, or its id
        :param key: a random value that the sender chose; a write that is sent again with the same key is done once
        :param author: who writes (default: the program itself, which may write everywhere)
        :raises RowGoneError: the row does not exist
        :raises RefusedWriteError: the write was refused
        :raises DatabaseUnavailableError: the database cannot be written to now; nothing was written

        Example::

            writer.delete(NOTES, note)
        """
        self.carry_out(stream, delete_effect(stream, row, author=author), key=key, author=author)

    def do(self, stream: Stream, verb: str, row: RowOrId, *, key: str | None = None, author: Author = PROGRAM) -> Any:
        """Do what a verb of the stream does to a row.

        :param stream: the stream
        :param verb: the name of the verb
        :param row: the row, as an object of the model or of a view's ``rows``, or its id
        :param key: a random value that the sender chose; a write that is sent again with the same key is done once
        :param author: who writes (default: the program itself, which may write everywhere)
        :return: the row after the write, an object of the stream's model
        :raises RowGoneError: the row does not exist
        :raises RefusedWriteError: the write was refused, or the stream has no such verb
        :raises DatabaseUnavailableError: the database cannot be written to now; nothing was written

        Example::

            writer.do(NOTES, 'archive', note)
        """
        return self.carry_out(stream, verb_effect(stream, verb, row, author=author), key=key, author=author)

    def restore(self, stream: Stream, what: Change | RowOrId, *, author: Author = PROGRAM) -> Any:
        """Put back what the history has noted, see :meth:`View.restore`.

        :param stream: a stream whose history is kept
        :param what: a change of a row; or a deleted row, as an object of the model or as a view had it, or its id
        :param author: who writes (default: the program itself, which may write everywhere)
        :return: the row after the write, an object of the stream's model
        :raises RefusedWriteError: the write was refused, or the history has it no longer
        :raises DatabaseUnavailableError: the database cannot be written to now; nothing was written

        Example::

            writer.restore(NOTES, writer.history(NOTES)[0])
        """
        if isinstance(what, Change):
            return self.carry_out(stream, take_back_effect(stream, what, author=author), author=author)
        effect = restore_effect(stream, id_of(stream, what), FromHistory(), author=author)
        return self.carry_out(stream, effect, author=author)

    def history(
        self,
        stream: Stream,
        row: RowOrId | None = None,
        *,
        scope: ScopeValue | None = None,
        limit: int = 50,
        before: Change | None = None,
        author: Author = PROGRAM,
    ) -> list[Change]:
        """Return who changed what and when, the newest change first, see :meth:`View.history`.

        :param stream: a stream whose history is kept
        :param row: of which row, as an object of the model or of a view's ``rows``, or its id (default: of all)
        :param scope: in which scope, of a stream with scopes
        :param limit: how many changes at most, up to 500
        :param before: only what has happened before this change, to read on
        :param author: who reads (default: the program itself); they are told nothing if they may not read the scope
        :raises ValueError: no history is kept, or the stream has no such scope
        :raises DatabaseUnavailableError: the database cannot be read now

        Example::

            for change in writer.history(NOTES, note):
                print(change.at, change.who, change.action)
        """
        if stream.history is None:
            remedy = 'say for how long, as in Stream(..., history=timedelta(days=90))'
            raise ValueError(f'the stream {stream.name!r} keeps no history; {remedy}')
        of_scope = read_scope(stream, scope)
        row_id = None if row is None else id_of(stream, row)
        if not author.may_read(stream, of_scope):
            return []
        with self.database.read() as session:
            return read_history(session, stream, of_scope, row_id, limit=limit, before=before)

    def carry_out(self, stream: Stream, effect: Effect, *, key: str | None = None, author: Author = PROGRAM) -> Any:
        """Carry an effect out in a transaction of its own.

        :param stream: the stream that it writes to
        :param effect: the effect
        :param key: as for :meth:`insert`
        :param author: who writes
        :return: what the effect returns
        :raises RefusedWriteError: the write was refused
        :raises DatabaseUnavailableError: the database cannot be written to now; nothing was written

        Example::

            writer.carry_out(NOTES, delete_effect(NOTES, note))
        """
        try:
            return self._carry_out(stream, effect, key, author)
        except (IntegrityError, DataError) as error:
            raise refusal_by_database(error, stream) from error

    def _carry_out(self, stream: Stream, effect: Effect, key: str | None, author: Author) -> Any:
        if key is None:
            with self.database.write(author.who) as session:
                return effect.carry_out(session)
        sender = [] if author.user is None else [person(author.user)]  # to another one it is not answered
        once = Once(key, [*effect.request, *sender])
        try:
            return self._do_once(stream, effect, once, author.who)
        except IntegrityError:
            with self.database.read() as session:
                if once.outcome(session) is None:
                    raise
            return self._do_once(stream, effect, once, author.who)  # somebody else has just done it

    def _do_once(self, stream: Stream, effect: Effect, once: Once, who: str) -> Any:
        with self.database.write(who) as session:
            known = once.outcome(session)
            if known is not None:
                return stream.model.model_validate(known['row']) if known['row'] else None
            row = effect.carry_out(session)
            session.flush()
            once.note(session, {'row': row and row.model_dump(mode='json')})
            return row
