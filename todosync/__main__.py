"""``python -m todosync`` is ``todosync``."""

from todosync.production.cli import cli

if __name__ == '__main__':
    cli(prog_name='todosync')
