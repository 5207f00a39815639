"""The views of all pages of a process."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import Client

from todosync.tabs import Role

from .view import View


class Views:
    """The views of each page, by the names of their streams. They are forgotten with their page."""

    def __init__(self) -> None:
        self._by_client_id: dict[str, dict[str, View]] = {}

    def __len__(self) -> int:
        """Return how many pages have a view."""
        return len(self._by_client_id)

    def of(self, client: Client) -> Mapping[str, View]:
        """Return the views of a page."""
        return self._by_client_id.get(client.id, {})

    def add(self, client: Client, view: View) -> None:
        """Give a page a view; it has at most one of each stream."""
        self._by_client_id.setdefault(client.id, {})[view.stream.name] = view

    def refresh(self, stream_name: str) -> None:
        """Tell all views of a stream that its rows have changed."""
        for views in list(self._by_client_id.values()):
            if view := views.get(stream_name):
                view.refresh()

    def set_role(self, client: Client, role: Role) -> None:
        """Tell a page's views which role its tab has now."""
        for view in self.of(client).values():
            view.set_role(role)

    def forget(self, client: Client) -> None:
        """End the views of a page that NiceGUI has deleted; safe to call twice."""
        for view in self._by_client_id.pop(client.id, {}).values():
            view.close()

    def clear(self) -> None:
        """End all views; safe to call twice."""
        for views in self._by_client_id.values():
            for view in views.values():
                view.close()
        self._by_client_id.clear()
