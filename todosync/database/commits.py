"""Signals that tell of commits by any program: the contract, and a base class for those with a thread."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Protocol


class CommitSignal(Protocol):
    """Calls a function after each commit by any program, and once at the start."""

    def start(self) -> None:
        """Start watching; safe to call twice."""

    def stop(self) -> None:
        """Stop watching, and wait until the last call has ended; safe to call twice."""


class Watching(ABC):
    """A thread that watches until it is stopped."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start watching; safe to call twice."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._watch, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop watching and wait for the thread to end; safe to call twice."""
        if self._thread is not None:
            self._stopping.set()
            self._interrupt()
            self._thread.join()
            self._thread = None

    @abstractmethod
    def _watch(self) -> None: ...

    @abstractmethod
    def _interrupt(self) -> None:
        """Make the thread check soon whether it should stop."""


class NoSignal:
    """The signal of a database to which no other program can commit, such as one in memory."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""
