"""A list whose rows have fields of many types, each bound to an element."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from nicegui import ui
from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

import todosync
from todosync import LiveList, LiveText, bind_classes, bind_text, bind_value, count, new_uuid, on_click, total


class Kind(StrEnum):
    """What a payment is for."""

    FOOD = 'food'
    RENT = 'rent'


class Payment(SQLModel, table=True):
    """What was paid."""

    __tablename__ = 'payments'
    __table_args__ = {'extend_existing': True}  # the simulated user runs this file for each test

    id: UUID = Field(default_factory=new_uuid, primary_key=True)
    price: Decimal = Field(default=Decimal(0), max_digits=12, decimal_places=2)
    discount: Decimal | None = Field(default=None, max_digits=6, decimal_places=2)
    day: date | None = None
    at: time | None = None
    kind: Kind = Kind.FOOD
    cents: int = Field(default=150, sa_column_kwargs={'server_default': '150'})
    tags: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


PAYMENTS = todosync.Stream(
    Payment,
    order_by='-price',
    totals={'all': count(), 'spent': total('price')},
    texts={'summary': '{spent} for {all} things'},
)
PAYMENTS.writable('price', 'discount', 'day', 'at', 'kind', 'tags')


@PAYMENTS.verb(shows={'price': Decimal(0)})
def waive(session: object, payment: Payment) -> None:
    """Take nothing for it."""
    payment.price = Decimal(0)


settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[PAYMENTS])


@ui.page('/')
def index() -> None:
    """Show the payments."""
    view = todosync.use_stream(PAYMENTS)
    LiveText(view, 'summary').classes('summary')
    LiveText(view, 'spent', currency='EUR').classes('spent')
    payments = LiveList(view, row_height=120).classes('w-full').style('height: 600px')
    with payments as row, ui.row():
        bind_value(ui.number('Price').mark('price').classes('price'), row.price)
        bind_value(ui.input('Discount').mark('discount').classes('discount'), row.discount)
        bind_value(ui.slider(min=0, max=100, step=0.5).classes('slider').style('width: 100px'), row.price)
        bind_value(ui.input('Day').props('type=date').mark('day').classes('day'), row.day)
        bind_value(ui.input('At').props('type=time').mark('at').classes('at'), row.at)
        bind_value(ui.select({Kind.FOOD: 'Food', Kind.RENT: 'Rent'}).mark('kind').classes('kind'), row.kind)
        bind_text(ui.label().classes('rest'), 'rest ' + (row.price - row.discount))
        bind_text(ui.label().classes('tags'), row.tags)
        bind_text(ui.label().classes('money'), (row.price * 2).money('eur') + ' on ' + row.day.date('short'))
        bind_text(ui.label().classes('cents'), (row.cents * 2).money('EUR') + ' at ' + row.at.time())
        bind_text(ui.label().classes('when'), row.day.relative())
        bind_text(ui.label().classes('word'), row.kind.map({Kind.FOOD: 'to eat', Kind.RENT: 'to live'}))
        bind_classes(ui.label('!').classes('much'), {'text-red': row.price >= Decimal('100.00')})
        bind_classes(ui.label('!').classes('old'), {'text-red': row.day < date(2026, 1, 1)})
        on_click(ui.button('Double').mark('double'), {'price': row.price * 2, 'kind': Kind.RENT})
        on_click(ui.button('Waive').mark('waive'), waive)
        on_click(ui.button('Delete').mark('delete'), view.delete, undo='Deleted ' + row.price)
    ui.button('Food', on_click=lambda: payments.filter(row.kind == Kind.FOOD))
    ui.button('Much', on_click=lambda: payments.filter(row.price > Decimal('9.99')))


ui.run(**todosync.run_options(settings))
