"""The shapes of the frames that browsers may send: those of our own events, and those of NiceGUI's page.

Nothing of another shape reaches a handler, see :class:`Guard`. Ids and numbers have limits far above those of any real
browser, so what the server keeps because a browser said so is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

MAX_ID_LENGTH = 128
MAX_NUMBER = 2**53
"""The largest whole number that JavaScript can count to exactly."""
MAX_LOG_LENGTH = 2000
"""The number of characters that the server logs of a page's message. The rest is cut off."""


class OddFrameError(Exception):
    """A frame that no browser sends."""


def _from_digits(value: object) -> object:
    """Return the number for a string of digits, because all values in a query are text."""
    is_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(MAX_NUMBER))
    return int(value) if is_number else value  # type: ignore[call-overload]


Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_LENGTH)]
OptionalId = Annotated[str, StringConstraints(max_length=MAX_ID_LENGTH)]
Number = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
QueryNumber = Annotated[int, BeforeValidator(_from_digits), Field(ge=0, le=MAX_NUMBER)]


class Frame(BaseModel):
    """A frame. Further values besides its fields are ignored."""

    model_config = ConfigDict(frozen=True, strict=True)


class Hello(Frame):
    """``todosync_hello``."""

    client_id: Id
    document_id: OptionalId = ''
    alone: bool = False


class Handshake(Frame):
    """NiceGUI's handshake: the query of a connection, or the data of the event ``handshake``."""

    client_id: Id
    tab_id: Id
    document_id: Id
    old_tab_id: OptionalId | None = None
    next_message_id: QueryNumber | None = None
    link_number: QueryNumber | None = None


class Join(Handshake):
    """``todosync_join``."""

    tab: Id


class Leave(Frame):
    """``todosync_leave``."""

    client_id: Id


class Up(Frame):
    """``todosync_up``: a numbered frame of a page. Its ``data`` is checked before NiceGUI gets it."""

    client_id: Id
    document_id: OptionalId
    number: Number
    event: Id
    data: dict[str, Any]


class PageEvent(Frame):
    """NiceGUI's ``event``. The arguments are JSON texts."""

    client_id: Id
    id: Number
    listener_id: Id
    args: list[str | None] = []


class JavaScriptResponse(Frame):
    """NiceGUI's ``javascript_response``."""

    client_id: Id
    request_id: Id


class Acknowledgement(Frame):
    """NiceGUI's ``ack``."""

    client_id: Id
    next_message_id: Number


class LogMessage(Frame):
    """NiceGUI's ``log``."""

    client_id: Id
    level: Literal['debug', 'info', 'warning', 'error']
    message: str


def checked(shape: type[BaseModel]) -> Callable[[Any], Any]:
    """Return a function that returns the data of a frame unchanged if they have a shape, and raises if not."""

    def read(data: Any) -> Any:
        shape.model_validate(data)
        return data

    return read


def read_log_message(data: Any) -> dict[str, Any]:
    """Return the data of NiceGUI's ``log`` with the message cut off."""
    frame = LogMessage.model_validate(data)
    return {**frame.model_dump(), 'message': frame.message[:MAX_LOG_LENGTH]}


READ_NICEGUI: dict[str, Callable[[Any], Any]] = {
    'handshake': checked(Handshake),
    'event': checked(PageEvent),
    'javascript_response': checked(JavaScriptResponse),
    'ack': checked(Acknowledgement),
    'log': read_log_message,
}
"""For each event of NiceGUI's page: a function that returns the data as NiceGUI needs them, or raises."""
