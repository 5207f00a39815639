"""Create the todos table.

Revision ID: 0001
Revises:
Create Date: 2026-11-22
"""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None

SQLITE_NOW = "(strftime('%Y-%m-%d %H:%M:%f000', 'now'))"
# datetime() with a modifier turns the 30th of February into the 2nd of March, by which it is found out
SQLITE_IS_A_TIME = (
    "{0} GLOB '????-??-?? ??:??:??*' AND {0} >= '0001' "
    "AND datetime(substr({0}, 1, 19), '+0 days') IS substr({0}, 1, 19) "
    "AND (length({0}) = 19 OR substr({0}, 20) GLOB '.[0-9]*' AND substr({0}, 21) NOT GLOB '*[^0-9]*')"
)


def upgrade() -> None:
    """Create the table; its defaults and checks hold for every program that writes to it."""
    on_sqlite = op.get_bind().dialect.name == 'sqlite'
    now = sa.text(SQLITE_NOW if on_sqlite else 'clock_timestamp()')
    checks = [sa.CheckConstraint('length(trim(title)) BETWEEN 1 AND 500', name='title_length')]
    if on_sqlite:  # the others have types that check
        checks += [
            sa.CheckConstraint('completed IN (0, 1)', name='completed_is_boolean'),
            sa.CheckConstraint(SQLITE_IS_A_TIME.format('created_at'), name='created_at_is_a_time'),
            sa.CheckConstraint(SQLITE_IS_A_TIME.format('updated_at'), name='updated_at_is_a_time'),
        ]
    op.create_table(
        'todos',
        sa.Column('id', sa.BigInteger().with_variant(sa.Integer, 'sqlite'), primary_key=True),
        sa.Column('title', sa.String(500), nullable=False),
        sa.Column('completed', sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False, server_default=now),
        *checks,
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Drop the table and every todo in it."""
    op.drop_table('todos')
