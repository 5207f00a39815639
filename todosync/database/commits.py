"""The contract for waking on commits, whoever made them, and the thread that does it."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Protocol


class CommitSignal(Protocol):
    """Calls back when something has been committed, by this process or any other, and once at the start."""

    def start(self) -> None:
        """Start watching; safe to call twice."""

    def stop(self) -> None:
        """Stop watching and wait until nothing calls back any more; safe to call twice."""


class Watching(ABC):
    """A thread of its own that watches until it is stopped."""

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
        """Have the thread look soon whether to stop."""


class NoSignal:
    """For a database to which nobody else can commit."""

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""
