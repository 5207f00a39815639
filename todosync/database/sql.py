"""SQL expressions that SQLite and PostgreSQL write differently."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, LargeBinary, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement, FunctionElement, literal_column


class sql_now(FunctionElement[datetime]):  # noqa: N801 - SQL functions are named like this
    """The moment of the statement, as a column's default; on SQLite with six decimals, as SQLAlchemy stores times.

    Example::

        created_at: datetime = Field(sa_column_kwargs={'server_default': sql_now()})
    """

    type = DateTime(timezone=True)
    inherit_cache = True


class iso_utc(FunctionElement[str]):  # noqa: N801
    """A stored time as ISO 8601 text in UTC with six decimals, made by the database: far cheaper than in Python."""

    type = String()
    inherit_cache = True


class decimal_text(FunctionElement[str]):  # noqa: N801
    """A stored number as text with a number of decimals, which is the second argument; made by the database."""

    type = String()
    inherit_cache = True

    def __init__(self, source: ColumnElement[Any], scale: int) -> None:
        super().__init__(source, literal_column(str(scale)))


class instant(FunctionElement[Any]):  # noqa: N801
    """A stored time as something whose order is that of time, whatever number of decimals it was written with."""

    inherit_cache = True


class by_code_points(FunctionElement[str]):  # noqa: N801
    """A text whose order is that of its code points, as in Python, whatever the collation of its column."""

    type = String()
    inherit_cache = True


class as_bytes(FunctionElement[bytes]):  # noqa: N801
    """A text as its bytes in UTF-8. SQLite also keeps texts that are none, which its driver refuses to read."""

    type = LargeBinary()
    inherit_cache = True


@compiles(as_bytes, 'sqlite')
def _as_bytes_sqlite(element: as_bytes, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f'CAST({compiler.process(element.clauses, **kwargs)} AS BLOB)'


@compiles(as_bytes, 'postgresql')
def _as_bytes_postgresql(element: as_bytes, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"convert_to({compiler.process(element.clauses, **kwargs)}, 'UTF8')"


@compiles(by_code_points, 'sqlite')
def _by_code_points_sqlite(element: by_code_points, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f'({compiler.process(element.clauses, **kwargs)} COLLATE BINARY)'


@compiles(by_code_points, 'postgresql')
def _by_code_points_postgresql(element: by_code_points, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f'({compiler.process(element.clauses, **kwargs)} COLLATE "C")'


@compiles(sql_now, 'sqlite')
def _sql_now_sqlite(element: sql_now, compiler: SQLCompiler, **kwargs: Any) -> str:
    return "(strftime('%Y-%m-%d %H:%M:%f000', 'now'))"


@compiles(sql_now, 'postgresql')
def _sql_now_postgresql(element: sql_now, compiler: SQLCompiler, **kwargs: Any) -> str:
    return 'clock_timestamp()'


@compiles(decimal_text, 'sqlite')
def _decimal_text_sqlite(element: decimal_text, compiler: SQLCompiler, **kwargs: Any) -> str:
    stored, scale = (compiler.process(part, **kwargs) for part in element.clauses)
    # SQLite keeps whatever a program has written; what is no number stays as it is, and is found to be none
    as_text = f"printf('%.{scale}f', round({stored}, {scale}) + 0.0)"  # + 0.0: minus zero is zero
    return f"CASE WHEN typeof({stored}) IN ('integer', 'real') THEN {as_text} ELSE {stored} END"


@compiles(decimal_text, 'postgresql')
def _decimal_text_postgresql(element: decimal_text, compiler: SQLCompiler, **kwargs: Any) -> str:
    stored, scale = (compiler.process(part, **kwargs) for part in element.clauses)
    return f'round({stored}, {scale})::text'


@compiles(iso_utc, 'sqlite')
@compiles(instant, 'sqlite')
def _iso_utc_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **kwargs: Any) -> str:
    stored = compiler.process(element.clauses, **kwargs)
    # programs that write SQL store fewer decimals, or none; padding keeps text order equal to time order
    padded = f"replace({stored}, ' ', 'T') || CASE length({stored}) WHEN 19 THEN '.000000' ELSE '000000' END"
    return f"substr({padded}, 1, 26) || 'Z'"


@compiles(iso_utc, 'postgresql')
def _iso_utc_postgresql(element: iso_utc, compiler: SQLCompiler, **kwargs: Any) -> str:
    stored = compiler.process(element.clauses, **kwargs)
    # others, such as infinite ones, as they are: they cannot be taken for a time
    in_calendar = f"{stored} >= '0001-01-01 00:00:00+00' AND {stored} < '10000-01-01 00:00:00+00'"
    as_text = f"""to_char({stored} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return f'CASE WHEN {in_calendar} THEN {as_text} ELSE {stored}::text END'


@compiles(instant, 'postgresql')
def _instant_postgresql(element: instant, compiler: SQLCompiler, **kwargs: Any) -> str:
    return str(compiler.process(element.clauses, **kwargs))
