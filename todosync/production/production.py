"""What a deployment adds to a server, in one call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from nicegui import app, core

from todosync.package import extra

from .deadline import LoopDeadline
from .fresh_storage import FreshStorage
from .idle import IdleOutboxes
from .kept_files import KeptFiles
from .maintenance import BACKUP_TIME, FORGETTING_TIME, back_up_database, forget_unused_sessions
from .privacy import keep_private
from .serving import drain_on_signal, load_all_elements
from .status import StatusBoard, take_report
from .storage import SharedStorage
from .tuning import allow_open_files, forget_unused_tab_storage, free_elements, settle_allocator, tune

if TYPE_CHECKING:
    from todosync.assembly import SyncServer

CABLE_MAX_SILENCE = 30.0
"""Seconds without hearing itself after which a process takes its cable for broken; it speaks every 5."""

log = logging.getLogger(__name__)


def add_production(server: SyncServer) -> None:
    """Add what a deployment needs: status reports, metrics, backups, request ids in the log, and tuning of the process.

    The process spends less: pages that have nothing to send sleep, requests for the API pass NiceGUI's middleware by,
    and the allocator and the garbage collector are set for a server that runs for months.

    :param server: what ``setup()`` has returned
    :raises MissingExtraError: the packages of the extra ``production`` are not installed

    Example::

        server = todosync.setup(settings, streams=[NOTES])
        todosync.add_production(server)
    """
    if server.status is not None:
        return  # in an app without a page function, which runs for each client
    with extra('production', 'add_production()'):
        from asgi_correlation_id import CorrelationIdMiddleware

        from . import metrics
    settle_allocator()
    keep_private(app.storage.path)  # the names of NiceGUI's files are worth sessions
    if server.settings.is_production:
        load_all_elements()
        files = KeptFiles(app)
        files.install()
        server.parts.append(files)
        _share_storage(server)
    app.add_middleware(CorrelationIdMiddleware)
    server.status = board = StatusBoard(server.cable, lambda: take_report(server))
    server.jobs.add_recurring(back_up_database.__name__, back_up_database, BACKUP_TIME)
    server.add_routes(metrics.make_router(board, server.health))
    server.checks['cable'] = lambda: _check_cable(board)
    server.parts += [IdleOutboxes(), board, _Tuning(server)]
    if server.settings.is_production:  # not where somebody stops at a breakpoint
        server.parts.append(LoopDeadline())
    app.on_delete(forget_unused_tab_storage)
    app.on_delete(free_elements)


def _share_storage(server: SyncServer) -> None:
    if app.storage.redis_url:
        return  # NiceGUI shares it by itself
    storage = SharedStorage(server.settings.storage_url, server.cable)
    storage.install()
    app.add_middleware(FreshStorage, storage=storage)
    server.parts.append(storage)
    server.jobs.add_recurring(forget_unused_sessions.__name__, forget_unused_sessions, FORGETTING_TIME)


class _Tuning:
    """Tunes the process when everything else has started."""

    def __init__(self, server: SyncServer) -> None:
        self._server = server

    def start(self) -> None:
        if self._server.settings.is_production and (limit := allow_open_files()) is not None:
            log.info('this process may have %d open files, each socket being one', limit)
        drain_on_signal(self._server.drain)
        tune(app, core.sio, self._server.api_routes)

    def stop(self) -> None:
        pass  # the process ends


def _check_cable(board: StatusBoard) -> dict[str, Any]:
    silence = board.seconds_since_echo()
    return {'ok': silence < CABLE_MAX_SILENCE, 'seconds_since_echo': round(silence, 1)}
