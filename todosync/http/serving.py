"""How a process listens, logs and stops: the arguments of ``ui.run()``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from todosync.settings import Settings

from .log_lines import READS_STRANGERS, AddressHint, TextFormatter, json_formatter
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
    return options | own


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
        'filters': {'address': {'()': AddressHint}}
        | ({'request_id': {'()': 'asgi_correlation_id.CorrelationIdFilter'}} if is_json else {}),
        'formatters': {'line': {'()': json_formatter if is_json else TextFormatter}},
        'handlers': {
            'stdout': {
                'class': 'logging.StreamHandler',
                'stream': 'ext://sys.stdout',
                'formatter': 'line',
                'filters': ['address', 'request_id'] if is_json else ['address'],
            }
        },
        'root': {'level': 'WARNING', 'handlers': ['stdout']},
        # to name a logger takes its own handlers away: what sockets send is logged once, and like everything else
        'loggers': {'todosync': {'level': 'INFO'}} | {name: {'propagate': True} for name in READS_STRANGERS},
    }


def compress_quickly(app: ASGIApp) -> GZipMiddleware:
    """Return the middleware that compresses answers."""
    return GZipMiddleware(app, compresslevel=GZIP_LEVEL)
