"""Totals: counts and sums over all rows of a stream, as data."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from .messages import Row

Amount = int | Decimal
"""The value of a total: a whole number, or of a sum of decimals their exact sum."""


@dataclass(frozen=True)
class Total:
    """What one row adds to a total: 1, or 1 if a field is true, or the number in a field.

    It is data and not a function, so that the browser can compute the same total.

    :param field: the name of the field; empty if every row counts
    :param is_sum: whether the numbers in the field are added up
    :param scale: of a field of decimals, how many decimals they have; the stream knows it
    """

    field: str = ''
    is_sum: bool = False
    scale: int | None = None

    def of(self, row: Row) -> Amount:
        """Return what a row adds."""
        if not self.field:
            return 1
        value = row[self.field] or 0
        if self.scale is not None:
            amount = Decimal(value)
            return amount if self.is_sum else int(bool(amount))
        return int(value) if self.is_sum else int(bool(value))

    @property
    def nothing(self) -> Amount:
        """The total over no rows."""
        return Decimal(0).scaleb(-self.scale) if self.is_sum and self.scale is not None else 0


def count(field: str = '') -> Total:
    """Return a total that counts all rows, or the rows in which a field is true.

    :param field: the name of the field, one of the stream's ``fields`` (default: every row counts)

    Example::

        NOTES = Stream(Note, totals={'all': count(), 'urgent': count('urgent')})
    """
    return Total(field)


def total(field: str) -> Total:
    """Return a total that adds up the numbers of a field: decimals exactly, of others the fraction is cut off.

    The sum of decimals stands as a text in ``view.totals``, such as ``'12.50'``, as decimals do in rows.

    :param field: the name of the field, one of the stream's ``fields``

    Example::

        EXPENSES = Stream(Expense, totals={'spent': total('cents')})
    """
    return Total(field, is_sum=True)
