"""The table of a shopping list, what is shown of it, and what can be written."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from todosync import Stream, Write, count


class Item(SQLModel, table=True):
    """Something to buy."""

    __tablename__ = 'items'

    id: int | None = Field(default=None, primary_key=True)
    name: str
    bought: bool = False


ITEMS = Stream(
    Item,
    totals={'all': count(), 'bought': count('bought')},
    texts=lambda totals: {'summary': summary(totals['all'] - totals['bought'])},
)
ITEMS.writable('name', 'bought')


@ITEMS.rule
def name_something(write: Write) -> None:
    """Refuse an item without a name."""
    if 'name' in write.values:
        write.values['name'] = write.values['name'].strip()
        if not write.values['name']:
            write.refuse('What is missing? Give it a name', field='name')


def summary(missing: int) -> str:
    """Say how much there is to buy."""
    return f'{missing} to buy' if missing else 'Everything is bought'
