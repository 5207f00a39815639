"""Downloads of a stream's rows as CSV and JSON. Each version is written to a file once, and sent from the file."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import orjson
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from todosync.streams import REFUSAL, Row, ScopeValue, Stream, read_scope

from .refusals import RefusalRoute, RefusedError, allow_methods

if TYPE_CHECKING:
    from todosync.assembly import SyncServer

Format = Literal['csv', 'json']
MEDIA_TYPES: dict[Format, str] = {'csv': 'text/csv; charset=utf-8', 'json': 'application/json'}
KEPT_FOR = 3600.0
"""Seconds for which the file of an old version is kept, because downloads of it may still run."""
ATTEMPTS = 3
"""How often a file that somebody removes at once is written."""
CHUNK_SIZE = 2**16
FORMULA_STARTS = ('=', '+', '-', '@', '\t', '\r')

log = logging.getLogger(__name__)


def make_router(server: SyncServer, streams: Iterable[Stream]) -> APIRouter:
    """Return the routes ``GET /<stream>/export.csv`` and ``GET /<stream>/export.json``.

    :param server: the server
    :param streams: the streams that can be downloaded
    """
    router = APIRouter(route_class=RefusalRoute, tags=['exports'])
    # one at a time: each holds all rows in memory. Those who wait find the file that the first has written
    writing = CapacityLimiter(1)

    def add_route(stream: Stream, format_: Format) -> None:
        @router.get(f'/{stream.name}/export.{format_}', name=f'export_{stream.name}_{format_}')
        async def export(request: Request) -> Response:
            """Download all rows, in their order; of a stream with scopes those of the scope in the query."""
            scope = _scope_of(stream, request)
            if not await server.may_read(request, stream, scope):
                raise RefusedError(HTTPStatus.FORBIDDEN, REFUSAL)
            try:
                path, file = await to_thread.run_sync(open_export, server, stream, format_, scope, limiter=writing)
            except OSError as error:
                log.error('the export of the %s was refused: %s', stream.name, error)
                reason = f'The export cannot be written now ({error.strerror}); try again later'
                raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, reason) from error
            headers = {
                'Cache-Control': 'no-cache',
                'Content-Disposition': f'attachment; filename="{stream.name}.{format_}"',
            }
            if server.settings.behind_proxy:
                file.close()
                headers['X-Accel-Redirect'] = f'/{path.name}'
                return Response(media_type=MEDIA_TYPES[format_], headers=headers)
            headers['Content-Length'] = str(os.fstat(file.fileno()).st_size)
            return StreamingResponse(_chunks(file), media_type=MEDIA_TYPES[format_], headers=headers)

    for stream in streams:
        for format_ in MEDIA_TYPES:
            add_route(stream, format_)
    allow_methods(router)
    return router


def open_export(
    server: SyncServer, stream: Stream, format_: Format, scope: ScopeValue | None = None
) -> tuple[Path, BinaryIO]:
    """Open a file of the current rows. Blocks.

    :return: its path, and the open file, which can be read whatever becomes of the path; that stays for at least an
        hour, unless somebody empties the directory
    :raises OSError: the file cannot be written
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(FileNotFoundError):  # it was removed a moment ago
            return _open(write_export(server, stream, format_, scope))
    return _open(write_export(server, stream, format_, scope))


def write_export(server: SyncServer, stream: Stream, format_: Format, scope: ScopeValue | None = None) -> Path:
    """Write the current rows to a file, unless there is a file of this version. Blocks.

    :param scope: the scope, of a stream with scopes
    :return: the file, which has the shape, the scope and the version of the rows in its name
    :raises OSError: the file cannot be written
    """
    directory = server.settings.exports_dir
    entry = server.source(stream, scope).read()
    of_scope = '' if scope is None else f'-{hashlib.sha256(str(scope).encode()).hexdigest()[:16]}'
    path = directory / f'{stream.name}-{stream.shape}{of_scope}-{entry.version.text}.{format_}'
    if not path.exists():
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        rows: list[Row] = orjson.loads(entry.value)[stream.name]
        _remove_old(directory, f'{stream.name}-*.{format_}')
        with NamedTemporaryFile(dir=directory) as draft:  # it is deleted at the end, even if the disk is full
            draft.write(orjson.dumps(rows) if format_ == 'json' else _csv(stream, rows))
            draft.flush()
            with suppress(FileExistsError):  # another request has written the same file
                os.link(draft.name, path)
    return path


def _scope_of(stream: Stream, request: Request) -> ScopeValue | None:
    if not stream.scope:
        return None
    given = request.query_params.get(stream.scope, '')
    try:
        return read_scope(stream, int(given) if stream.is_scope_a_number else given)
    except ValueError as error:
        reason = f'Say which rows: add ?{stream.scope}=... to the address'
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, reason) from error


def _open(path: Path) -> tuple[Path, BinaryIO]:
    os.utime(path)  # it is in use, and not removed for the next hour
    return path, path.open('rb')


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK_SIZE):
            yield chunk


def _csv(stream: Stream, rows: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(stream.fields)
    are_numbers = {name: stream.scale_of(name) is not None for name in stream.fields}
    writer.writerows(
        [row[name] if is_number else _cell(row[name]) for name, is_number in are_numbers.items()] for row in rows
    )
    return text.getvalue().encode('utf-8-sig')  # with a byte order mark, so that spreadsheets read it as UTF-8


def _cell(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        value = orjson.dumps(value).decode()
    # a spreadsheet would run a text that begins like a formula; the apostrophe makes it show the text
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _remove_old(directory: Path, pattern: str) -> None:
    for path in directory.glob(pattern):
        if path.stat().st_mtime < time.time() - KEPT_FOR:
            path.unlink(missing_ok=True)
