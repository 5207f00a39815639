"""The table of what was spent, what is shown of it, and what can be written."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlmodel import Field, SQLModel

from todosync import Stream, Write, count, new_uuid, total


class Expense(SQLModel, table=True):
    """Something that was paid for."""

    __tablename__ = 'expenses'

    id: UUID = Field(default_factory=new_uuid, primary_key=True)
    what: str
    price: Decimal = Field(max_digits=12, decimal_places=2)
    day: date = Field(default_factory=date.today)


EXPENSES = Stream(Expense, totals={'spent': total('price'), 'all': count()})
EXPENSES.writable('what', 'price', 'day')


@EXPENSES.rule
def say_what(write: Write) -> None:
    """Refuse an expense for nothing."""
    if 'what' in write.values and not write.values['what'].strip():
        write.refuse('What was it for?', field='what')
