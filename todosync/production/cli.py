"""The command ``todosync``: what operators do with a deployment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from alembic.util import CommandError

from todosync.database import Database, DatabaseUnavailableError
from todosync.package import MissingExtraError, __version__, extra
from todosync.settings import PREFIX, Settings

from .backup import MIGRATIONS_HINT, BackupError, Backups, MissingProgramError, NoBackupError
from .maintenance import backups_of
from .privacy import keep_private


class Commands(click.Group):
    """Commands that say in a line which extra they need."""

    def invoke(self, context: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(context)
        except MissingExtraError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands, context_settings={'help_option_names': ['-h', '--help']})
@click.version_option(__version__, prog_name='todosync')
def cli() -> None:
    """Serve and look after a todosync app.

    Settings come from environment variables (TODOSYNC_STORAGE_DIR, TODOSYNC_DATABASE_URL, ...). These commands are for
    production: that is what TODOSYNC_ENV is unless it is set.
    """
    os.environ.setdefault(f'{PREFIX}ENV', 'production')
    keep_private()  # backups, too, are for their owner


@cli.command()
@click.argument('main', type=click.Path(exists=True, dir_okay=False, path_type=Path), default='main.py')
@click.option(
    '--caddyfile',
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default='Caddyfile',
    show_default=True,
    help="Caddy's configuration.",
)
def serve(main: Path, caddyfile: Path) -> None:
    """Run the app processes (TODOSYNC_PROCESSES of them) and Caddy until SIGTERM; restart what dies.

    MAIN is the program of an app process.
    """
    with extra('production', 'todosync serve'):
        from .supervision import serve

    settings = Settings.from_environment()
    where = f'https://{settings.domain}' if settings.domain else f'http://{settings.host}:{settings.port}'
    line = f'serving on {where} with {settings.processes} processes (Ctrl-C ends them)'
    try:
        serve(settings, main, caddyfile, begin=lambda: click.echo(line))
    except OSError as error:
        raise click.ClickException(str(error)) from error


@cli.command()
def restart() -> None:
    """Restart the app processes one after the other, so that somebody answers all the time."""
    with extra('production', 'todosync restart'):
        from .supervision import restart

    try:
        for name in restart(Settings.from_environment()):
            click.echo(f'{name} is restarted and healthy')
    except OSError as error:
        raise click.ClickException(f'no more is restarted: {error}') from error


@cli.command()
def health() -> None:
    """Ask the app processes of this machine how they are; fails when none of them is healthy."""
    with extra('production', 'todosync health'):
        from .supervision import HEALTHY, ask_health

    answers = ask_health(Settings.from_environment())
    for name, answer in answers.items():
        click.echo(f'{name}: {answer}')
    if HEALTHY.isdisjoint(answers.values()):
        raise click.ClickException('no app process is healthy')


@cli.command()
def backup() -> None:
    """Back the database up, while it is used; this happens each night by itself as well."""
    try:
        click.echo(_backups().create())
    except (OSError, BackupError, MissingProgramError) as error:
        raise click.ClickException(f'no backup was made: {error}') from error


@cli.command()
def backups() -> None:
    """List the backups that there are, newest first."""
    for path in _backups().newest_first():
        click.echo(path)


@cli.command()
@click.argument('backup', type=click.Path(path_type=Path))
@click.option('--yes', is_flag=True, help='Do not ask.')
def restore(backup: Path, yes: bool) -> None:
    """Make the database what it was when BACKUP was made; what is replaced becomes a backup too.

    With SQLite, servers may go on: every tab follows. With PostgreSQL, stop them first.
    """
    backups = _backups()
    if not yes:
        click.confirm(f'Replace the data by those of {backup}?', abort=True)
    try:
        replaced = backups.restore(backup)
    except (OSError, BackupError, MissingProgramError, NoBackupError) as error:
        raise click.ClickException(f'not restored: {error}') from error
    click.echo(f'restored; what was there before is kept in {replaced}' if replaced else 'restored')


@cli.command()
@click.option('--back-to', metavar='REVISION', default='', help='Take back the migrations after this one instead.')
def migrate(back_to: str) -> None:
    """Run the migrations of TODOSYNC_MIGRATIONS; app processes do so by themselves when they start.

    Before an older release is put in place, take back what it does not know: todosync migrate --back-to 0001
    """
    settings = Settings.from_environment()
    if settings.migrations is None:
        raise click.ClickException(f'nothing migrated: {MIGRATIONS_HINT}')
    database = Database(settings.data_url, migrations=settings.migrations)
    try:
        database.migrate(back_to)
    except (DatabaseUnavailableError, CommandError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        database.close()
    click.echo(f'the database is at {back_to}' if back_to else 'the database is up to date')


@cli.command('collect-static')
def collect_static() -> None:
    """Put the browser's files where Caddy finds them, compressed; `serve` does so by itself."""
    with extra('production', 'todosync collect-static'):
        from .static_files import collect

    directory = Settings.from_environment().static_dir
    click.echo(f'{collect(directory)} files written to {directory}')


def _backups() -> Backups:
    return backups_of(Settings.from_environment())
