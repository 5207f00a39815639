"""A cable between machines: messages are rows in a PostgreSQL database."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psycopg

from todosync.database import POSTGRES_CONNECTION, Outage, conninfo_of

from .base import Receiver
from .subscriptions import Subscriptions

POLL_INTERVAL = 1.0
"""Seconds between two looks for messages whose notification did not arrive."""
RETRY_INTERVAL = 0.2
"""Seconds between two attempts to connect again."""
CHANNEL = 'todosync_cable'
ORDER_LOCK = 715_031_884
"""The key of an advisory lock. Publishers take it in turns, so ids become visible in order and no reader skips one."""
SCHEMA = (
    'CREATE TABLE IF NOT EXISTS cable_messages (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, '
    'stream text NOT NULL, message bytea NOT NULL, published_at timestamptz NOT NULL DEFAULT clock_timestamp())'
)
PUBLISH = f"""
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock({ORDER_LOCK})),
         added AS (INSERT INTO cable_messages(stream, message) SELECT %s, %s FROM turn RETURNING id)
    SELECT pg_notify('{CHANNEL}', '') FROM added
"""  # noqa: S608 - the program's own names
"""One statement, so that no lock is held while this process is waited for: it may hang."""
TCP_USER_TIMEOUT_MS = 15_000
"""For how long PostgreSQL may leave unanswered what it is sent."""

log = logging.getLogger(__name__)


class PostgresCable:
    """Publishers append messages to a table and notify. One thread in each process listens and delivers new messages.

    A message can have any size, because the notification does not carry it. When a connection is lost, the thread
    connects again and delivers what was published meanwhile.

    :param url: SQLAlchemy URL of the database
    :param poll_interval: seconds between two looks for messages whose notification did not arrive
    """

    def __init__(self, url: str, poll_interval: float = POLL_INTERVAL) -> None:
        self._conninfo = conninfo_of(url)
        self._poll_interval = poll_interval
        self._subscriptions = Subscriptions()
        self._writing = threading.Lock()
        self._writer: psycopg.Connection | None = None
        self._outage = Outage(log, 'the cable')
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Connect and deliver all messages that are published from now on; safe to call twice."""
        if self._thread is not None:
            return
        with _as_os_error(), self._writing:
            writer = self._connected_writer()
            # one message with the lock: PostgreSQL refuses one of two processes that make the table at the same time
            writer.execute(f'BEGIN; SELECT pg_advisory_xact_lock({ORDER_LOCK}); {SCHEMA}; COMMIT')
            listener = self._listen()
            row = writer.execute('SELECT coalesce(max(id), 0) FROM cable_messages').fetchone()
        assert row is not None
        self._stopping.clear()
        self._thread = threading.Thread(
            target=self._deliver, args=(listener, int(row[0])), name='postgres cable', daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End delivery and disconnect; safe to call twice."""
        if self._thread is None:
            return
        self._stopping.set()
        with suppress(OSError):  # wakes the thread, which otherwise looks after the poll interval
            self._write('SELECT pg_notify(%s, %s)', (CHANNEL, ''))
        self._thread.join()
        self._thread = None
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def publish(self, topic: str, message: bytes) -> None:
        """Deliver a message to all subscribers of the topic, in every process on every machine."""
        self._write(PUBLISH, (topic, message))

    def subscribe(self, topic: str, receive: Receiver) -> Callable[[], None]:
        """Call ``receive`` with each message of the topic from now on, in the cable's own thread."""
        return self._subscriptions.add(topic, receive)

    def trim(self, max_age: float) -> None:
        """Delete the messages that were published more than ``max_age`` seconds ago, by the database's clock."""
        self._write('DELETE FROM cable_messages WHERE published_at < clock_timestamp() - make_interval(secs => %s)',
                    (max_age,))  # fmt: skip

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self._writing, _as_os_error():
            fresh = self._writer is None
            try:
                self._write_once(statement, values)
            except psycopg.OperationalError:
                if fresh:
                    raise
                # the connection had been lost unnoticed; if the message arrived all the same, it comes twice
                self._write_once(statement, values)

    def _write_once(self, statement: str, values: tuple[object, ...]) -> None:
        writer = self._connected_writer()
        try:
            writer.execute(statement, values)
        except psycopg.OperationalError:
            writer.close()
            self._writer = None
            raise

    def _deliver(self, listener: psycopg.Connection | None, last: int) -> None:
        while not self._stopping.is_set():
            try:
                if listener is None:
                    listener = self._listen()
                    self._outage.end()
                last = self._deliver_after(listener, last)
                for _ in listener.notifies(timeout=self._poll_interval, stop_after=1):
                    pass
            except psycopg.Error as error:
                self._outage.note(error)
                if listener is not None:
                    listener.close()
                    listener = None
                self._stopping.wait(RETRY_INTERVAL)
        if listener is not None:
            listener.close()

    def _deliver_after(self, connection: psycopg.Connection, last: int) -> int:
        query = 'SELECT id, stream, message FROM cable_messages WHERE id > %s ORDER BY id'
        rows = connection.execute(query, (last,)).fetchall()
        for _, topic, message in rows:
            self._subscriptions.deliver(topic, message)
        return int(rows[-1][0]) if rows else last

    def _listen(self) -> psycopg.Connection:
        connection = self._connect()
        connection.execute(f'LISTEN {CHANNEL}')
        return connection

    def _connected_writer(self) -> psycopg.Connection:
        if self._writer is None:
            self._writer = self._connect()
        return self._writer

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(
            self._conninfo,
            autocommit=True,
            prepare_threshold=1,
            application_name='todosync cable',
            tcp_user_timeout=TCP_USER_TIMEOUT_MS,
            **POSTGRES_CONNECTION,
        )


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise OSError(f'the cable failed: {error}') from error
