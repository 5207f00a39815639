"""The app of features on a NiceGUI that is another inside, and works."""

import os
import runpy
from pathlib import Path
from typing import Any

from nicegui import Client, core

if os.environ['VARIANT'] == 'signature':
    accept = Client.accept_handshake

    def accept_handshake(self: Client, socket: str, tab: str, environ: Any, *, origin: str | None = None) -> bool:
        """Take other names than NiceGUI's today."""
        return accept(self, socket, tab, environ)

    Client.accept_handshake = accept_handshake

if os.environ['VARIANT'] == 'reason':
    handlers = core.sio.handlers['/']
    disconnect = handlers['disconnect']
    del handlers['log']

    async def on_disconnect(sid: str, reason: str) -> None:
        """Be told the reason, and not be a plain function."""
        disconnect(sid)

    core.sio.on('disconnect', on_disconnect)

runpy.run_path(str(Path(__file__).parent / 'features.py'), run_name='__main__')
