"""The views of all pages of a process."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import Client

from todosync.streams import Stream
from todosync.tabs import Role

from .view import View


class Views:
    """The views of each page, by what they show, see :func:`key_of`. They are forgotten with their page."""

    def __init__(self) -> None:
        self._by_client_id: dict[str, dict[str, View]] = {}
        self._by_key: dict[str, dict[str, View]] = {}

    def __len__(self) -> int:
        """Return how many pages have a view."""
        return len(self._by_client_id)

    def of(self, client: Client) -> Mapping[str, View]:
        """Return the views of a page."""
        return self._by_client_id.get(client.id, {})

    def of_stream(self, stream: Stream) -> list[View]:
        """Return all views of a stream, whatever their scope."""
        return [view for views in self._by_key.values() for view in views.values() if view.stream is stream]

    def showing(self, key: str) -> list[str]:
        """Return the ids of the pages that show a scope of a stream, and whose users may read it."""
        return [client_id for client_id, view in self._by_key.get(key, {}).items() if not view.is_withheld]

    def add(self, client: Client, view: View) -> None:
        """Give a page a view; it has at most one of each scope of a stream."""
        self._by_client_id.setdefault(client.id, {})[view.key] = view
        self._by_key.setdefault(view.key, {})[client.id] = view

    def refresh(self, key: str) -> None:
        """Tell all views of a scope of a stream that its rows have changed."""
        for view in list(self._by_key.get(key, {}).values()):
            if not view.is_withheld:
                view.refresh()

    def set_role(self, client: Client, role: Role) -> None:
        """Tell a page's views which role its tab has now."""
        for view in self.of(client).values():
            view.set_role(role)

    def forget(self, client: Client) -> None:
        """End the views of a page that NiceGUI has deleted; safe to call twice."""
        for key, view in self._by_client_id.pop(client.id, {}).items():
            self._by_key[key].pop(client.id, None)
            if not self._by_key[key]:
                del self._by_key[key]
            view.close()

    def clear(self) -> None:
        """End all views; safe to call twice."""
        for views in self._by_client_id.values():
            for view in views.values():
                view.close()
        self._by_client_id.clear()
        self._by_key.clear()
