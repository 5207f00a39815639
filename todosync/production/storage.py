"""Keeps ``app.storage.user`` and ``app.storage.general`` in a table, so that they are the same in all processes.

NiceGUI keeps each of them in a file. A process reads the file only once and writes it as a whole, so it undoes the
changes of other processes. Here a process writes only the keys that it has changed, and tells the others over the
cable. It reads again before it answers a request for a page. This uses internals of NiceGUI, which
``tests/production/test_storage.py`` checks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from weakref import WeakValueDictionary

import orjson
from nicegui import app, core, json
from nicegui.persistence import FilePersistentDict, PersistentDict
from nicegui.storage import GENERAL_ID, USER_PREFIX, Storage

from todosync.cable import Cable
from todosync.database import DatabaseUnavailableError, Outage

from .storage_table import StorageTable

TOPIC = 'todosync:storage'
"""The name on the cable; no name of a table can be like it."""
RETRY_INTERVAL = 1.0
"""Seconds from a failed attempt to write to the next attempt."""

log = logging.getLogger(__name__)


class SharedDict(PersistentDict):
    """A process's copy of one storage. Belongs to the event loop.

    :param storage: keeps it in the table
    :param name: the name that NiceGUI gives to it
    """

    def __init__(self, storage: SharedStorage, name: str) -> None:
        self._storage = storage
        self._name = name
        self._known: dict[str, str] = {}
        """The values that are in the table as far as this process knows, as JSON."""
        self._writes = 0
        self._is_merging = False
        self._flushing: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._next_reading: asyncio.Task[None] | None = None
        super().__init__(data={}, on_change=self._flush_later)

    async def initialize(self) -> None:
        """Read the values from the table, or from the file of a release before the table."""
        await self.refresh()
        self._flush_later()
        path = Storage.path / f'storage-{self._name}.json'
        if not self._known and path.exists():
            former = FilePersistentDict(path, encoding='utf-8')
            await former.initialize()
            self.update(former)
            await self.flushed()
            path.unlink(missing_ok=True)

    def initialize_sync(self) -> None:
        """Read the values from the table. Blocks."""
        self._merge(self._storage.table.read(self._name))

    async def close(self) -> None:
        """Wait until everything is written, if that is possible now."""
        await self.flushed()

    async def refresh(self) -> None:
        """Read the values that are in the table now. All who ask at the same time share a read that begins after that.

        Never raises: while the database cannot be read, the values that were read before stay.
        """
        if self._next_reading is None:
            self._next_reading = asyncio.create_task(self._read_after(self._reading))
        await asyncio.shield(self._next_reading)

    async def flushed(self) -> None:
        """Wait until all changes are written, or an attempt to write them has failed."""
        if self._flushing is not None:
            await asyncio.wait([self._flushing], timeout=RETRY_INTERVAL)

    async def _read_after(self, reading: asyncio.Task[None] | None) -> None:
        if reading is not None:
            await asyncio.wait([reading])
        self._reading, self._next_reading = self._next_reading, None
        try:
            writes = -1
            while writes != self._writes:  # again, if something was written that may not have been read
                writes = self._writes
                values = await asyncio.to_thread(self._storage.table.read, self._name)
        except DatabaseUnavailableError as error:
            self._storage.outage.note(error)
        else:
            self._storage.outage.end()
            self._merge(values)

    def _merge(self, values: Mapping[str, str]) -> None:
        """Take over the values from the table, except those that were changed here and will be written soon."""
        here = self._encoded()
        clean = {key for key in here.keys() | self._known.keys() if here.get(key) == self._known.get(key)}
        self._is_merging = True
        try:
            for key in self._known.keys() - values.keys():
                if key in clean:
                    del self._known[key]
                    del self[key]
            for key, value in values.items():
                if (key in clean or key not in here.keys() | self._known.keys()) and self._known.get(key) != value:
                    self[key] = json.loads(value)
                    self._known[key] = json.dumps(self[key])
        finally:
            self._is_merging = False

    def _flush_later(self) -> None:
        if self._is_merging or core.loop is None or not core.is_loop_running():
            return  # before the start; what is there then is written when it is initialized
        if core.loop is _running_loop():
            self._begin_to_flush()
        else:  # a handler that runs in a thread
            core.loop.call_soon_threadsafe(self._begin_to_flush)

    def _begin_to_flush(self) -> None:
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        while True:
            here = self._encoded()
            changed = {key: value for key, value in here.items() if self._known.get(key) != value}
            deleted = self._known.keys() - here.keys()
            if not changed and not deleted:
                return
            try:
                await asyncio.to_thread(self._storage.write, self._name, changed, list(deleted))
            except (DatabaseUnavailableError, OSError) as error:
                self._storage.outage.note(error)
                await asyncio.sleep(RETRY_INTERVAL)
                continue
            self._storage.outage.end()
            self._writes += 1
            self._known = {key: value for key, value in self._known.items() if key not in deleted} | changed

    def _encoded(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in self.items():
            try:
                found[str(key)] = json.dumps(value)
            except TypeError as error:
                log.error('the storage %s keeps %r in this process only: %s', self._name, key, error)
        return found


class SharedStorage:
    """Makes NiceGUI keep its storages in a table.

    :param url: SQLAlchemy URL of the table's database
    :param cable: tells other processes of changes
    """

    def __init__(self, url: str, cable: Cable) -> None:
        self.table = StorageTable(url)
        self.outage = Outage(log, 'the storage')
        self._cable = cable
        self._dicts: WeakValueDictionary[str, SharedDict] = WeakValueDictionary()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._initializing: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    def install(self) -> None:
        """Take the place of NiceGUI's files. Call it before ``ui.run()``."""
        # NiceGUI has no public way to choose another kind of storage
        Storage._create_persistent_dict = staticmethod(self.make)  # type: ignore[assignment]  # noqa: SLF001
        app.storage._general = self.make(GENERAL_ID)  # noqa: SLF001

    def make(self, name: str) -> SharedDict:
        """Return a storage, to be initialized.

        :param name: its name, of NiceGUI's making
        """
        made = SharedDict(self, name)
        self._dicts[name] = made
        return made

    def start(self) -> None:
        """Listen to the other processes."""
        self._loop = asyncio.get_running_loop()
        self._unsubscribe = self._cable.subscribe(TOPIC, self._hear)
        if (general := self._dicts.get(GENERAL_ID)) is not None:
            self._initializing = asyncio.create_task(general.initialize())

    def stop(self) -> None:
        """Stop listening; safe to call twice."""
        self._unsubscribe()
        self.table.close()

    async def refresh(self, session_id: str) -> None:
        """Read the storages again that a request of a session may look at."""
        found = [self._dicts.get(GENERAL_ID), self._dicts.get(USER_PREFIX + session_id)]
        await asyncio.gather(*(storage.refresh() for storage in found if storage is not None))

    async def flushed(self, session_id: str) -> None:
        """Wait until what a request of a session has changed is written."""
        found = [self._dicts.get(GENERAL_ID), self._dicts.get(USER_PREFIX + session_id)]
        await asyncio.gather(*(storage.flushed() for storage in found if storage is not None))

    def write(self, name: str, values: Mapping[str, str], deleted: Iterable[str]) -> None:
        """Write keys of a storage, and tell the other processes. Blocks.

        :raises DatabaseUnavailableError: they were not written
        """
        self.table.write(name, values, deleted)
        with suppress(OSError):  # they read again before they answer the next request
            self._cable.publish(TOPIC, orjson.dumps({'storage': name}))

    def _hear(self, message: bytes) -> None:
        name = orjson.loads(message)['storage']
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._refresh_later, name)

    def _refresh_later(self, name: str) -> None:
        if (storage := self._dicts.get(name)) is not None:
            asyncio.create_task(storage.refresh())  # noqa: RUF006 - the storage holds the task that reads


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
