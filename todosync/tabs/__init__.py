"""The tabs room: one socket for all tabs of a browser. Imports nothing else of todosync."""

from .frames import Join, checked
from .modules import SHARING_ONLY
from .nicegui_contract import mismatch
from .sessions import Sessions
from .sharing import SharedSocket, share_socket, shared_socket
from .tabs import Role, Tabs

__all__ = [
    'SHARING_ONLY',
    'Join',
    'Role',
    'Sessions',
    'SharedSocket',
    'Tabs',
    'checked',
    'mismatch',
    'share_socket',
    'shared_socket',
]
