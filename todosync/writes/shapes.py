"""The shapes of writes: pydantic models of a stream's writable fields, made from the fields of its own model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from todosync.ids import ID_MAX, new_id
from todosync.streams import Stream, carried

from .refusals import refusal_of

Values = Mapping[str, Any] | bytes
"""The values of fields by name: Python values or what a row carries for them, or JSON bytes of an object."""
STORED_MAX = 2**63 - 1
"""The largest whole number that a database stores, positive or negative."""
NOW = '\0now'
"""Stands for the time of an insert, which nobody knows yet, among what is shown of a new row."""


@cache
def insert_shape(stream: Stream) -> type[BaseModel]:
    """Return the shape of an insert: the writable fields. A field with a default may be left out.

    :param stream: a stream with ``writable`` fields
    :return: a pydantic model, with the types and checks that the stream's model declares

    Example::

        schema = insert_shape(NOTES).model_json_schema()
    """
    return _shape(f'New{stream.model.__name__}', stream, is_change=False)


@cache
def update_shape(stream: Stream) -> type[BaseModel]:
    """Return the shape of an update: the writable fields. A field that is left out stays as it is.

    :param stream: a stream with ``writable`` fields
    :return: a pydantic model, with the types and checks that the stream's model declares

    Example::

        schema = update_shape(NOTES).model_json_schema()
    """
    return _shape(f'{stream.model.__name__}Change', stream, is_change=True)


def shown_defaults(stream: Stream) -> dict[str, Any]:
    """Return what a new row shows in the fields that its insert does not set, before the server has made it.

    :param stream: a stream with ``writable`` fields
    :return: JSON values by field; :data:`NOW` stands for the time of the insert
    """
    defaults = {name: _shown_default(stream.model.model_fields[name]) for name in stream.fields if name != 'id'}
    return {name: value if value == NOW else stream.told(name, value) for name, value in defaults.items()}


def makes_ids(stream: Stream) -> bool:
    """Return whether the ids of a stream's new rows may be made by whoever makes the row, a browser, too.

    So it is where they are made by :func:`todosync.new_id`, and where they are UUIDs that the model makes.

    :param stream: the stream
    """
    factory = stream.model.model_fields['id'].default_factory
    return factory is not None if stream.is_key_a_uuid else factory is new_id


def named_by(stream: Stream) -> str:
    """Return the field by which a person knows a row: the first writable text that is shown, empty if there is none.

    :param stream: a stream with ``writable`` fields
    """
    shown = (name for name in stream.declared.fields if name in stream.fields)
    return next((name for name in shown if stream.model.model_fields[name].annotation is str), '')


def _shown_default(field: FieldInfo) -> Any:
    if field.default_factory is not None:
        return NOW if field.annotation is datetime else None
    return None if field.default is PydanticUndefined else to_jsonable_python(field.default)


def check_values(shape: type[BaseModel], values: Values) -> dict[str, Any]:
    """Return the values that were given, as a validator of the model may have changed them.

    :raises RefusedWriteError: one is missing, unknown, of another type, or refused by a check of the model
    """
    try:
        found = shape.model_validate_json(values) if isinstance(values, bytes) else _read(shape, values)
    except ValidationError as error:
        raise refusal_of(error) from None
    return {name: getattr(found, name) for name in shape.model_fields if name in found.model_fields_set}


def _read(shape: type[BaseModel], values: Mapping[str, Any]) -> BaseModel:
    """Read values of Python, or as rows carry them: a date may be a date, or a text."""
    try:
        return shape.model_validate(values)
    except ValidationError:
        if (as_json := _as_json(values)) is None:
            raise
        return shape.model_validate_json(as_json)


def _as_json(values: Any) -> bytes | None:
    """Return values as an object of JSON, ``None`` where they are none."""
    if not isinstance(values, Mapping):
        return None
    try:
        return json.dumps({name: carried(value) for name, value in values.items()}, ensure_ascii=False).encode()
    except (TypeError, ValueError):  # something of Python's own, or half a character
        return None


def _shape(name: str, stream: Stream, *, is_change: bool) -> type[BaseModel]:
    found = {name: stream.model.model_fields[name] for name in stream.declared.fields}
    # a change may leave out any field; the default is not seen, because only what was given counts
    fields: dict[str, Any] = {
        name: (_type_of(stream, name, field), None if is_change else field) for name, field in found.items()
    }
    return create_model(name, __config__=ConfigDict(extra='forbid', strict=True, allow_inf_nan=False), **fields)


def _type_of(stream: Stream, name: str, field: FieldInfo) -> Any:
    """Return the type of a field, with the limits of its whole numbers: what browsers, or databases, can hold."""
    annotation = field.rebuild_annotation()
    kinds = get_args(field.annotation) if get_origin(field.annotation) in (Union, UnionType) else (field.annotation,)
    if int not in kinds:
        return annotation
    largest = ID_MAX if name in stream.fields else STORED_MAX

    def limit(value: Any) -> Any:
        if isinstance(value, int) and abs(value) > largest:
            label = name.replace('_', ' ').capitalize()
            raise ValueError(f'{label} is too large' if value > 0 else f'{label} is too small')
        return value

    return Annotated[annotation, AfterValidator(limit)]
