"""Runs the migrations on the connection that ``Database.migrate`` hands over, in its transaction."""

from alembic import context

context.configure(connection=context.config.attributes['connection'], transactional_ddl=False, render_as_batch=True)
context.run_migrations()
