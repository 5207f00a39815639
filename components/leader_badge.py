"""The badge that shows a tab's role: whether it holds the browser's socket or uses that of another tab."""

from __future__ import annotations

import json

from todosync import LiveElement, Role, View

LABELS: dict[Role, str] = {
    'leader': 'Leader',
    'follower': 'Follower',
    'alone': 'Own socket',
    'none': 'Connecting…',
}
EXPLANATIONS: dict[Role, str] = {
    'leader': "This tab holds the browser's one connection and shares it with the other tabs",
    'follower': 'This tab shares the connection of another tab',
    'alone': 'This tab keeps a connection for itself, because it cannot share one',
    'none': 'This tab has no connection at the moment',
}


class LeaderBadge(LiveElement):
    """Shows the role of this tab. The browser renders it, so it is right even without a connection.

    :param view: the page's view of a stream

    Example::

        LeaderBadge(use_todo_sync())
    """

    def __init__(self, view: View) -> None:
        role = 'todosync.status.role'
        live = {
            'data-role': role,
            'data-connected': 'todosync.status.connected',
            'textContent': f'{json.dumps(LABELS)}[{role}]',
            'title': f'{json.dumps(EXPLANATIONS)}[{role}]',
        }
        super().__init__('span', live)
        self._view = view
        self.classes('leader-badge')

    def _displayed_contents(self, *, only_visible: bool) -> list[str]:
        return [*super()._displayed_contents(only_visible=only_visible), LABELS[self._view.role]]
