"""The rows as part of a page, so that they show before the page's socket is open."""

from __future__ import annotations

from typing import Any

import orjson

from .messages import ScopeValue, head
from .replica import Replica
from .version import NOTHING

SCRIPT_ESCAPES = {
    '<': r'\u003c',
    '>': r'\u003e',
    '&': r'\u0026',
    '\u2028': r'\u2028',
    '\u2029': r'\u2029',
}
"""Characters that could end a script element, or have another meaning there, and the JSON escapes for them."""


class Embedding:
    """The JSON of a replica for a script element. It is encoded once per version.

    :param replica: the replica
    :param limit: the largest size in bytes; of more rows only the first ones are given, and the message has ``partial``
    """

    def __init__(self, replica: Replica, limit: int, scope: ScopeValue | None = None) -> None:
        self._replica = replica
        self._limit = limit
        self._scope = scope
        self._version = NOTHING
        self._text = ''

    @property
    def text(self) -> str:
        """The JSON at the replica's version."""
        if self._version != self._replica.version:
            self._version, self._text = self._replica.version, encode_for_page(self._replica, self._limit, self._scope)
        return self._text


def encode_for_page(replica: Replica, limit: int, scope: ScopeValue | None = None) -> str:
    """Return the rows as JSON for a script element, see :class:`Embedding`."""
    rows, size = [], 0
    for row in replica.rows:
        encoded = orjson.dumps(row)
        size += len(encoded) + 1
        if size > limit:
            break
        rows.append(encoded)
    name = replica.stream.name
    message: dict[str, Any] = {
        **head(name, scope),
        'version': replica.version.message(),
        name: orjson.Fragment(b'[' + b','.join(rows) + b']'),
        'totals': replica.totals,
    }
    if len(rows) < len(replica.rows):
        message['partial'] = True
    return escape_for_script(orjson.dumps(message).decode())


def escape_for_script(json_text: str) -> str:
    """Return JSON in which no character can end the script element around it, or have another meaning there."""
    for character, escape in SCRIPT_ESCAPES.items():
        json_text = json_text.replace(character, escape)
    return json_text
