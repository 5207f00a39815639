"""How many changes of this browser wait for the server, where they wait for long."""

from __future__ import annotations

from todosync import LiveElement

WAITING = 'todosync.writes.view.waiting'


class Waiting(LiveElement):
    """Says that changes wait, which are done as soon as the server can be reached. Nothing while all are done.

    Example::

        Waiting()
    """

    def __init__(self) -> None:
        text = f'{WAITING} === 1 ? "1 change is not saved yet" : `${{{WAITING}}} changes are not saved yet`'
        live = {'textContent': f'{WAITING} ? ({text}) : null', 'hidden': f'!{WAITING}'}
        super().__init__('span', live)
        self.classes('waiting').props('role=status')
