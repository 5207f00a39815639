"""The state of a page and of a socket. Each is kept as long as the page or the socket exists."""

from __future__ import annotations

from dataclasses import dataclass, field

DOCUMENTS_PER_PAGE = 8
"""How many documents of a page are remembered. A browser shows one at a time, and may restore an earlier one."""


@dataclass(frozen=True)
class Route:
    """The way to a carried page: the leader's socket, the tab, and the page's virtual socket."""

    leader_sid: str
    tab: str
    virtual_sid: str


@dataclass(eq=False)
class Socket:
    """A connected socket.

    :ivar page_ids: the pages that have made their handshake over it
    :ivar leading_page_id: the page whose tab offers the socket to others, ``None`` while none does
    :ivar carried: the pages that it carries
    """

    page_ids: set[str] = field(default_factory=set)
    leading_page_id: str | None = None
    carried: set[str] = field(default_factory=set)


@dataclass(eq=False)
class Page:
    """A page, by the id of its NiceGUI client.

    :ivar route: how it is reached over another tab's socket, ``None`` if it is not carried
    :ivar sids: the sockets of its own
    :ivar is_alone: whether its tab has said that it keeps its socket for itself
    """

    route: Route | None = None
    sids: set[str] = field(default_factory=set)
    is_alone: bool = False
    _received: dict[str, int] = field(default_factory=dict)
    _latest_attempt: int = 0

    def last_received(self, document_id: str) -> int:
        """Return the number of the last frame received from a document; each document begins with 1."""
        received = self._received
        received[document_id] = received.pop(document_id, 0)  # moved to the end, so that it is forgotten last
        while len(received) > DOCUMENTS_PER_PAGE:
            del received[next(iter(received))]
        return received[document_id]

    def receive(self, document_id: str, number: int) -> bool:
        """Return whether a frame is the next one of its document. If it is, it counts as received from now on."""
        is_next = number == self.last_received(document_id) + 1
        if is_next:
            self._received[document_id] = number
        return is_next

    def is_overtaken(self, link_number: int | None) -> bool:
        """Return whether the page has made a newer attempt to connect than this one.

        Attempts travel over different sockets, so an old one may arrive late. It must not undo a newer one.

        :param link_number: the number of the attempt, ``None`` for a page that does not number its attempts
        """
        if link_number is None:
            return False
        self._latest_attempt = max(link_number, self._latest_attempt)
        return link_number < self._latest_attempt
