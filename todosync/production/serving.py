"""What an app process needs when it is one of several: a signal before it is stopped, and all elements."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

from nicegui import ui

DRAIN_SIGNAL = signal.SIGUSR1
"""The signal that tells a process that it will be stopped soon."""


def drain_on_signal(drain: Callable[[], None]) -> None:
    """Call ``drain`` when the process gets the signal that it will be stopped soon."""
    with suppress(NotImplementedError, RuntimeError, ValueError):  # some loops, systems and threads have no signals
        asyncio.get_running_loop().add_signal_handler(DRAIN_SIGNAL, drain)


def load_all_elements() -> None:
    """Import every NiceGUI element, because this process is one of several.

    NiceGUI serves the JavaScript of an element only after the element was imported. A page that one process has built
    may ask another process for it, which has perhaps not imported the element.
    """
    for name in ui._LAZY_IMPORTS:
        with suppress(ImportError):  # no page can have an element whose optional package is not installed
            getattr(ui, name)
