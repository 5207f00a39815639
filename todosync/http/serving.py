"""How a process listens, logs and stops: the arguments of ``ui.run()``."""

from __future__ import annotations

import errno
import multiprocessing
import socket
import sys
from importlib.util import find_spec
from typing import Any

from nicegui import app
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from todosync.settings import Settings

from .log_lines import READS_STRANGERS, AddressHint, OncePerError, TextFormatter, json_formatter
from .patience import PatientHttp

GZIP_LEVEL = 4
"""The results are a tenth larger than with the best level, in a quarter of the time; the event loop waits for it."""
STOP_GRACE = 5
"""Seconds for which a process that stops waits for its running requests."""


def run_options(settings: Settings, **own: Any) -> dict[str, Any]:
    """Return the arguments of ``ui.run()`` that follow from the settings.

    :param settings: the settings
    :param own: your own arguments of ``ui.run()``; they replace those that follow from the settings
    :return: the arguments of ``ui.run()``
    :raises OSError: the storage directory, which keeps the secret of the sessions, cannot be used
    :raises SystemExit: another program listens at the address; the message says what to do

    Example::

        ui.run(**todosync.run_options(settings, title='Todos', reload=True))
    """
    options: dict[str, Any] = {
        'host': settings.host,
        'port': settings.port,
        'reload': False,
        'show': False,
        'timeout_graceful_shutdown': STOP_GRACE,
        'log_config': log_configuration(settings),
        'http': PatientHttp,
        # messages are small. A compressor takes 90 kB for each socket, and most of the time of sending a message
        'ws_per_message_deflate': False,
        'ws_ping_interval': None,  # Engine.IO has pings of its own
        'gzip_middleware_factory': None if settings.behind_proxy else compress_quickly,
    }
    if settings.socket is not None:
        # only the proxy can open the socket, because the directory is closed to others
        options |= {'uds': str(settings.socket), 'forwarded_allow_ips': '*', 'show_welcome_message': False}
    if 'storage_secret' not in own:
        options['storage_secret'] = settings.resolve_storage_secret()
    options |= own
    if 'uds' not in options and 'fd' not in options and _is_first_to_listen():
        refuse_taken_address(str(options['host']), int(options['port']))
    return options


def refuse_taken_address(host: str, port: int) -> None:
    """End the program if another one listens at its address, before NiceGUI says that it is ready.

    :raises SystemExit: another program does; the message says what to do. Any other problem is left to Uvicorn
    """
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ':' in host else socket.AF_INET):
            pass
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            remedy = 'set TODOSYNC_HOST and TODOSYNC_PORT to an address where nothing else listens'
            raise SystemExit(f'{host}:{port}: address already in use; {remedy}') from None


def _is_first_to_listen() -> bool:
    # a process that was started to load the program again takes over the socket of the first one; an app without a page
    # function runs again for each client; and a test listens nowhere
    return (
        multiprocessing.current_process().name == 'MainProcess' and not app.is_started and 'pytest' not in sys.modules
    )


def log_configuration(settings: Settings) -> dict[str, Any]:
    """Return the configuration for ``logging.config.dictConfig``.

    The log is text for people; in production, with the extra of that name, it is JSON lines. A line that is written
    while a request or a socket is served has its ``request_id``, which Caddy logs, too. Whatever a stranger sends, a
    line has a limited length and no control characters.

    :param settings: the settings
    """
    # by name only, because without the extra there is nothing to import
    is_json = settings.is_production and all(find_spec(name) for name in ('pythonjsonlogger', 'asgi_correlation_id'))
    return {
        'version': 1,
        'disable_existing_loggers': False,
        'filters': {'address': {'()': AddressHint}, 'once': {'()': OncePerError}}
        | ({'request_id': {'()': 'asgi_correlation_id.CorrelationIdFilter'}} if is_json else {}),
        'formatters': {'line': {'()': json_formatter if is_json else TextFormatter}},
        'handlers': {
            'stdout': {
                'class': 'logging.StreamHandler',
                'stream': 'ext://sys.stdout',
                'formatter': 'line',
                'filters': ['address', 'once', *(['request_id'] if is_json else [])],
            }
        },
        'root': {'level': 'WARNING', 'handlers': ['stdout']},
        # to name a logger takes its own handlers away: what sockets send is logged once, and like everything else
        'loggers': {'todosync': {'level': 'INFO'}} | {name: {'propagate': True} for name in READS_STRANGERS},
    }


def compress_quickly(app: ASGIApp) -> GZipMiddleware:
    """Return the middleware that compresses answers."""
    return GZipMiddleware(app, compresslevel=GZIP_LEVEL)
