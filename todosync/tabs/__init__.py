"""The tabs room: one socket for all tabs of a browser. Imports nothing else of todosync."""

from .modules import keep_tabs_apart, make_session_router, serve_modules
from .nicegui_contract import mismatch
from .sessions import Sessions
from .tabs import Role, Tabs

__all__ = ['Role', 'Sessions', 'Tabs', 'keep_tabs_apart', 'make_session_router', 'mismatch', 'serve_modules']
