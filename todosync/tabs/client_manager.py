"""A client manager for python-socketio that knows the rooms of each socket.

The original finds them by searching all rooms. NiceGUI has a room for each page, so the cost of each disconnect would
grow with the number of pages, and the cost of ending all of them with its square.
"""

from __future__ import annotations

import logging
from typing import Any

import socketio

from .socketio_contract import manager_difference

log = logging.getLogger(__name__)


class IndexedManager(socketio.AsyncManager):  # type: ignore[misc]  # python-socketio has no types
    """Keeps, beside the sockets of each room, the rooms of each socket."""

    def __init__(self) -> None:
        super().__init__()
        self._rooms_by_socket: dict[tuple[str, str], dict[Any, None]] = {}

    @classmethod
    def taking_over(cls, manager: socketio.AsyncManager) -> IndexedManager:
        """Return a manager that goes on with the rooms and the sockets of another."""
        indexed = cls()
        indexed.__dict__.update(vars(manager))
        for namespace, rooms in indexed.rooms.items():
            for room, sids in rooms.items():
                for sid in sids:
                    indexed._note(sid, namespace, room)
        return indexed

    def basic_enter_room(self, sid: str, namespace: str, room: Any, eio_sid: str | None = None) -> None:
        """Add a socket to a room."""
        super().basic_enter_room(sid, namespace, room, eio_sid=eio_sid)
        self._note(sid, namespace, room)

    def basic_leave_room(self, sid: str, namespace: str, room: Any) -> None:
        """Remove a socket from a room."""
        super().basic_leave_room(sid, namespace, room)
        rooms = self._rooms_by_socket.get((namespace, sid), {})
        rooms.pop(room, None)
        if not rooms:
            self._rooms_by_socket.pop((namespace, sid), None)

    def get_rooms(self, sid: str, namespace: str) -> list[Any]:
        """Return the rooms of a socket."""
        return [room for room in self._rooms_by_socket.get((namespace, sid), ()) if room is not None]

    def basic_disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        """Forget a socket."""
        for room in list(self._rooms_by_socket.get((namespace, sid), ())):
            self.basic_leave_room(sid, namespace, room)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in pending.get(namespace, ()):
                pending[namespace].remove(sid)
                if not pending[namespace]:
                    del pending[namespace]

    def _note(self, sid: str, namespace: str, room: Any) -> None:
        self._rooms_by_socket.setdefault((namespace, sid), {})[room] = None


def index_rooms(sio: socketio.AsyncServer) -> None:
    """Give a server a client manager that knows the rooms of each socket; safe to call twice.

    A server keeps its manager if that is of another kind, such as one that speaks to other processes, or if the
    internals of python-socketio are not as expected.
    """
    if type(sio.manager) is not socketio.AsyncManager:
        return
    moved = manager_difference()
    if moved is None:
        sio.manager = IndexedManager.taking_over(sio.manager)
    else:
        log.info('each socket costs more the more there are, with this python-socketio: %s', moved)
