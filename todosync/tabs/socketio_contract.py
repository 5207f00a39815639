"""The internals of python-socketio that this room uses, and a check that they are as expected.

If they are not, NiceGUI's server stays as it is. Everything works, but many sockets cost more, and odd packets reach
python-socketio itself.
"""

from __future__ import annotations

import inspect

import socketio

METHODS: dict[str, list[str]] = {
    'basic_enter_room': ['sid', 'namespace', 'room', 'eio_sid'],
    'basic_leave_room': ['sid', 'namespace', 'room'],
    'basic_disconnect': ['sid', 'namespace', 'kwargs'],
    'get_rooms': ['sid', 'namespace'],
}
STATE = {'rooms': dict, 'callbacks': dict, 'pending_connect': dict, 'pending_disconnect': dict}
TOUCHED_BY_DISCONNECT = {'rooms', 'basic_leave_room', 'callbacks', 'pending_connect', 'pending_disconnect'}
"""What the original's ``basic_disconnect`` changes: the whole of what ours has to change instead."""
TOUCHED_BY_ROOMS = {
    'basic_enter_room': {'is_sid_room', 'rooms', 'bidict'},
    'basic_leave_room': {'rooms'},
}
HARMLESS = {'KeyError', 'ValueError', 'append', 'copy', 'items', 'len', 'remove'}


def manager_difference() -> str | None:
    """Return what of python-socketio's client manager has moved, ``None`` if all is as expected."""
    manager = socketio.AsyncManager
    for name, parameters in METHODS.items():
        method = getattr(manager, name, None)
        if method is None:
            return f'AsyncManager.{name} is gone'
        found = list(inspect.signature(method).parameters)[1:]
        if found != parameters:
            return f'AsyncManager.{name} takes {found}, not {parameters}'
    state = vars(manager())
    for name, kind in STATE.items():
        if not isinstance(state.get(name), kind):
            return f'AsyncManager().{name} is no {kind.__name__} any more'
    for name, touched in {'basic_disconnect': TOUCHED_BY_DISCONNECT, **TOUCHED_BY_ROOMS}.items():
        found_names = set(getattr(manager, name).__code__.co_names) - HARMLESS
        if found_names != touched:
            return f'AsyncManager.{name} touches {sorted(found_names)}, not {sorted(touched)}'
    return None


def server_difference(sio: socketio.AsyncServer) -> str | None:
    """Return what has moved of the ways by which packets reach a server, ``None`` if all is as expected."""
    if sio.eio.handlers.get('message') is None:
        return 'Engine.IO hands over no messages'
    if not (isinstance(sio.packet_class, type) and issubclass(sio.packet_class, socketio.packet.Packet)):
        return 'AsyncServer.packet_class is no Packet'
    if list(inspect.signature(getattr(sio, '_send_packet', int)).parameters) != ['eio_sid', 'pkt']:
        return 'AsyncServer has no _send_packet(eio_sid, pkt)'
    asgi = getattr(sio.eio, '_async', {})
    if not inspect.iscoroutinefunction(getattr(asgi.get('websocket'), 'wait', None)):
        return "Engine.IO's WebSocket has no wait()"
    if not inspect.iscoroutinefunction(asgi.get('translate_request')):
        return 'Engine.IO has no translate_request()'
    return None
