"""Refusals of writes, in sentences for the person who wanted the write."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from todosync.database import reason


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


class IdTakenError(RefusedWriteError):
    """A row with the id that was chosen for a new one exists. Nothing was written; the row may get another id."""


def refusal_of(error: ValidationError) -> RefusedWriteError:
    """Return the refusal for values that do not fit their fields."""
    sentences: list[str] = []
    fields: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        field = '.'.join(map(str, detail['loc']))
        sentence = _sentence(detail['type'], field, detail['msg'], detail.get('ctx', {}))
        sentences.append(sentence)
        fields.setdefault(field, sentence)
    return RefusedWriteError(*sentences, fields=fields)


def refusal_by_database(error: DBAPIError) -> RefusedWriteError:
    """Return the refusal for what a constraint, a trigger or the type of a column does not admit."""
    return RefusedWriteError(f'The database refused it: {reason(error)}')


def _sentence(kind: str, field: str, message: str, context: Mapping[str, object]) -> str:
    name = field.rpartition('.')[2].replace('_', ' ').capitalize() or 'The row'
    sentences = {
        'missing': f"{name} can't be blank",
        'extra_forbidden': f'Unknown field: {field}',
        'string_type': f'{name} must be text',
        'string_too_long': f'{name} is too long (maximum is {context.get("max_length")} characters)',
        'string_too_short': f'{name} is too short (minimum is {context.get("min_length")} characters)',
        'bool_type': f'{name} must be true or false',
        'int_type': f'{name} must be a whole number',
        'value_error': str(context.get('error', message)),
        'json_invalid': 'This cannot be stored; it may hold half a character, such as a part of an emoji',
        'model_type': 'A row must be an object of fields',
        'dict_type': 'A row must be an object of fields',
    }
    return sentences.get(kind, f'{name}: {message}')
