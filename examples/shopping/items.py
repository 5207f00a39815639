"""The table of a shopping list, what is shown of it, and what can be written."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from todosync import Stream, Write, count, plural


class Item(SQLModel, table=True):
    """Something to buy."""

    __tablename__ = 'items'

    id: int | None = Field(default=None, primary_key=True)
    name: str
    bought: bool = False


ITEMS = Stream(
    Item,
    totals={'all': count(), 'bought': count('bought')},
    texts={'summary': plural('all - bought', zero='Everything is bought', other='{all - bought} to buy')},
)
ITEMS.writable('name', 'bought')


@ITEMS.rule
def name_something(write: Write) -> None:
    """Refuse an item without a name."""
    if 'name' in write.values:
        write.values['name'] = write.values['name'].strip()
        if not write.values['name']:
            write.refuse('What is missing? Give it a name', field='name')
