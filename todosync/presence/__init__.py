"""The presence room: who is here in a scope of a stream, and what they edit.

Imports ``clock``, ``database`` and ``streams``.
"""

from .exchange import Exchange
from .people import Editing, Person
from .presences import Presences
from .roster import Entry, Roster
from .spot import Spot

__all__ = ['Editing', 'Entry', 'Exchange', 'Person', 'Presences', 'Roster', 'Spot']
