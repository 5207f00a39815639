"""Totals: counts and sums over all rows of a stream, as data."""

from __future__ import annotations

from dataclasses import dataclass

from .messages import Row


@dataclass(frozen=True)
class Total:
    """What one row adds to a total: 1, or 1 if a field is true, or the number in a field.

    It is data and not a function, so that the browser can compute the same total.

    :param field: the name of the field; empty if every row counts
    :param is_sum: whether the numbers in the field are added up
    """

    field: str = ''
    is_sum: bool = False

    def of(self, row: Row) -> int:
        """Return what a row adds."""
        if not self.field:
            return 1
        return int(row[self.field] or 0) if self.is_sum else int(bool(row[self.field]))


def count(field: str = '') -> Total:
    """Return a total that counts all rows, or the rows in which a field is true.

    :param field: the name of the field, one of the stream's ``fields`` (default: every row counts)

    Example::

        NOTES = Stream(Note, totals={'all': count(), 'urgent': count('urgent')})
    """
    return Total(field)


def total(field: str) -> Total:
    """Return a total that adds up the whole numbers of a field; a fraction is cut off.

    :param field: the name of the field, one of the stream's ``fields``

    Example::

        EXPENSES = Stream(Expense, totals={'spent': total('cents')})
    """
    return Total(field, is_sum=True)
