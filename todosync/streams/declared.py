"""What a stream declares to be writable. The writes room checks each write against it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from todosync.writes import Write

Rule = TypeVar('Rule', bound='Callable[[Write], None]')
Verb = TypeVar('Verb', bound='Callable[..., None]')


@dataclass(eq=False)
class Declared:
    """The fields that can be set, the rules that check every write, and the verbs with what each shows at once."""

    fields: tuple[str, ...] = ()
    rules: list[Callable[[Write], None]] = field(default_factory=list)
    verbs: dict[str, Callable[..., None]] = field(default_factory=dict)
    shows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add_rule(self, rule: Callable[[Write], None]) -> None:
        """Add a rule. It replaces a rule of the same name, because a test may run the module of a rule again."""
        self.rules[:] = [known for known in self.rules if _name(known) != _name(rule)]
        self.rules.append(rule)


def _name(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, function.__qualname__
