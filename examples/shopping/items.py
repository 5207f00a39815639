"""The table of a shopping list, what is shown of it, and what can be done with it."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from todosync import Stream, count, current_server


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


def summary(missing: int) -> str:
    """Say how much there is to buy."""
    return f'{missing} to buy' if missing else 'Everything is bought'


def add_item(name: str) -> None:
    """Put something on the list. Blocks, like everything that writes."""
    with current_server().database.write() as session:
        session.add(Item(name=name))


def mark_item(item_id: int, *, bought: bool) -> None:
    """Note that something has been bought, or has not."""
    with current_server().database.write() as session:
        if item := session.get(Item, item_id):
            item.bought = bought
