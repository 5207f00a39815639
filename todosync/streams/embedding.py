"""The list as part of a page, so that it shows before the page has a socket."""

from __future__ import annotations

import orjson

from .replica import Replica

SCRIPT_ESCAPES = {
    '<': r'\u003c',
    '>': r'\u003e',
    '&': r'\u0026',
    '\u2028': r'\u2028',
    '\u2029': r'\u2029',
}
"""What could end or confuse a script element, as JSON escapes."""


def encode_for_page(replica: Replica, limit: int) -> str:
    """Return a list as JSON that can stand in a script element.

    :param limit: bytes of JSON beyond which only the newest rows are given; the message then says ``partial``
    """
    rows, size = [], 0
    for row in replica.rows:
        encoded = orjson.dumps(row)
        size += len(encoded) + 1
        if size > limit:
            break
        rows.append(encoded)
    name = replica.stream.name
    message = {
        'stream': name,
        'version': replica.version,
        name: orjson.Fragment(b'[' + b','.join(rows) + b']'),
        'totals': replica.totals,
    }
    if len(rows) < len(replica.rows):
        message['partial'] = True
    return escape_for_script(orjson.dumps(message).decode())


def escape_for_script(json_text: str) -> str:
    """Return JSON in which nothing can end or confuse the script element around it."""
    for character, escape in SCRIPT_ESCAPES.items():
        json_text = json_text.replace(character, escape)
    return json_text
