"""From the URL of a PostgreSQL database to a connection of psycopg's. It needs no psycopg, which is an extra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import URL, make_url

POSTGRES_CONNECTION: Mapping[str, Any] = {
    'connect_timeout': 5,
    'keepalives_idle': 10,  # a machine that disappears without closing its connections is noticed within 30 s
    'keepalives_interval': 5,
    'keepalives_count': 4,
}
"""The parameters of each connection; times are in seconds."""


def conninfo_of(url: URL | str) -> str:
    """Return what psycopg connects to.

    :param url: SQLAlchemy URL of the database
    """
    return make_url(url).set(drivername='postgresql').render_as_string(hide_password=False)
