"""What is logged and how: JSON lines in production, text for people in development, each with its request's id."""

from __future__ import annotations

from typing import Any

from todosync.settings import Settings

TEXT = '%(asctime)s %(levelname)s %(name)s: %(message)s'


def configuration(settings: Settings) -> dict[str, Any]:
    """Return the configuration for ``logging.config.dictConfig``.

    A line that is written while a request or a socket is served has its ``request_id``; Caddy has logged the same one.
    """
    return {
        'version': 1,
        'disable_existing_loggers': False,
        'filters': {'request_id': {'()': 'asgi_correlation_id.CorrelationIdFilter'}},
        'formatters': {
            'text': {'format': TEXT},
            'json': {
                '()': 'pythonjsonlogger.json.JsonFormatter',
                'timestamp': 'ts',
                'format': '%(levelname)s %(name)s %(message)s %(correlation_id)s %(process)d',
                'rename_fields': {
                    'levelname': 'level',
                    'name': 'logger',
                    'message': 'msg',
                    'correlation_id': 'request_id',
                },
            },
        },
        'handlers': {
            'stdout': {
                'class': 'logging.StreamHandler',
                'stream': 'ext://sys.stdout',
                'formatter': 'json' if settings.is_production else 'text',
                'filters': ['request_id'],
            }
        },
        'root': {'level': 'WARNING', 'handlers': ['stdout']},
        'loggers': {'todosync': {'level': 'INFO'}},
    }
