"""The table of a chat, and what can be written."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from todosync import Stream, Write


class Message(SQLModel, table=True):
    """What somebody has said."""

    __tablename__ = 'messages'

    id: int | None = Field(default=None, primary_key=True)
    author: str
    text: str


MESSAGES = Stream(Message, order_by='id')
MESSAGES.writable('author', 'text')


@MESSAGES.rule
def say_something(write: Write) -> None:
    """Refuse an empty message."""
    if not str(write.values.get('text', 'kept')).strip():
        write.refuse('Say something', field='text')
