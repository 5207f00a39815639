"""The triggers by which SQLite notes who changed what.

``INSERT OR REPLACE`` and ``UPDATE OR REPLACE`` delete other rows without a word to the trigger for that. So a trigger
notes, before such a write, the rows that it may delete, without an action; when it has been done, another one gives an
action to those that are gone. What is left without one, as after ``INSERT OR IGNORE``, is nothing that has happened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import Column, Table, UniqueConstraint

from .history_table import COLUMNS, HistoryTable, history
from .log_table import LogTable

TABLE_DDL = [
    f'CREATE TABLE IF NOT EXISTS {history.name} ('
    'id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, row_id TEXT NOT NULL, scope TEXT, left_scope TEXT, '
    'action TEXT NOT NULL, before TEXT, after TEXT, '
    "at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f000', 'now')), who TEXT NOT NULL DEFAULT '')",
    f'CREATE INDEX IF NOT EXISTS {history.name}_by_row ON {history.name}(stream, row_id)',
    f'CREATE INDEX IF NOT EXISTS {history.name}_by_scope ON {history.name}(stream, scope)',
    f'CREATE INDEX IF NOT EXISTS {history.name}_by_left_scope ON {history.name}(stream, left_scope) '
    'WHERE left_scope IS NOT NULL',
    f"CREATE INDEX IF NOT EXISTS {history.name}_without_action ON {history.name}(stream) WHERE action = ''",
]
SUFFIXES = 'insert', 'update', 'renumber', 'delete', 'before_insert', 'before_update', 'after_update'


def history_ddl(log: LogTable) -> list[str]:
    """Return the statements that make the triggers anew, or only remove them where no history is kept."""
    names = {suffix: f'{log.name}_history_{suffix}' for suffix in SUFFIXES}
    removal = [f'DROP TRIGGER IF EXISTS {name}' for name in names.values()]
    if log.history is None:
        return removal
    triggers = _triggers(log, log.history)
    return [*TABLE_DDL, *removal, *(f'CREATE TRIGGER {names[suffix]} {rest}' for suffix, rest in triggers.items())]


def unique_columns(table: Table) -> list[list[str]]:
    """Return the columns that the table's model declares to be unique, alone or together, besides the key."""
    constraints = [found.columns for found in table.constraints if isinstance(found, UniqueConstraint)]
    indexes = [
        index.columns for index in table.indexes if index.unique and len(index.columns) == len(index.expressions)
    ]
    return [[f'"{column.name}"' for column in columns] for columns in (*constraints, *indexes)]


def _triggers(log: LogTable, kept: HistoryTable) -> dict[str, str]:
    source, all_columns = log.source.name, list(log.source.columns)
    fields = [log.source.c[name] for name in kept.fields]
    changed = [field for field in fields if field.name != 'id']
    unique = [['id'], *unique_columns(log.source)]
    same = ' OR '.join(f'({" AND ".join(f"{name} = NEW.{name}" for name in names)})' for names in unique)
    unique_names = ', '.join(sorted({name for names in unique for name in names}))
    waiting = f"FROM {history.name} WHERE action = '' AND stream = '{kept.stream}'"

    def note(action: str, row: str, before: str, after: str, *, left: str = 'NULL', rest: str = '') -> str:
        """Return the statement that notes a change of a row."""
        scope = f'CAST({row}"{log.scope}" AS TEXT)' if log.scope else 'NULL'
        values = f"'{kept.stream}', CAST({row}id AS TEXT), {scope}, {left}, '{action}', {before}, {after}"
        return f'INSERT INTO {history.name}({COLUMNS}) SELECT {values}{rest};'

    def note_replaced(but: str) -> str:
        """Return the statements that note which rows a write may replace."""
        found = note('', '', _object(all_columns, ''), 'NULL', rest=f' FROM {source} WHERE ({same}){but}')
        return f'DELETE {waiting}; {found}'

    def settle(is_new: str) -> str:
        """Return the statement that gives an action to the rows that were replaced."""
        key = 'row_id' if log.is_key_a_uuid else 'CAST(row_id AS INTEGER)'
        is_gone = f'NOT EXISTS (SELECT 1 FROM {source} WHERE id = {key})'  # noqa: S608
        where = waiting.removeprefix(f'FROM {history.name} ')
        return f"UPDATE {history.name} SET action = 'delete' {where} AND ({is_new} OR {is_gone});"  # noqa: S608

    insert = note('insert', 'NEW.', 'NULL', _object(fields, 'NEW.'))
    delete = note('delete', 'OLD.', _object(all_columns, 'OLD.'), 'NULL')
    left = f'CASE WHEN {_differs(log.scope)} THEN CAST(OLD."{log.scope}" AS TEXT) END' if log.scope else 'NULL'
    update = note('update', 'NEW.', _changed(changed, 'OLD.'), _changed(changed, 'NEW.'), left=left)
    any_differs = ' OR '.join(_differs(field.name) for field in changed)
    is_same_key = 'row_id = CAST(NEW.id AS TEXT)'
    update_triggers = {
        'update': f'AFTER UPDATE ON {source} WHEN OLD.id = NEW.id AND ({any_differs}) BEGIN {update} END',
    }
    return {
        'insert': f'AFTER INSERT ON {source} BEGIN {settle(is_same_key)} {insert} END',
        **(update_triggers if changed else {}),
        'renumber': f'AFTER UPDATE OF id ON {source} WHEN OLD.id <> NEW.id BEGIN {delete} {insert} END',
        'delete': f'AFTER DELETE ON {source} BEGIN DELETE {waiting} AND row_id = CAST(OLD.id AS TEXT); {delete} END',
        'before_insert': f'BEFORE INSERT ON {source} BEGIN {note_replaced("")} END',
        'before_update': f'BEFORE UPDATE OF {unique_names} ON {source} BEGIN {note_replaced(" AND id <> OLD.id")} END',
        'after_update': f'AFTER UPDATE OF {unique_names} ON {source} BEGIN '
        f'{settle(f"OLD.id <> NEW.id AND {is_same_key}")} END',
    }


def _differs(name: str) -> str:
    return f'OLD."{name}" COLLATE BINARY IS NOT NEW."{name}"'


def _object(columns: Iterable[Column[object]], row: str) -> str:
    """Return the expression for a JSON object of columns.

    :param row: what stands before the names of columns: ``NEW.``, ``OLD.``, or nothing
    """
    members = " || ',' || ".join(f'{_name(column)} || {_value(column, row)}' for column in columns)
    return f"'{{' || {members} || '}}'"


def _changed(columns: Iterable[Column[object]], row: str) -> str:
    """Return the expression for a JSON object of those columns that an update has changed."""
    members = ' || '.join(
        f"CASE WHEN {_differs(column.name)} THEN ',' || {_name(column)} || {_value(column, row)} ELSE '' END"
        for column in columns
    )
    return f"'{{' || substr({members}, 2) || '}}'"


def _name(column: Column[object]) -> str:
    return "'{}:'".format(json.dumps(column.name, ensure_ascii=False).replace("'", "''"))


def _value(column: Column[object], row: str) -> str:
    """Return the expression for the JSON of a value.

    ``quote`` writes a number with all digits that it needs. JSON has no bytes, so an object stands for them, and
    nothing infinite, so that is a number that is too large for any other.
    """
    value = f'{row}"{column.name}"'
    return (
        f"CASE typeof({value}) WHEN 'real' THEN replace(quote({value}), 'Inf', '9e999') "
        f"""WHEN 'blob' THEN '{{"blob":"' || hex({value}) || '"}}' ELSE json_quote({value}) END"""
    )
