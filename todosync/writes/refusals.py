"""Refusals of writes, in sentences for the person who wanted the write."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from todosync.database import Objection, ObjectionKind, first_line, objection_of
from todosync.streams import Stream

ERRORS_LIMIT = 20
"""How many reasons a refusal tells at most."""
SENTENCE_LENGTH = 300
FIELD_LENGTH = 100
"""The number of characters of the name of a field that is told. The rest is cut off, as that of a sentence."""
OBJECTIONS = {
    ObjectionKind.REFERENCE: 'It belongs to something that does not exist, or something else belongs to it',
    ObjectionKind.CHECK: 'One of the values is not allowed',
    ObjectionKind.SIZE: 'One of the values is too large to be stored',
}

log = logging.getLogger(__name__)


class RefusedWriteError(ValueError):
    """A write was refused, and nothing was written.

    :param errors: one sentence for each reason, for the person who wanted the write
    :param fields: sentences to show beside a field, by the name of the field

    Example::

        try:
            await view.insert(text=field.value)
        except RefusedWriteError as error:
            field.error = error.fields.get('text', str(error))
    """

    def __init__(self, *errors: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__('. '.join(errors))
        self.errors = list(errors)
        self.fields = dict(fields or {})


class RowGoneError(RefusedWriteError, LookupError):
    """The row of a write does not exist, or was deleted. Nothing was written.

    Example::

        try:
            await view.delete(note)
        except RowGoneError:
            pass  # somebody else was faster
    """


class NotAllowedError(RefusedWriteError):
    """Its author may not read where the row would be, so they may not write there either. Nothing was written."""


class IdTakenError(RefusedWriteError):
    """A row with the id that was chosen for a new one exists. Nothing was written; the row may get another id."""


def refusal_of(error: ValidationError) -> RefusedWriteError:
    """Return the refusal for values that do not fit their fields."""
    sentences: list[str] = []
    fields: dict[str, str] = {}
    for detail in error.errors(include_url=False)[:ERRORS_LIMIT]:
        field = _clipped('.'.join(map(str, detail['loc'])), FIELD_LENGTH)
        sentence = _clipped(_sentence(detail['type'], field, detail['msg'], detail.get('ctx', {})), SENTENCE_LENGTH)
        sentences.append(sentence)
        fields.setdefault(field, sentence)
    return RefusedWriteError(*sentences, fields=fields)


def refusal_by_database(error: DBAPIError, stream: Stream | None = None) -> RefusedWriteError:
    """Return the refusal for what a constraint, a trigger or the type of a column does not admit.

    It is told in the words of this program, or of the trigger. What the database itself says is for the log.

    :param error: the error
    :param stream: the stream that was written to, if it is known
    """
    log.info('the database refused a write: %s', first_line(error))
    objection = objection_of(error)
    told = {*stream.fields, *stream.declared.fields} if stream else set()
    columns = objection.columns if told.issuperset(objection.columns) else ()  # of others people have never heard
    sentence = _objection(objection, columns, stream.model.__name__.lower() if stream else 'row')
    return RefusedWriteError(sentence, fields={columns[0]: sentence} if len(columns) == 1 else {})


def _objection(objection: Objection, columns: tuple[str, ...], row: str) -> str:
    names = ' and '.join(column.replace('_', ' ') for column in columns)
    match objection.kind:
        case ObjectionKind.SAID:
            return f'The database refused it: {objection.said}'
        case ObjectionKind.UNIQUE:
            return f'There is a {row} with the same {names} already' if names else f'There is such a {row} already'
        case ObjectionKind.MISSING:
            return f"{names.capitalize()} can't be blank" if names else 'Something that is needed is missing'
    return OBJECTIONS.get(objection.kind, 'This cannot be stored')


def _clipped(text: str, length: int) -> str:
    return text if len(text) <= length else f'{text[: length - 1]}…'


def _sentence(kind: str, field: str, message: str, context: Mapping[str, object]) -> str:
    name = field.rpartition('.')[2].replace('_', ' ').capitalize() or 'The row'
    if kind == 'is_instance_of' and context.get('class') == 'Decimal':
        kind = 'decimal_type'
    sentences = {
        'missing': f"{name} can't be blank",
        'extra_forbidden': f'Unknown field: {field}',
        'string_type': f'{name} must be text',
        'string_too_long': f'{name} is too long (maximum is {context.get("max_length")} characters)',
        'string_too_short': f'{name} is too short (minimum is {context.get("min_length")} characters)',
        'bool_type': f'{name} must be true or false',
        **dict.fromkeys(('decimal_type', 'decimal_parsing'), f'{name} must be a number'),
        'decimal_max_places': f'{name} has too many decimals (maximum is {context.get("decimal_places")})',
        **dict.fromkeys(('decimal_max_digits', 'decimal_whole_digits'), f'{name} has too many digits'),
        'int_type': f'{name} must be a whole number',
        'finite_number': f'{name} must be a number',
        'float_type': f'{name} must be a number',
        'enum': f'{name} must be {context.get("expected")}',
        'literal_error': f'{name} must be {context.get("expected")}',
        'greater_than': f'{name} must be more than {context.get("gt")}',
        'greater_than_equal': f'{name} must be {context.get("ge")} or more',
        'less_than': f'{name} must be less than {context.get("lt")}',
        'less_than_equal': f'{name} must be {context.get("le")} or less',
        **dict.fromkeys(('date_type', 'date_parsing', 'date_from_datetime_parsing'), f'{name} must be a date'),
        **dict.fromkeys(('time_type', 'time_parsing'), f'{name} must be a time of day'),
        **dict.fromkeys(('datetime_type', 'datetime_parsing', 'datetime_from_date_parsing'), f'{name} must be a time'),
        'value_error': str(context.get('error', message)),
        'json_invalid': 'This cannot be stored; it may hold half a character, such as a part of an emoji',
        'model_type': 'A row must be an object of fields',
        'dict_type': 'A row must be an object of fields',
    }
    return sentences.get(kind, f'{name}: {message}')
