"""Refuse what cannot be served, from every program, and have PostgreSQL make ids that were never used.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-26
"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

SAFE_ID = 2**53 - 1  # the largest that JavaScript tells from its neighbours
GIVEN_ID = SAFE_ID - 2**40  # SQLite numbers a row without an id after the largest: this leaves it room
INVISIBLE = (  # the first and the last of each range
    '\x01\x20', '\x7f\xa0', '\xad\xad', '\u034f\u034f', '\u061c\u061c', '\u115f\u1160', '\u1680\u1680', '\u17b4\u17b5',
    '\u180b\u180f', '\u2000\u200f', '\u2028\u202f', '\u205f\u206f', '\u2800\u2800', '\u3000\u3000', '\u3164\u3164',
    '\ufe00\ufe0f', '\ufeff\ufeff', '\uffa0\uffa0', '\ufff0\ufffb', '\U00013441\U00013442', '\U00016fe4\U00016fe4',
    '\U0001bca0\U0001bca3', '\U0001d159\U0001d159', '\U0001d173\U0001d17a', '\U000e0000\U000e0fff',
)  # fmt: skip
# a character that is encoded as it should be is what SQLite makes of its number; U+FFFE and U+FFFF it reads as U+FFFD
IS_NO_UTF8 = """EXISTS (
    WITH RECURSIVE characters(first, rest) AS (
        SELECT substr(NEW.title, 1, 1), substr(NEW.title, 2)
        UNION ALL SELECT substr(rest, 1, 1), substr(rest, 2) FROM characters WHERE rest <> ''
    )
    SELECT 1 FROM characters WHERE CAST(first AS BLOB) <> CAST(char(unicode(first)) AS BLOB)
        AND CAST(first AS BLOB) NOT IN (x'EFBFBE', x'EFBFBF')
)"""
IS_ASCII = "NEW.title NOT GLOB '*[^' || char(1) || '-' || char(127) || ']*'"
SQLITE_INVISIBLE = ' || '.join(f"char({ord(found[0])}) || '-' || char({ord(found[1])})" for found in INVISIBLE)
SQLITE_REFUSALS = {
    'a title must be text, not a BLOB': "typeof(NEW.title) = 'blob'",
    'a title must not contain a NUL character': 'instr(NEW.title, char(0)) > 0',
    'a title must be valid UTF-8': f'NOT ({IS_ASCII}) AND {IS_NO_UTF8}',
    'a title must have a visible character': f"NEW.title NOT GLOB '*[^' || {SQLITE_INVISIBLE} || ']*'",
}
SQLITE_ID_REFUSAL = f'an id must be between -{SAFE_ID} and {GIVEN_ID}; without one, a row gets the next'
todos = sa.table('todos', sa.column('id'))
sequence = sa.table('sqlite_sequence', sa.column('name'), sa.column('seq'))
POSTGRES_INVISIBLE = (
    r'\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f'
    r'\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013441\U00013442\U00016fe4'
    r'\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff'
)
POSTGRES_IS_A_TIME = "{0} >= '0001-01-01 00:00:00+00' AND {0} < '10000-01-01 00:00:00+00'"
POSTGRES_CHECKS = {
    'title_is_visible': f"title ~ '[^{POSTGRES_INVISIBLE}]'",
    'id_is_safe': f'id BETWEEN -{SAFE_ID} AND {SAFE_ID}',
    'created_at_is_a_time': POSTGRES_IS_A_TIME.format('created_at'),
    'updated_at_is_a_time': POSTGRES_IS_A_TIME.format('updated_at'),
}
# milliseconds since 2025 and twelve further bits, as the servers make them
POSTGRES_ID = (
    "((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1735689600000) * 4096 + nextval('todos_id_seq') % 4096"
)


def upgrade() -> None:
    """Add what refuses. Rows that are there already stay as they are; a stream leaves out those it cannot serve."""
    if op.get_bind().dialect.name == 'sqlite':
        # triggers: for new checks the table would have to be copied, with rows that the checks may refuse, and would
        # lose its change log's triggers while servers run; and no check can tell whether a text is UTF-8
        for name, event, column in (('insert', 'INSERT', ''), ('update', 'UPDATE', ' OF title')):
            body = _raise(SQLITE_REFUSALS)
            op.execute(f'CREATE TRIGGER todos_{name}_title BEFORE {event}{column} ON todos BEGIN {body} END')
        for name, event, column in (('insert', 'INSERT', ''), ('update', 'UPDATE', ' OF id')):
            # before an INSERT without an id, NEW.id is -1
            body = _raise({SQLITE_ID_REFUSAL: f'NEW.id NOT BETWEEN -{SAFE_ID} AND {GIVEN_ID}'})
            op.execute(f'CREATE TRIGGER todos_{name}_id BEFORE {event}{column} ON todos BEGIN {body} END')
        # an id at the end of the range was possible, and kept every further row without an id from being added
        largest = sa.select(sa.func.coalesce(sa.func.max(todos.c.id), 0)).where(todos.c.id <= GIVEN_ID)
        too_large = (sequence.c.name == 'todos') & (sequence.c.seq > GIVEN_ID)
        op.execute(sequence.update().where(too_large).values(seq=largest.scalar_subquery()))
    else:
        for name, condition in POSTGRES_CHECKS.items():
            op.execute(f'ALTER TABLE todos ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID')
            refused = sa.select(sa.exists().select_from(todos).where(sa.text(f'NOT ({condition})')))
            if not op.get_bind().scalar(refused):
                op.execute(f'ALTER TABLE todos VALIDATE CONSTRAINT {name}')
        op.execute(f'ALTER TABLE todos ALTER COLUMN id SET DEFAULT {POSTGRES_ID}')


def downgrade() -> None:
    """Accept again what cannot be served."""
    if op.get_bind().dialect.name == 'sqlite':
        for name in ('insert_title', 'update_title', 'insert_id', 'update_id'):
            op.execute(f'DROP TRIGGER todos_{name}')
    else:
        op.execute("ALTER TABLE todos ALTER COLUMN id SET DEFAULT nextval('todos_id_seq')")
        for name in POSTGRES_CHECKS:
            op.execute(f'ALTER TABLE todos DROP CONSTRAINT {name}')


def _raise(refusals: dict[str, str]) -> str:
    return ' '.join(f"SELECT RAISE(ABORT, '{reason}') WHERE {condition};" for reason, condition in refusals.items())
