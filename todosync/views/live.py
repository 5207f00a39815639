"""Properties that can be bound to and are computed when they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

from nicegui import binding
from nicegui.binding import BindableProperty

Value = TypeVar('Value')


class Live(BindableProperty, Generic[Value]):
    """A read-only property that can be bound to, computed when it is read: no tab keeps a copy of what all tabs share.

    In a subclass of ``View``, whatever is bound to it is brought up to date each time the rows have changed.

    :param read: takes the owner, a view, and returns the value
    :raises AttributeError: somebody tries to set it

    Example::

        class NotesView(View):
            urgent = Live[int](lambda view: view.totals['urgent'])
    """

    def __init__(self, read: Callable[[Any], Value]) -> None:
        super().__init__()
        self._read = read

    @overload
    def __get__(self, owner: None, _: object = None) -> Self: ...
    @overload
    def __get__(self, owner: object, _: object = None) -> Value: ...
    def __get__(self, owner: object | None, _: object = None) -> Self | Value:
        return self if owner is None else self._read(owner)

    def __set__(self, owner: object, value: Value) -> None:
        raise AttributeError(f'{self.name} of {type(owner).__name__} changes by itself and cannot be set')

    def offer(self, owner: object) -> None:
        """Tell NiceGUI that the property changes by itself and need not be polled, and update what is bound to it."""
        super().__set__(owner, object())  # a value that was never there before makes NiceGUI read the property

    def update(self, owner: object) -> None:
        """Bring what is bound to the property up to date; costs next to nothing where nothing is."""
        if (id(owner), (self.name,)) in binding.bindings:
            self.offer(owner)
