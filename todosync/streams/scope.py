"""Scopes: the values of one column by which a stream is divided into channels, and how they are named."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import Enum, Integer, String

from todosync.ids import ID_MAX

from .columns import is_own, is_uuid, plain_type
from .keys import told_key
from .messages import ScopeValue
from .mistakes import nearest, refuse

if TYPE_CHECKING:
    from .stream import Stream

TEXT_LENGTH = 256
"""How long the text of a scope may be, in characters."""
NOT_STORED = re.compile('[\0\ud800-\udfff]')
"""What not every database can look for: NUL, and half characters."""


def key_of(stream_name: str, scope: ScopeValue | None) -> str:
    """Return the name of a stream's channel, the same as in browsers: ``notes``, ``notes[7]`` or ``notes["ann"]``.

    :param stream_name: the name of the stream
    :param scope: the scope, ``None`` for a stream without scopes
    """
    return stream_name if scope is None else f'{stream_name}[{json.dumps(scope, ensure_ascii=False)}]'


def read_scope(stream: Stream, value: Any) -> ScopeValue | None:
    """Return a scope that somebody names, if it is one.

    :param stream: the stream
    :param value: whatever was named; ``None`` for a stream without scopes
    :raises ValueError: it is none; the message says what is
    """
    if not stream.scope:
        if value is not None:
            raise ValueError(f'the stream {stream.name!r} has no scopes; leave {value!r} out')
        return None
    if stream.is_scope_a_uuid:
        key = told_key(stream.table.c[stream.scope], value)
        if key is None:
            said = repr(value)[:TEXT_LENGTH]
            raise ValueError(f'a scope of the stream {stream.name!r} is a UUID, a {stream.scope!r}; {said} is none')
        return key
    if not (_is_number(value) if stream.is_scope_a_number else _is_text(value)):
        text = f'a text of at most {TEXT_LENGTH} characters'
        wanted, said = 'a whole number' if stream.is_scope_a_number else text, repr(value)[:TEXT_LENGTH]
        raise ValueError(f'a scope of the stream {stream.name!r} is {wanted}, a {stream.scope!r}; {said} is none')
    found: ScopeValue = value
    return found


def _is_number(value: Any) -> bool:
    return type(value) is int and abs(value) <= ID_MAX


def _is_text(value: Any) -> bool:
    return type(value) is str and len(value) <= TEXT_LENGTH and not NOT_STORED.search(value)


def check_scope(stream: Stream) -> None:
    """Refuse scopes and rights that cannot work as they are declared.

    :raises ValueError: they cannot; the message names the stream, the field and the remedy
    """
    if not isinstance(stream.scope, str):
        refuse(stream, f'has {stream.scope!r} as its `scope`, which is no text', 'give the name of one column')
    if stream.may_read is not None and not callable(stream.may_read):
        remedy = 'give a function of a user and a scope, which returns whether they may read it'
        refuse(stream, f'has {stream.may_read!r} as its `may_read`, which is no function', remedy)
    if not isinstance(stream.rights, (tuple, list)):
        refuse(stream, f'has {stream.rights!r} as its `rights`', 'give models, as in (Membership,)')
    for model in stream.rights:
        if getattr(model, '__table__', None) is None:
            refuse(stream, f'has {model!r} among its `rights`, which has no table', 'give models with `table=True`')
    if stream.rights and stream.may_read is None:
        refuse(stream, 'has `rights` and no `may_read` that looks at them', 'give `may_read`, too')
    if stream.scope:
        _check_column(stream)


def _check_column(stream: Stream) -> None:
    columns, name = stream.table.columns, stream.scope
    if name not in columns:
        refuse(
            stream, f'has no column {name!r}, its scope', f'name a column of the model{nearest(name, columns.keys())}'
        )
    if name not in stream.fields:
        refuse(stream, f'needs the field {name!r}, its scope', 'add it to `fields`')
    source = columns[name]
    is_odd = is_own(source) or isinstance(source.type, Enum)
    if name == 'id' or is_odd or not (isinstance(plain_type(source), (Integer, String)) or is_uuid(source)):
        refuse(stream, f'cannot have a scope for each {name!r}', 'name a column of whole numbers, of texts or of UUIDs')
    if source.nullable:
        refuse(stream, f'cannot have the scope {name!r}, which may be NULL', 'declare it without `None`')
    if not _is_indexed(stream):
        refuse(stream, f'needs an index on {name!r}, its scope', 'declare it with `Field(index=True)`')


def _is_indexed(stream: Stream) -> bool:
    found = [list(index.columns) for index in stream.table.indexes if index.columns]
    return any(columns[0].name == stream.scope for columns in found) or bool(stream.table.c[stream.scope].unique)
