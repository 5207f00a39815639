"""Which cable the settings ask for."""

from __future__ import annotations

from todosync.settings import Settings

from .base import Cable
from .memory import MemoryCable
from .sqlite import SqliteCable


def make_cable(settings: Settings) -> Cable:
    """Return the cable that the settings ask for, not started.

    :param settings: the settings
    """
    match settings.cable_adapter:
        case 'sqlite':
            return SqliteCable(settings.cable_path)
        case 'postgres':
            from .postgres import PostgresCable  # needs psycopg, which is an extra

            return PostgresCable(settings.data_url)
        case 'memory':
            return MemoryCable()
