"""The production room: what a deployment adds. No other room imports it.

Imports ``cable``, ``database``, ``jobs``, ``package``, ``runtime``, ``settings`` and ``tabs``.
"""

from .production import add_production
from .status import ProcessReport, StatusBoard

__all__ = ['ProcessReport', 'StatusBoard', 'add_production']
