"""The table of a board, what is shown of it, and what can be written."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer
from sqlmodel import Field, Session, SQLModel

from todosync import Stream, Write, count, new_id, plural

STAGES = {'todo': 'To do', 'doing': 'Doing', 'done': 'Done'}


class Card(SQLModel, table=True):
    """Something to do, in one of the columns of the board."""

    __tablename__ = 'cards'

    id: int | None = Field(
        default_factory=new_id, sa_column=Column(BigInteger().with_variant(Integer, 'sqlite'), primary_key=True)
    )
    title: str
    stage: str = Field(default='todo', index=True)


CARDS = Stream(
    Card,
    order_by='id',
    scope='stage',
    totals={'all': count()},
    texts={'summary': plural('all', zero='Nothing', one='1 card', other='{all} cards')},
)
CARDS.writable('title', 'stage')


@CARDS.rule
def keep_to_the_board(write: Write) -> None:
    """Refuse a card without a title, and a column that the board does not have."""
    if not str(write.values.get('title', 'kept')).strip():
        write.refuse('A card needs a title', field='title')
    if write.values.get('stage', 'todo') not in STAGES:
        write.refuse('The board has no such column', field='stage')


@CARDS.verb(shows={'stage': 'done'})
def finish(session: Session, card: Card) -> None:
    """Move a card to the last column."""
    card.stage = 'done'
