"""How a page gets its views: ``use_stream()``."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import orjson
from nicegui import Client, context, core, ui

from todosync.access import csrf_token
from todosync.runtime import current_server
from todosync.streams import NOTHING, Channel, ScopeValue, Stream, escape_for_script, key_of, read_scope
from todosync.writes import makes_ids, named_by, shown_defaults

from .view import View, Withheld

if TYPE_CHECKING:
    from todosync.assembly import SyncServer

Kind = TypeVar('Kind', bound=View)


def use_stream(stream: Stream, **scope: ScopeValue | UUID) -> View:
    """Return this page's view of a stream; every call on a page, for the same scope, returns the same one.

    Call it while the page is built. The rows are then part of the page, so they show before the socket is open. Where
    it has to be asked who may read them, where nobody has watched the scope until now, and where a handler calls it, as
    for a dialog or a sub-page, they come with the socket.

    :param stream: a stream that was given to ``todosync.setup()``
    :param scope: of a stream with scopes: the name of its column, and the value whose rows the page shows
    :raises RuntimeError: ``todosync.setup()`` was not called with this stream, or no page is being built
    :raises ValueError: the stream has no such scope

    Example::

        view = use_stream(NOTES)
        of_project = use_stream(TASKS, project_id=7)
    """
    return use_view(stream, View, **scope)


def use_view(stream: Stream, kind: type[Kind], **scope: ScopeValue | UUID) -> Kind:
    """Return this page's view of a stream, as an object of your own class. Every call on a page returns the same one.

    :param stream: a stream that was given to ``todosync.setup()``
    :param kind: your subclass of :class:`View`, with further properties and methods
    :param scope: as for :func:`use_stream`
    :raises RuntimeError: as for :func:`use_stream`
    :raises TypeError: the page already has a view of this stream, and the view is of another class

    Example::

        def use_notes() -> NotesView:
            return use_view(NOTES, NotesView)
    """
    server = current_server()
    client = context.client
    value = _value_of(stream, scope)
    view = server.views.of(client).get(key_of(stream.name, value))
    if view is None:
        view = _new_view(server, stream, value, kind, client)
    if not isinstance(view, kind):
        raise TypeError(
            f'this page has a {type(view).__name__} of the stream {stream.name!r} already; '
            f'call use_view() with {kind.__name__} before anything else asks for the stream'
        )
    return view


def _value_of(stream: Stream, scope: Mapping[str, ScopeValue | UUID]) -> ScopeValue | None:
    if list(scope) != ([stream.scope] if stream.scope else []):
        remedy = (
            f'give {stream.scope}=..., as in use_stream(stream, {stream.scope}=...)' if stream.scope else 'give none'
        )
        raise ValueError(f'the stream {stream.name!r} was asked for the scope {scope!r}; {remedy}')
    return read_scope(stream, scope.get(stream.scope))


def _new_view(server: SyncServer, stream: Stream, scope: ScopeValue | None, kind: type[Kind], client: Client) -> Kind:
    is_preflight = core.is_script_mode_preflight()  # an app without a page function runs once before anybody sees it
    if is_preflight and stream.scope:
        return kind(Withheld(stream, scope), server.database, server.writer, client)
    channel, release = server.channels.watch(stream, scope)
    is_open = not server.rights.are_asked
    view = kind(channel if is_open else Withheld(stream, scope), server.database, server.writer, client)
    server.views.add(client, view)
    if is_open:
        view.hold(release)
    elif is_preflight:
        return view
    else:
        view.write_as(partial(server.author, client.request))
        server.readers.begin(view, client.request, channel, release)
    if not is_preflight:
        has_rows = is_open and not client._response_built
        _embed(channel, client, has_rows=has_rows and (not stream.scope or channel.replica.version != NOTHING))
        view.set_role(server.tabs.role(client))
    return view


def _embed(channel: Channel, client: Client, *, has_rows: bool) -> None:
    stream = channel.stream
    scope = f' data-scope="{html.escape(json.dumps(channel.scope))}" data-scope-field="{html.escape(stream.scope)}"'
    ui.add_head_html(
        f'<meta name="csrf-token" content="{csrf_token(client.request)}">\n'
        f'<script type="application/json" class="todosync-snapshot" data-stream="{html.escape(stream.name)}" '
        f'data-order="{html.escape(stream.told_order)}"{scope if stream.scope else ""}>'
        f'{channel.embed() if has_rows else ""}</script>{_writable(stream)}'
    )


def _writable(stream: Stream) -> str:
    """Return what the browser needs to know of a stream, so that it can show writes at once."""
    if not stream.is_writable:
        return ''
    told = {'time': int(time.time() * 1000), 'defaults': shown_defaults(stream), 'makesIds': makes_ids(stream)}
    told |= {'hasUuids': stream.is_key_a_uuid, 'fields': stream.declared.fields}
    told |= {'noun': stream.model.__name__.lower()}
    told |= stream.told_totals() | {'named_by': named_by(stream), 'verbs': stream.declared.shows}
    name, content = html.escape(stream.name), escape_for_script(orjson.dumps(told).decode())
    return f'\n<script type="application/json" class="todosync-writable" data-stream="{name}">{content}</script>'
