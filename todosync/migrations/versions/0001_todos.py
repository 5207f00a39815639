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

NOW = sa.text("(strftime('%Y-%m-%d %H:%M:%f000', 'now'))")
IS_A_TIME = "{0} GLOB '????-??-?? ??:??:??*' AND datetime({0}) IS NOT NULL AND substr({0}, 20) NOT GLOB '*[^.0-9]*'"


def upgrade() -> None:
    """Create the table; its defaults and checks hold for every program that writes to it."""
    op.create_table(
        'todos',
        sa.Column('id', sa.Integer, primary_key=True),
        sa.Column('title', sa.String(500), nullable=False),
        sa.Column('completed', sa.Boolean, nullable=False, server_default=sa.text('0')),
        sa.Column('created_at', sa.DateTime, nullable=False, server_default=NOW),
        sa.Column('updated_at', sa.DateTime, nullable=False, server_default=NOW),
        sa.CheckConstraint('length(trim(title)) BETWEEN 1 AND 500', name='title_length'),
        sa.CheckConstraint('completed IN (0, 1)', name='completed_is_boolean'),
        sa.CheckConstraint(IS_A_TIME.format('created_at'), name='created_at_is_a_time'),
        sa.CheckConstraint(IS_A_TIME.format('updated_at'), name='updated_at_is_a_time'),
        sqlite_autoincrement=True,
    )
    op.create_index('todos_newest_first', 'todos', [sa.text('created_at DESC'), sa.text('id DESC')])


def downgrade() -> None:
    """Drop the table and every todo in it."""
    op.drop_table('todos')
