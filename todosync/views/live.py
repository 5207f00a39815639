"""Properties of a view: a page can bind to them, and each is computed when it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

from nicegui import binding
from nicegui.binding import BindableProperty

Value = TypeVar('Value')


class Live(BindableProperty, Generic[Value]):
    """A read-only property of a view that a page can bind to.

    The value is computed when it is read, so no tab keeps a copy of what all tabs share. In a subclass of ``View``,
    bindings to the property are updated each time the rows have changed.

    :param read: takes the view and returns the value
    :raises AttributeError: the program tries to set the property

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
        """Tell NiceGUI that it need not poll the property, and update what is bound to it.

        :param owner: the view
        """
        super().__set__(owner, object())  # NiceGUI reads the property because this value is a new one

    def update(self, owner: object) -> None:
        """Update what is bound to the property. This costs next to nothing where nothing is bound.

        :param owner: the view
        """
        if (id(owner), (self.name,)) in binding.bindings:
            self.offer(owner)
