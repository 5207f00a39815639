"""Settings: one environment variable each, prefix ``TODOSYNC_``, and two profiles that set the defaults.

The module is long because each setting stands here, with its default, its check, and what follows from it.
"""

from __future__ import annotations

import difflib
import errno
import logging
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = 'TODOSYNC_'
log = logging.getLogger(__name__)
SECRET_BYTES = 32
CableAdapter = Literal['memory', 'sqlite', 'postgres']


class Settings(BaseSettings):
    """Everything a deployment can choose, each from the environment variable ``TODOSYNC_<NAME>``.

    Durations are in seconds and sizes in bytes.

    :raises pydantic.ValidationError: a variable holds a value that is not of its type; the message names it

    Example::

        settings = Settings(env='production', storage_dir=Path('/var/lib/todosync'))
    """

    # what is wrong is not repeated in the error: it may be a password
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )

    env: Literal['development', 'production'] = 'development'
    host: str = '127.0.0.1'
    port: int = Field(default=8080, ge=0, le=65535)
    storage_dir: Path = Path('storage')
    database_url: str | None = Field(default=None, repr=False)
    migrations: Path | None = None
    """The directory of the Alembic migrations that make the app's tables, if any do."""
    storage_secret: str | None = Field(default=None, min_length=16, repr=False)
    cable: CableAdapter | None = None
    poll_interval: float = Field(default=0.01, gt=0)
    """Seconds between two looks for other programs' commits, while somebody writes or the system reports no writes."""
    busy_timeout: float = Field(default=10, gt=0)
    """How long a writer waits for another program's transaction before its request is refused."""
    cache_ttl: float = Field(default=3600, gt=0)
    cache_size_limit: int = Field(default=256 * 2**20, gt=0)
    change_log_retention: float = Field(default=86_400, gt=0)
    cable_retention: float = Field(default=86_400, gt=0)
    failure_retention: float = Field(default=30 * 86_400, gt=0)
    backups_kept: int = Field(default=7, ge=0)
    """How many of the nightly backups are kept; with 0, none are made."""
    reconnect_timeout: float = Field(default=60, gt=0)
    """How long a page's server side waits for its browser to come back before it is forgotten."""
    tabs_per_socket: int = Field(default=100, ge=1)
    """How many tabs one leader's socket may carry; further tabs keep a socket of their own."""
    body_limit: int = Field(default=64 * 2**10, gt=0)
    embed_limit: int = Field(default=128 * 2**10, gt=0)
    """Of a list whose JSON is larger, only the newest rows are part of the page; the rest comes over the socket."""

    processes: int = Field(default=2, ge=1, le=64)
    """How many app processes ``todosync serve`` runs."""
    domain: str | None = Field(default=None, pattern=r'^[A-Za-z0-9.-]+$')
    """The name under which ``todosync serve`` serves HTTPS, with a certificate that it gets by itself."""
    https_port: int = Field(default=8443, ge=1, le=65535)
    socket: Path | None = None
    """The Unix socket to listen on instead of ``host`` and ``port``."""
    static_dir: Path = Field(default=None, validate_default=True)
    """Where Caddy finds the files that are the same for everybody; safe to delete, they are made again. By default a
    folder of the storage directory."""
    behind_proxy: bool = False
    """Whether Caddy is in front of this process: it compresses answers, and sends files that it is pointed to."""

    @classmethod
    def from_environment(cls, **given: Any) -> Settings:
        """Return the settings of this environment, or end the program with one line for each that is wrong.

        :param given: settings that the program gives itself, by name; the environment does not change them
        :raises SystemExit: a variable holds a value that it cannot hold, or names a directory that cannot be used
        """
        for name in os.environ:
            if name.startswith(PREFIX) and (meant := _meant(name.removeprefix(PREFIX))):
                log.warning('%s is no setting and changes nothing; did you mean %s%s?', name, PREFIX, meant.upper())
        try:
            settings = cls(**given)
            settings.prepare_storage()
            settings.refuse_missing_directory()
        except ValidationError as error:
            lines = [_line(str(problem['loc'][0]), problem['type'], problem['msg']) for problem in error.errors()]
            raise SystemExit('\n'.join(lines)) from None
        except OSError as error:
            raise SystemExit(f'{PREFIX}STORAGE_DIR: {error}; name a directory that can be written to') from None
        return settings

    @field_validator('database_url')
    @classmethod
    def _check_database_url(cls, url: str | None) -> str | None:
        if url is not None and not _names_a_database(url):
            raise PydanticCustomError(
                'database_url',
                'should be like sqlite:////var/lib/todos.sqlite3 or postgresql+psycopg://user:password@host/database',
            )
        return url

    @field_validator('migrations')
    @classmethod
    def _check_migrations(cls, migrations: Path | None) -> Path | None:
        if migrations is not None and not (migrations / 'env.py').is_file():
            raise PydanticCustomError('migrations', 'should be a directory of Alembic migrations, with an env.py')
        return migrations

    @field_validator('cable')
    @classmethod
    def _check_cable(cls, cable: CableAdapter | None, info: ValidationInfo) -> CableAdapter | None:
        url = info.data.get('database_url') or ''
        if cable == 'postgres' and not url.startswith('postgresql'):
            raise PydanticCustomError('cable', 'the postgres cable needs TODOSYNC_DATABASE_URL to name a PostgreSQL')
        return cable

    @field_validator('static_dir', mode='before')
    @classmethod
    def _find_static_dir(cls, static_dir: Path | None, info: ValidationInfo) -> Path:
        # no factory: pydantic reports one as a fault of its own when another setting is wrong
        return static_dir or info.data.get('storage_dir', Path()) / 'static'

    @property
    def is_production(self) -> bool:
        """Whether the production profile is on."""
        return self.env == 'production'

    @property
    def data_url(self) -> str:
        """The SQLAlchemy URL of the database that keeps the data."""
        return self.database_url or f'sqlite:///{self.storage_dir.absolute() / f"{self.env}.sqlite3"}'

    @property
    def database_path(self) -> Path | None:
        """The SQLite file that keeps the data; ``None`` when PostgreSQL does."""
        url = make_url(self.data_url)
        return Path(url.database) if url.get_backend_name() == 'sqlite' and url.database else None

    @property
    def backup_dir(self) -> Path:
        """The directory of the backups."""
        return self.storage_dir / f'{self.env}_backups'

    @property
    def queue_url(self) -> str:
        """The SQLAlchemy URL of the store of durable jobs and failed executions; ``sqlite://`` is in memory."""
        if self.data_url.startswith('postgresql'):
            return self.data_url
        return f'sqlite:///{self.queue_path.absolute()}' if self.is_production else 'sqlite://'

    @property
    def cache_dir(self) -> Path:
        """The directory of the production cache."""
        return self.storage_dir / f'{self.env}_cache'

    @property
    def queue_path(self) -> Path:
        """The SQLite file of the durable jobs and the failed executions."""
        return self.storage_dir / f'{self.env}_queue.sqlite3'

    @property
    def storage_url(self) -> str:
        """The SQLAlchemy URL of what pages keep in ``app.storage``, where several processes share it."""
        if self.data_url.startswith('postgresql'):
            return self.data_url
        return f'sqlite:///{self.storage_dir.absolute() / f"{self.env}_storage.sqlite3"}'

    @property
    def cable_path(self) -> Path:
        """The SQLite file of the ``sqlite`` cable."""
        return self.storage_dir / f'{self.env}_cable.sqlite3'

    @property
    def cable_adapter(self) -> CableAdapter:
        """The chosen cable, or the one that fits the data: where that is on PostgreSQL, other machines may be too."""
        if self.cable is not None:
            return self.cable
        if self.data_url.startswith('postgresql'):
            return 'postgres'
        return 'sqlite' if self.is_production else 'memory'

    @property
    def exports_dir(self) -> Path:
        """Where Caddy finds exports that a process has written."""
        return self.storage_dir / 'exports'

    def prepare_storage(self) -> None:
        """Make the storage directory; whether it is new or not, only its owner can enter it then.

        :raises OSError: it cannot be made or written to, or others can enter it and this user cannot change that
        """
        self.storage_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.name == 'posix' and self.storage_dir.stat().st_mode & 0o077:
            self.storage_dir.chmod(0o700)  # it keeps everybody's data, and the secret that signs sessions
        if not os.access(self.storage_dir, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, 'this directory cannot be written to', str(self.storage_dir))

    def refuse_missing_directory(self) -> None:
        """Refuse a SQLite file in a directory that does not exist. Probably the URL is wrong.

        :raises SystemExit: the message says what to do
        """
        path = self.database_path
        if path is not None and not path.parent.is_dir():
            remedy = 'make it, or correct the path (an absolute one has four slashes: sqlite:////var/lib/todos.sqlite3)'
            raise SystemExit(f'{PREFIX}DATABASE_URL: there is no directory {path.parent}; {remedy}')

    def resolve_storage_secret(self) -> str:
        """Return the secret that signs session cookies: the given one, or one made once and kept in ``storage_dir``.

        Processes that share ``storage_dir`` share it, even when they all start at once: the first one wins.

        :raises OSError: the file can be neither read nor made
        """
        if self.storage_secret is not None:
            return self.storage_secret
        self.prepare_storage()
        path = self.storage_dir / 'storage_secret'
        if not path.exists():
            with tempfile.NamedTemporaryFile('w', dir=self.storage_dir) as draft:  # only its owner can read it
                draft.write(secrets.token_urlsafe(SECRET_BYTES))
                draft.flush()
                os.fsync(draft.fileno())
                with suppress(FileExistsError):  # unlike a rename, a link never replaces what another has put there
                    os.link(draft.name, path)
        return path.read_text()


def _line(name: str, kind: str, message: str) -> str:
    """Return the line for a setting that is wrong."""
    if kind != 'extra_forbidden':
        return f'{PREFIX}{name.upper()}: {message}'
    return f'there is no setting {name!r}' + (f'; did you mean {meant!r}?' if (meant := _meant(name)) else '')


def _meant(name: str) -> str:
    """Return the setting that a name comes close to; an empty text if the name is one, or comes close to none."""
    known = list(Settings.model_fields)
    return '' if name.lower() in known else next(iter(difflib.get_close_matches(name.lower(), known, n=1)), '')


def _names_a_database(text: str) -> bool:
    try:
        url = make_url(text)
    except ArgumentError:
        return False
    if url.get_backend_name() == 'sqlite':
        return url.get_driver_name() == 'pysqlite' and url.database not in {None, '', ':memory:'}
    return url.drivername == 'postgresql+psycopg'
