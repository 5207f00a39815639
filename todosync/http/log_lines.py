"""The lines of the log. Whatever a stranger sends, each has a limited length and no control characters."""

from __future__ import annotations

import copy
import logging
import sysconfig
import traceback
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

TEXT = '%(asctime)s %(levelname)s %(name)s: %(message)s'
MESSAGE_LIMIT = 2_000
TRACEBACK_LIMIT = 12_000
"""The middle of a message, or of a traceback, with more characters than this is left out."""
READS_STRANGERS = frozenset({'engineio.server', 'socketio.server'})
"""The loggers of the libraries that read the frames of sockets. They log each odd frame with a traceback, which is
hundreds of times as long as the frame and tells nothing about this program."""
LIBRARIES = (
    *(sysconfig.get_path(name) for name in ('stdlib', 'purelib', 'platlib')),
    str(Path(__file__).parents[1]),
    '<',
)
"""Where the code stands that is not the app's; what Python has frozen has names like ``<frozen runpy>``."""
LOGGED = '_todosync_logged'
"""The attribute of an error whose traceback is in the log."""


class TextFormatter(logging.Formatter):
    """Lines for people. The lines of a traceback are indented, so that none looks like a line of the log."""

    def __init__(self) -> None:
        super().__init__(TEXT)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return super().format(tamed(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        """Return the lines of a traceback."""
        return tamed_traceback(short_traceback(ei[1], ei[2]))


class OncePerError(logging.Filter):
    """Leaves out what Uvicorn says of an error that is in the log already: NiceGUI logs it, and raises it again."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record tells something new."""
        return not (record.name == 'uvicorn.error' and record.exc_info and hasattr(record.exc_info[1], LOGGED))


class AddressHint(logging.Filter):
    """Adds what to do to Uvicorn's message that it cannot listen where it is told to."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record where it is that message."""
        if record.name == 'uvicorn.error' and isinstance(record.msg, OSError):
            record.msg = f'{record.msg}; set TODOSYNC_HOST and TODOSYNC_PORT to an address where nothing else listens'
        return True


def json_formatter() -> logging.Formatter:
    """Return a formatter of JSON lines, for programs. Needs the extra ``production``."""
    from pythonjsonlogger.json import JsonFormatter

    class TamedJsonFormatter(JsonFormatter):
        def format(self, record: logging.LogRecord) -> str:
            return super().format(tamed(record))

        def formatException(self, ei: Any) -> str:  # noqa: N802
            return tamed_traceback(short_traceback(ei[1], ei[2]))

    return TamedJsonFormatter(
        '%(levelname)s %(name)s %(message)s %(correlation_id)s %(process)d',
        timestamp='ts',
        rename_fields={'levelname': 'level', 'name': 'logger', 'message': 'msg', 'correlation_id': 'request_id'},
    )


def tamed(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy of a record whose message can be written."""
    message = record.getMessage()
    record = copy.copy(record)
    if record.exc_info and record.name in READS_STRANGERS:
        message = f'{message}: {record.exc_info[1]!r}'
        record.exc_info = None
    if record.exc_info and record.exc_info[1] is not None:
        if hasattr(record.exc_info[1], LOGGED):
            record.exc_info = None
        else:
            with suppress(AttributeError):  # an error without room for attributes
                setattr(record.exc_info[1], LOGGED, True)
    record.exc_text = None  # another handler's
    record.msg, record.args = escaped(cut(message, MESSAGE_LIMIT), MESSAGE_LIMIT), None
    return record


def short_traceback(error: BaseException, trace: TracebackType | None) -> str:
    """Return a traceback that begins with the app's own code. The servers and middleware that call it are left out."""
    own, skipped = trace, 0
    while own is not None and own.tb_frame.f_code.co_filename.startswith(LIBRARIES):
        own, skipped = own.tb_next, skipped + 1
    found = traceback.TracebackException(type(error), error, own or trace)
    # Starlette's middleware has put this error into a group for a while; the group would show all frames once more
    if _holds(error.__cause__, error):
        found.__cause__ = None
    if _holds(error.__context__, error):
        found.__context__ = None
    lines = ''.join(found.format()).rstrip('\n')
    return f'({skipped} calls of libraries before these are left out)\n{lines}' if own and skipped else lines


def _holds(group: BaseException | None, error: BaseException) -> bool:
    return isinstance(group, BaseExceptionGroup) and group.subgroup(lambda held: held is error) is not None


def tamed_traceback(text: str) -> str:
    """Return a traceback whose lines can be written."""
    lines = (escaped(line, MESSAGE_LIMIT) for line in cut(text, TRACEBACK_LIMIT).splitlines())
    return '\n'.join(f'    {line}' for line in lines)


def escaped(text: str, limit: int) -> str:
    """Return a text without control characters, which could for example move the cursor of a terminal."""
    if text.isprintable():
        return text
    shown = (char if char.isprintable() else char.encode('unicode_escape').decode() for char in text)
    return cut(''.join(shown), limit)


def cut(text: str, limit: int) -> str:
    """Return a text; if it has more characters than the limit, without its middle."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f'{text[:half]} ... {len(text) - 2 * half} characters left out ... {text[-half:]}'
