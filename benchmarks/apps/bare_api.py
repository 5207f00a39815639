"""The least that an insert over REST can be with the same parts: FastAPI, SQLModel, SQLite, the same durability."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI
from sqlalchemy import event
from sqlmodel import Field, Session, SQLModel, create_engine

engine = create_engine(f'sqlite:///{os.environ["TODOSYNC_STORAGE_DIR"]}/bare.sqlite3')
app = FastAPI()


@event.listens_for(engine, 'connect')
def configure(connection: sqlite3.Connection, _: object) -> None:
    connection.execute('PRAGMA journal_mode = WAL')
    connection.execute('PRAGMA synchronous = FULL')
    connection.execute('PRAGMA busy_timeout = 10000')


class Item(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str = Field(max_length=500)
    completed: bool = False
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))


class NewItem(SQLModel):
    title: str = Field(min_length=1, max_length=500)


class NewItemBody(SQLModel):
    todo: NewItem


def open_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


@app.post('/todos', status_code=201)
def create(body: NewItemBody, session: Annotated[Session, Depends(open_session)]) -> Item:
    item = Item(title=body.todo.title)
    session.add(item)
    session.commit()
    session.refresh(item)
    return item


@app.get('/up')
def up() -> dict[str, int]:
    return {'sockets': 0, 'followers': 0}


SQLModel.metadata.create_all(engine)
uvicorn.run(app, host='127.0.0.1', port=int(os.environ['TODOSYNC_PORT']), log_level='warning')
