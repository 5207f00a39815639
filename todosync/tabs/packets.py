"""The packets of Socket.IO, as this program takes them apart: without attachments, and without half characters."""

from __future__ import annotations

import json
import re
from typing import Any

from socketio import packet

from .frames import MAX_ID_LENGTH, OddFrameError

NOT_FOR_BROWSERS = frozenset({'connect', 'connect_error', 'disconnect', '*'})
"""Events that python-socketio itself sends to handlers. A browser that sends one wants to deceive the handlers."""
HALF_CHARACTER = re.compile('[\ud800-\udfff]')
WHOLE_CHARACTER = '\ufffd'
"""What stands for half a character, as in the forms of web pages."""


class TextPacket(packet.Packet):  # type: ignore[misc]  # python-socketio has no types
    """A Socket.IO packet without binary attachments, in a form that handlers can read.

    python-socketio keeps attachments until as many have come as the sender has announced. So a stranger could fill the
    memory with them.
    """

    def decode(self, encoded_packet: Any) -> int:
        """Decode a packet.

        JavaScript's texts may hold half a character, as of an emoji that was cut; NiceGUI's JSON does not read that. So
        it is replaced, or the page would send the same packet again and again, and nothing after it.

        :raises OddFrameError: it is no packet, or one of another form
        """
        try:
            try:
                attachment_count = super().decode(encoded_packet)
            except ValueError:
                attachment_count = super().decode(_with_whole_characters(encoded_packet))
        except (ValueError, TypeError, RecursionError) as error:
            raise OddFrameError(f'no packet: {type(error).__name__}') from None
        if attachment_count or not self._is_ordinary():
            raise OddFrameError('no packet of a browser')
        return 0

    def _is_ordinary(self) -> bool:
        data = self.data
        if len(self.namespace or '') > MAX_ID_LENGTH:
            return False
        if self.packet_type == packet.EVENT:
            return isinstance(data, list) and bool(data) and _is_event_name(data[0])
        if self.packet_type == packet.ACK:
            return isinstance(data, list) and self.id is not None
        return self.packet_type == packet.DISCONNECT or (
            self.packet_type == packet.CONNECT and (data is None or isinstance(data, dict))
        )


def _with_whole_characters(encoded_packet: str) -> str:
    """Return an event in which nothing is half a character.

    :raises ValueError: it is no JSON
    """
    start = encoded_packet.find('[')
    text = json.dumps(json.loads(encoded_packet[start:]), ensure_ascii=False)
    return encoded_packet[:start] + HALF_CHARACTER.sub(WHOLE_CHARACTER, text)


def _is_event_name(name: object) -> bool:
    return isinstance(name, str) and len(name) <= MAX_ID_LENGTH and name not in NOT_FOR_BROWSERS
