"""What each kind of write does in its transaction: it is checked, also by the rules of its stream, and carried out.

The module is long because all kinds of writes stand here side by side: what one of them checks, the others do, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import Session, SQLModel

from todosync.streams import Row, RowId, ScopeValue, Stream, UnservableError, told_key, unknown

from .author import PROGRAM, Author
from .deleted import Kept
from .history import Change, FromHistory
from .meanwhile import refuse_if_changed, told_values
from .refusals import IdTakenError, NotAllowedError, RefusedWriteError, RowGoneError
from .rules import run_by_app
from .shapes import Values, check_values, insert_shape, update_shape
from .write import Write

ID_ATTEMPTS = 100
"""How many ids to try for a new row. Two processes hardly ever make the same id, unless a clock is wrong."""

RowOrId = int | str | UUID | Row | SQLModel


class Effect:
    """A write that was found well-formed, and is carried out in a transaction.

    :param request: what is asked for, as JSON values; another request under the same key is another write
    :param carry_out: carries it out in a session, and returns the row as it is then, ``None`` if it is gone
    :ivar before: once it was carried out, what it has replaced or deleted, by field, as rows hold it
    """

    def __init__(self, request: list[Any], carry_out: Callable[[Session], Any]) -> None:
        self.request = request
        self.carry_out = carry_out
        self.before: Row = {}


def insert_effect(stream: Stream, values: Values, row_id: RowId | None = None, *, author: Author = PROGRAM) -> Effect:
    """Return the effect of an insert.

    :param row_id: the id that the row gets (default: one that is made here)
    :raises RefusedWriteError: the values do not fit the fields
    """
    _refuse_undeclared(stream)
    _refuse_unknown(stream, values)
    given = check_values(insert_shape(stream), values)

    def add(session: Session) -> Any:
        write = _checked(stream, Write('insert', None, given, session, author.user), author)
        key = None if row_id is None else stream.key(row_id)
        row = _new_row(stream, write.values if key is None else {**write.values, 'id': key}, session)
        _refuse_unreadable(stream, row, author)  # before its author learns whether there is a row with that id
        if key is not None and _has(session, stream, key):
            raise IdTakenError(f'There is a {stream.model.__name__.lower()} {row_id} already')
        session.add(row)
        return row

    return Effect([stream.name, 'insert', given], add)


def update_effect(
    stream: Stream, row: RowOrId, values: Values, *, only_if: Row | None = None, author: Author = PROGRAM
) -> Effect:
    """Return the effect of an update.

    :param only_if: what the fields must still hold, where the update takes another one back
    :raises RefusedWriteError: the values do not fit the fields, or there are none
    """
    _refuse_undeclared(stream)
    _refuse_unknown(stream, values)
    given = check_values(update_shape(stream), values)
    if not given:
        raise RefusedWriteError(f'Nothing to change: give {_either(stream.declared.fields)}')

    def carry_out(session: Session) -> Any:
        write = _checked(stream, Write('update', stored(stream, row, session), given, session, author.user), author)
        refuse_if_changed(stream, write.row, only_if or {}, given)
        effect.before = told_values(stream, write.row, given)
        write.row.sqlmodel_update(write.values)
        _refuse_unreadable(stream, write.row, author)
        return write.row

    effect = Effect([stream.name, 'update', id_of(stream, row), given], carry_out)
    return effect


def delete_effect(
    stream: Stream,
    row: RowOrId,
    kept: Kept | None = None,
    *,
    only_if: Row | None = None,
    author: Author = PROGRAM,
) -> Effect:
    """Return the effect of a delete.

    :param kept: where the row is kept, to be put back
    :param only_if: what its fields must still hold, where the delete takes an insert back
    """
    _refuse_undeclared(stream)

    def remove(session: Session) -> None:
        write = _checked(stream, Write('delete', stored(stream, row, session), {}, session, author.user), author)
        refuse_if_changed(stream, write.row, only_if or {}, {})
        effect.before = told_values(stream, write.row, stream.fields)
        if kept is not None:
            kept.keep(stream, write.row, session)
        session.delete(write.row)

    effect = Effect([stream.name, 'delete', id_of(stream, row)], remove)
    return effect


def restore_effect(stream: Stream, row_id: RowId, kept: Kept, *, author: Author = PROGRAM) -> Effect:
    """Return the effect of putting a deleted row back as it was. A row that is there stays as it is.

    :param kept: where the row was kept
    """
    _refuse_undeclared(stream)

    def put_back(session: Session) -> Any:
        there = session.get(stream.model, stream.key(row_id))
        if there is not None and author.may_read(stream, scope_of(stream, there)):
            return there
        row = kept.find(stream, row_id, session) if there is None else None
        if row is None or not author.may_read(stream, scope_of(stream, row)):
            raise RefusedWriteError('This was deleted too long ago to be put back')
        write = _checked(stream, Write('restore', row, {}, session, author.user), author)
        session.add(write.row)
        return write.row

    return Effect([stream.name, 'restore', row_id], put_back)


def take_back_effect(stream: Stream, change: Change, *, author: Author = PROGRAM) -> Effect:
    """Return the effect of putting back what the history has noted: a deleted row, or the values before an update.

    :raises RefusedWriteError: the change is another one, or has changed nothing that may be written
    """
    if change.action == 'delete':
        return restore_effect(stream, change.row_id, FromHistory(change.id), author=author)
    before = {name: value for name, value in change.before.items() if name in stream.declared.fields}
    if not before:
        raise RefusedWriteError('There is nothing here that can be put back')
    return update_effect(stream, change.row_id, before, author=author)


def verb_effect(stream: Stream, verb: str, row: RowOrId, *, author: Author = PROGRAM) -> Effect:
    """Return the effect of a verb.

    :raises RefusedWriteError: the stream has no such verb
    """
    act = stream.declared.verbs.get(verb)
    if act is None:
        raise RefusedWriteError(f'The stream {stream.name!r} has no verb {verb!r}')

    def do_it(session: Session) -> Any:
        write = _checked(stream, Write(verb, stored(stream, row, session), {}, session, author.user), author)
        effect.before = told_values(stream, write.row, stream.declared.shows[verb])
        with run_by_app(stream.name, verb):
            act(session, write.row)
        _refuse_unreadable(stream, write.row, author)
        return write.row

    effect = Effect([stream.name, verb, id_of(stream, row)], do_it)
    return effect


def stored(stream: Stream, row: RowOrId, session: Session) -> Any:
    """Return a row as it is stored, an object of the stream's model, locked until the end of the transaction.

    :raises RowGoneError: there is none
    :raises RefusedWriteError: another program has written what cannot be served
    """
    row_id, name = id_of(stream, row), stream.model.__name__.lower()
    try:
        found = stream.row_to_write(session, row_id)
    except UnservableError as error:
        refusal = f'The {name} {row_id} is not shown and cannot be changed here ({error}); correct it in the database'
        raise RefusedWriteError(refusal) from error
    if found is None:
        raise gone(stream, row_id)
    return found


def gone(stream: Stream, row_id: RowId) -> RowGoneError:
    """Return the refusal for a row that does not exist, or that the author of a write may not read."""
    return RowGoneError(f'There is no {stream.model.__name__.lower()} {row_id}; it may have been deleted')


def id_of(stream: Stream, row: RowOrId) -> RowId:
    """Return the id of a row as rows hold it; it may be given as a row or as its id.

    :raises TypeError: it is neither
    """
    found = row['id'] if isinstance(row, Mapping) else getattr(row, 'id', row)
    row_id = told_key(stream.table.c.id, found)
    if row_id is None:
        remedy = 'for a click in a row of a list use on_click(), whose function is given the row'
        raise TypeError(f'{row!r} is no row, and no id of one; {remedy}')
    return row_id


def _has(session: Session, stream: Stream, key: Any) -> bool:
    return session.connection().scalar(select(stream.table.c.id).where(stream.table.c.id == key)) is not None


def _new_row(stream: Stream, values: Mapping[str, Any], session: Session) -> Any:
    """Return a new row. If its model makes ids, another process may have made the same one; then it gets another."""
    row: Any = stream.model(**values)
    for _ in range(0 if 'id' in values else ID_ATTEMPTS):
        if row.id is None or not _has(session, stream, row.id):
            break
        row = stream.model(**values)
    return row


def _refuse_undeclared(stream: Stream) -> None:
    if not stream.is_writable:
        raise RefusedWriteError(f'The stream {stream.name!r} can only be read; declare what may be written: writable()')


def _refuse_unknown(stream: Stream, values: Values) -> None:
    """Refuse names that the app's own code has misspelt, in a sentence for its author. JSON is checked by its shape."""
    if not isinstance(values, Mapping):
        return
    for name in values:
        if name not in stream.declared.fields:
            said = unknown(stream, 'writable field', str(name), stream.declared.fields)
            remedy = '; name it in `writable`' if name in stream.model.model_fields and name != 'id' else ''
            sentence = f'T{said[1:]}{remedy}'
            raise RefusedWriteError(sentence, fields={str(name): sentence})


def _checked(stream: Stream, write: Write, author: Author) -> Write:
    """Return a write that has passed the rules of its stream. A row that its author may not read counts as gone."""
    if write.row is not None and not author.may_read(stream, scope_of(stream, write.row)):
        raise gone(stream, write.row.id)
    for rule in stream.declared.rules:
        with run_by_app(stream.name, rule.__name__):
            rule(write)
    return write


def _refuse_unreadable(stream: Stream, row: Any, author: Author) -> None:
    """Refuse a write after which the row would be in a scope that its author may not read."""
    scope = scope_of(stream, row)
    if not author.may_read(stream, scope):
        sentence = 'You may not write here; ask somebody who may to let you in'
        raise NotAllowedError(sentence, fields={stream.scope: sentence} if stream.scope else {})


def scope_of(stream: Stream, row: Any) -> ScopeValue | None:
    """Return the scope in which a row is, as messages hold it; ``None`` if the stream has no scopes.

    :param row: an object of the stream's model
    """
    return stream.told(stream.scope, getattr(row, stream.scope)) if stream.scope else None


def _either(names: tuple[str, ...]) -> str:
    return ' or '.join([', '.join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
