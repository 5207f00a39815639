"""``GET /up``: whether this process can serve."""

from __future__ import annotations

import logging
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter, move_on_after, to_thread
from fastapi import APIRouter, Response

from todosync.database import reason_for_strangers
from todosync.streams import RowId

from .refusals import RefusalRoute, allow_methods, json_response

if TYPE_CHECKING:
    from todosync.assembly import SyncServer

HEALTH_TIMEOUT = 2.0
"""A process is unhealthy if its parts do not answer within this many seconds."""
PROBE_THREADS = 2
LOOK_TIMEOUT = 0.5
"""How many seconds the answer waits for a look at the rows; the next one has its result."""
ROWS_NAMED = 10
"""How many of the rows that cannot be shown are named, of each stream."""
BROADCAST_MAX_AGE = 60.0
"""A process is unhealthy if its last successful broadcast is older, in seconds; one runs every 10 s in any case."""

log = logging.getLogger(__name__)


def make_router(server: SyncServer) -> APIRouter:
    """Return the route ``/up``.

    :param server: the server whose health it answers with
    """
    router = APIRouter(route_class=RefusalRoute, tags=['operations'])
    probes = CapacityLimiter(PROBE_THREADS)

    @router.head('/up', include_in_schema=False)
    @router.get('/up')
    async def up() -> Response:
        """Tell whether this process can serve: 200, or 503 with the reason."""
        healthy = False
        report: dict[str, Any] = {'status': 'unhealthy', 'error': f'no answer from the parts in {HEALTH_TIMEOUT:g} s'}
        with move_on_after(HEALTH_TIMEOUT):
            healthy, report = await to_thread.run_sync(server.health, limiter=probes, abandon_on_cancel=True)
        return json_response(report, HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE)

    allow_methods(router)
    return router


def check_health(server: SyncServer) -> tuple[bool, dict[str, Any]]:
    """Return whether this process can serve, and the results of all checks. Blocks.

    :param server: the server
    :return: whether it can serve, and by name what was checked, with ``status``: ``ok``, ``degraded`` (a check of
        ``server.checks`` failed, and it still serves), ``starting``, ``draining`` or ``unhealthy``
    """
    checks: dict[str, Any] = {}
    started = time.perf_counter()
    try:
        with server.database.read() as session:
            checks['versions'] = {stream.name: stream.version(session).number for stream in server.streams}
        checks['database'] = {'ok': True, 'ms': round((time.perf_counter() - started) * 1000, 1)}
    except Exception as error:
        checks['database'] = {'ok': False, 'error': f'{type(error).__name__}: {reason_for_strangers(error)}'}
    age = server.broadcaster.seconds_since_success()
    checks['broadcast'] = {
        'ok': age < BROADCAST_MAX_AGE,
        'seconds_since_success': round(age, 1),
        'seconds_since_attempt': round(server.broadcaster.seconds_since_attempt(), 1),
    }
    parts_are_well = checks['database']['ok'] and checks['broadcast']['ok']
    healthy = parts_are_well and server.is_started and not server.is_draining
    further = {name: check() for name, check in server.checks.items()}
    if found := server.damage.found:
        further['file'] = {'ok': False, 'error': f'it is damaged, restore a backup: {found}'}
    if refusal := server.database.why_not_written():
        further['writing'] = {'ok': False, 'error': reason_for_strangers(refusal)}
    if left_out := server.left_out.rows():
        further['rows'] = {'ok': False, 'left_out': {name: _named(rows) for name, rows in left_out.items()}}
    checks |= {**further, 'sockets': server.tabs.socket_count, 'followers': server.tabs.carried_count}
    status = 'ok' if healthy else 'draining' if server.is_draining else 'unhealthy' if server.is_started else 'starting'
    if status == 'ok' and not all(check['ok'] for check in further.values()):
        status = 'degraded'
    return healthy, {'status': status, **checks}


class LeftOut:
    """Looks for the rows that are not shown, because they cannot be served.

    The first look reads all rows, and so does one after very many changes. A process is not unhealthy while it reads
    many rows, so the look has a thread of its own, and health waits for it only a little.

    :param server: the server whose streams are looked at
    """

    def __init__(self, server: SyncServer) -> None:
        self._server = server
        self._found: dict[str, dict[RowId, str]] = {}
        self._thread: threading.Thread | None = None

    def rows(self, timeout: float = LOOK_TIMEOUT) -> dict[str, dict[RowId, str]]:
        """Return why rows are not shown, by stream and id, as far as it is known. Blocks.

        :param timeout: how many seconds to wait for a look
        """
        thread = self._thread
        if thread is None or not thread.is_alive():
            thread = self._thread = threading.Thread(target=self._look, name='look for rows left out', daemon=True)
            thread.start()
        thread.join(timeout)
        return self._found

    def _look(self) -> None:
        try:
            with self._server.database.read() as session:
                found = {stream.name: stream.left_out(session) for stream in self._server.streams}
        except Exception as error:  # health has a check of its own for a database that cannot be read
            log.debug('it is not known which rows are left out: %s', error)
        else:
            self._found = {name: rows for name, rows in found.items() if rows}


def _named(rows: dict[RowId, str]) -> list[str]:
    """Return which rows of a stream are not shown and why, the first ones by name."""
    named = [f'row {row_id}: {reason}' for row_id, reason in sorted(rows.items(), key=str)[:ROWS_NAMED]]
    return named if len(rows) <= ROWS_NAMED else [*named, f'and {len(rows) - ROWS_NAMED} more']
