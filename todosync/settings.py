"""Settings: one environment variable each, prefix ``TODOSYNC_``, and two profiles that set the defaults."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRET_BYTES = 32
CableAdapter = Literal['memory', 'sqlite', 'postgres']


class Settings(BaseSettings):
    """Everything a deployment can choose, each from the environment variable ``TODOSYNC_<NAME>``.

    Durations are in seconds and sizes in bytes.

    :raises pydantic.ValidationError: a variable holds a value that is not of its type; the message names it

    Example::

        settings = Settings(env='production', storage_dir=Path('/var/lib/todosync'))
    """

    model_config = SettingsConfigDict(env_prefix='TODOSYNC_', frozen=True)

    env: Literal['development', 'production'] = 'development'
    host: str = '127.0.0.1'
    port: int = Field(default=8080, ge=0, le=65535)
    storage_dir: Path = Path('storage')
    database_url: str | None = None
    storage_secret: str | None = Field(default=None, min_length=16)
    cable: CableAdapter | None = None
    poll_interval: float = Field(default=0.01, gt=0)
    """How often another program's commit is looked for; one version read, about 3 microseconds."""
    cache_ttl: float = Field(default=3600, gt=0)
    cache_size_limit: int = Field(default=256 * 2**20, gt=0)
    change_log_retention: float = Field(default=86_400, gt=0)
    cable_retention: float = Field(default=86_400, gt=0)
    reconnect_timeout: float = Field(default=60, gt=0)
    """How long a page's server side waits for its browser to come back before it is forgotten."""
    tabs_per_socket: int = Field(default=100, ge=1)
    """How many tabs one leader's socket may carry; further tabs keep a socket of their own."""
    body_limit: int = Field(default=64 * 2**10, gt=0)
    embed_limit: int = Field(default=2 * 2**20, gt=0)
    """A list whose JSON is larger than this is not embedded in the page but sent over the socket."""

    @property
    def is_production(self) -> bool:
        """Whether the production profile is on."""
        return self.env == 'production'

    @property
    def data_url(self) -> str:
        """The SQLAlchemy URL of the database that keeps the data."""
        return self.database_url or f'sqlite:///{self.storage_dir.absolute() / f"{self.env}.sqlite3"}'

    @property
    def cache_dir(self) -> Path:
        """The directory of the production cache."""
        return self.storage_dir / f'{self.env}_cache'

    @property
    def queue_path(self) -> Path:
        """The SQLite file of the durable jobs and the failed executions."""
        return self.storage_dir / f'{self.env}_queue.sqlite3'

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

    def prepare_storage(self) -> None:
        """Make the storage directory, readable by its owner only.

        :raises OSError: it cannot be made or written to
        """
        self.storage_dir.mkdir(parents=True, exist_ok=True, mode=0o700)

    def resolve_storage_secret(self) -> str:
        """Return the secret that signs session cookies: the given one, or one made once and kept in ``storage_dir``.

        Processes that share ``storage_dir`` share it: the file is created in one step, so that the first one wins.

        :raises OSError: the file can be neither read nor made
        """
        if self.storage_secret is not None:
            return self.storage_secret
        self.prepare_storage()
        path = self.storage_dir / 'storage_secret'
        draft = path.with_name(f'.storage_secret.{os.getpid()}')
        if not path.exists():
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as file:
                file.write(secrets.token_urlsafe(SECRET_BYTES))
            try:
                os.link(draft, path)  # unlike a rename, never replaces what another process has put there
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text()
