"""The internals of NiceGUI that the shared socket uses, and a check that they are as expected.

If they are not, nothing breaks: each tab keeps its own socket, as in plain NiceGUI, and its event log says so.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import nicegui
import socketio
from nicegui import Client, core

PAGE_SCRIPT = Path(nicegui.__file__).parent / 'static' / 'nicegui.js'
REQUIREMENT = 'nicegui>=3.18,<4'
"""As in ``pyproject.toml``."""
METHODS: list[tuple[type[Any], str, list[str]]] = [
    (Client, 'accept_handshake', ['socket_id', 'tab_id', 'environ']),
    (Client, 'handle_handshake', ['socket_id', 'tab_id', 'old_tab_id', 'document_id', 'next_message_id']),
    (Client, 'handle_disconnect', ['socket_id']),
    (socketio.AsyncServer, 'emit', ['event', 'data', 'to', 'room']),
]
SOCKET_EVENTS = ('connect', 'handshake', 'disconnect', 'event', 'javascript_response', 'log')
PAGE_SNIPPETS = {
    'the page opens its socket by io(url, options)': 'window.socket = io(url, {',
    'the query is kept up to date on reconnect_attempt': 'window.socket.io.on("reconnect_attempt", () => {',
    'the query carries the next message id': 'options.query.next_message_id = window.nextMessageId;',
    'an implicit handshake is over with the connection': 'if (options.query.implicit_handshake) {',
    'frames are measured by wrapping ws.send': 'transport.ws.send = wrapFunction(transport.ws.send)',
    'a refused handshake reloads the page': 'err.message == "Implicit handshake failed"',
}


def mismatch() -> str | None:
    """Return a sentence that says which NiceGUI is needed, ``None`` if the one that is installed is as expected.

    Reads NiceGUI's page script: call it at start-up, not on a running event loop.
    """
    if difference() is None:
        return None
    return (
        f'todosync needs {REQUIREMENT} to share one socket per browser: '
        f'with NiceGUI {nicegui.__version__} each tab keeps a socket of its own'
    )


def difference() -> str | None:
    """Return the first of NiceGUI's internals that has moved, ``None`` if all are as expected."""
    return _server_side() or _page_side()


def has_heads() -> bool:
    """Return whether the head of a page can be added to, whatever else has moved."""
    return _of_head() is None


def _server_side() -> str | None:
    for owner, name, parameters in METHODS:
        if moved := _of_method(owner, name, parameters):
            return moved
    if moved := _of_head():
        return moved
    handlers = core.sio.handlers.get('/', {})
    for event in SOCKET_EVENTS:
        if event not in handlers:
            return f'NiceGUI handles no socket event {event!r} any more'
    return None


def _of_head() -> str | None:
    if '_head_html' not in Client.__init__.__code__.co_names:
        return 'Client._head_html is gone'
    return _of_method(Client, 'build_response', ['request'])


def _of_method(owner: type[Any], name: str, parameters: list[str]) -> str | None:
    method = getattr(owner, name, None)
    if method is None:
        return f'{owner.__name__}.{name} is gone'
    found = list(inspect.signature(method).parameters)[1:]
    return (
        None if found[: len(parameters)] == parameters else f'{owner.__name__}.{name} takes {found}, not {parameters}'
    )


def _page_side() -> str | None:
    script = PAGE_SCRIPT.read_text() if PAGE_SCRIPT.is_file() else ''
    for meaning, snippet in PAGE_SNIPPETS.items():
        if snippet not in script:
            return f'NiceGUI no longer does this in its page: {meaning}'
    return None
