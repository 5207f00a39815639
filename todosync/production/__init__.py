"""The production room: what a deployment adds. Imports every room but the assembly, and nothing imports it."""

from .production import add_production
from .status import ProcessReport, StatusBoard

__all__ = ['ProcessReport', 'StatusBoard', 'add_production']
