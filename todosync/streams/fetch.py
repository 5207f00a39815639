"""The shape of ``todosync_fetch``, by which a browser's leader asks for a stream."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from .scope import TEXT_LENGTH

MAX_VERSION = 2**53
MAX_NUMBER = 2**53
MAX_NAME_LENGTH = 128


class Fetch(BaseModel):
    """What is asked for.

    :ivar stream: the name of the stream
    :ivar scope: its scope, ``None`` for a stream without scopes
    :ivar version: what the browser holds, ``None`` for nothing
    """

    model_config = ConfigDict(strict=True)

    stream: Annotated[str, Field(max_length=MAX_NAME_LENGTH)]
    scope: (
        Annotated[int, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)] | Annotated[str, Field(max_length=TEXT_LENGTH)] | None
    ) = None
    version: Annotated[int, Field(ge=-1, le=MAX_VERSION)] | list[Any] | None = None
