"""What an app process has in common with the others of a deployment: how it is told to go, and what it serves."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

from nicegui import ui

DRAIN_SIGNAL = signal.SIGUSR1
"""Tells a process that it is going to be stopped."""


def drain_on_signal(drain: Callable[[], None]) -> None:
    """Have ``drain`` called when the process is told that it is going to be stopped."""
    with suppress(NotImplementedError, RuntimeError, ValueError):  # not every loop, system and thread has signals
        asyncio.get_running_loop().add_signal_handler(DRAIN_SIGNAL, drain)


def load_all_elements() -> None:
    """Import every NiceGUI element, for a process that is one of several.

    NiceGUI serves an element's browser part only after the element has been imported. A page made by one process could
    ask another one for a part that that one does not know yet.
    """
    for name in ui._LAZY_IMPORTS:
        with suppress(ImportError):  # an element whose optional package is not installed is on nobody's page
            getattr(ui, name)
