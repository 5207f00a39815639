"""How a page gets its views: ``use_stream()``."""

from __future__ import annotations

import html
import time
from typing import TYPE_CHECKING, TypeVar

import orjson
from nicegui import Client, context, core, ui

from todosync.access import csrf_token
from todosync.runtime import current_server
from todosync.streams import Channel, Stream, escape_for_script
from todosync.writes import makes_ids, named_by, shown_defaults

from .view import View

if TYPE_CHECKING:
    from todosync.assembly import SyncServer

Kind = TypeVar('Kind', bound=View)


def use_stream(stream: Stream) -> View:
    """Return this page's view of a stream; every call on a page returns the same one.

    Call it while the page is built. The rows are then part of the page, so they show before the socket is open.

    :param stream: a stream that was given to ``todosync.setup()``
    :raises RuntimeError: ``todosync.setup()`` was not called with this stream, or no page is being built

    Example::

        view = use_stream(NOTES)
    """
    return use_view(stream, View)


def use_view(stream: Stream, kind: type[Kind]) -> Kind:
    """Return this page's view of a stream, as an object of your own class. Every call on a page returns the same one.

    :param stream: a stream that was given to ``todosync.setup()``
    :param kind: your subclass of :class:`View`, with further properties and methods
    :raises RuntimeError: as for :func:`use_stream`
    :raises TypeError: the page already has a view of this stream, and the view is of another class

    Example::

        def use_notes() -> NotesView:
            return use_view(NOTES, NotesView)
    """
    server = current_server()
    client = context.client
    view = server.views.of(client).get(stream.name)
    if view is None:
        channel = server.channel(stream)
        view = kind(channel, server.database, server.writer, client)
        server.views.add(client, view)
        _embed(server, channel, client)
    if not isinstance(view, kind):
        raise TypeError(
            f'this page has a {type(view).__name__} of the stream {stream.name!r} already; '
            f'call use_view() with {kind.__name__} before anything else asks for the stream'
        )
    return view


def _embed(server: SyncServer, channel: Channel, client: Client) -> None:
    if core.is_script_mode_preflight():
        return  # an app without a page function runs once before there is anybody to see it
    ui.add_head_html(
        f'<meta name="csrf-token" content="{csrf_token(client.request)}">\n'
        f'<script type="application/json" class="todosync-snapshot" data-stream="{html.escape(channel.stream.name)}" '
        f'data-order="{html.escape(channel.stream.order_by)}">{channel.embed()}</script>{_writable(channel.stream)}'
    )


def _writable(stream: Stream) -> str:
    """Return what a page's browser has to know of a stream to show writes at once."""
    if not stream.is_writable:
        return ''
    told = {'time': int(time.time() * 1000), 'defaults': shown_defaults(stream), 'makesIds': makes_ids(stream)}
    told |= stream.told_totals() | {'named_by': named_by(stream), 'verbs': stream.declared.shows}
    name, content = html.escape(stream.name), escape_for_script(orjson.dumps(told).decode())
    return f'\n<script type="application/json" class="todosync-writable" data-stream="{name}">{content}</script>'
