"""The orders of a shop: members of an enum, dates, times and money in cents, as a team has them."""

from __future__ import annotations

import datetime as dt
import enum

from nicegui import ui
from sqlmodel import Field, Session, SQLModel

import todosync
from todosync import BrowserChoice, LiveList, Stream, bind_text, bind_value, on_click, total


class Status(enum.Enum):
    """How far an order is."""

    OPEN = 'open'
    PAID = 'paid'


class Urgency(enum.IntEnum):
    """How urgent an order is."""

    LOW = 0
    HIGH = 1


class Order(SQLModel, table=True):
    """What somebody has ordered."""

    __tablename__ = 'orders'

    id: int | None = Field(default=None, primary_key=True)
    title: str
    status: Status = Status.OPEN
    urgency: int = Urgency.LOW
    cents: int = Field(default=0, ge=0)
    due: dt.date | None = None
    at: dt.time | None = None
    placed_at: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


ORDERS = Stream(Order, order_by='title', totals={'cents': total('cents')})
ORDERS.writable('title', 'status', 'urgency', 'cents', 'due', 'at', 'placed_at')


@ORDERS.verb(shows={'status': Status.PAID, 'due': dt.date(2026, 12, 24)})
def pay(session: Session, order: Order) -> None:
    """Note that it is paid."""
    order.status, order.due = Status.PAID, dt.date(2026, 12, 24)


settings = todosync.Settings.from_environment()
todosync.setup(settings, streams=[ORDERS])


@ui.page('/')
def index() -> None:
    """Show the orders."""
    view = todosync.use_stream(ORDERS)
    orders = LiveList(view, row_height=60).classes('w-full').style('height: 400px')
    with orders as row, ui.row():
        bind_value(ui.input().mark('title'), row.title)
        bind_value(ui.input().mark('due'), row.due)
        bind_value(ui.select({Status.OPEN: 'Open', Status.PAID: 'Paid'}).mark('status'), row.status)
        bind_text(ui.label(), (row.status == Status.PAID).then('is paid', 'is not paid'))
        bind_text(ui.label(), 'status: ' + row.status.map({Status.OPEN: 'to be paid', Status.PAID: 'done'}))
        bind_text(ui.label(), 'urgency: ' + row.urgency.map({Urgency.LOW: 'can wait', Urgency.HIGH: 'now'}))
        bind_text(ui.label(), (row.due < dt.date(2026, 12, 24)).then('before Christmas', 'later'))
        bind_text(ui.label(), (row.at == dt.time(9, 30)).then('in the morning', 'some time'))
        placed = row.placed_at < dt.datetime(2026, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))
        bind_text(ui.label(), placed.then('last year', 'this year'))
        on_click(ui.button('Today').mark('today'), {'due': dt.date(2026, 11, 27), 'status': Status.OPEN})
        on_click(ui.button('Pay').mark('pay'), pay)
    shown = BrowserChoice('shown', ['All', 'Paid', 'Due'])
    orders.show_by(shown, {'All': {}, 'Paid': {'status': Status.PAID}, 'Due': {'due': dt.date(2026, 12, 24)}})
    ui.button('Only paid', on_click=lambda: orders.filter(row.status == Status.PAID))


ui.run(**todosync.run_options(settings))
