"""What may be written to a stream, as its declaration says. The writes room acts on it."""

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
    """The fields that can be set, the rules that every write has to pass, and the verbs."""

    fields: tuple[str, ...] = ()
    rules: list[Callable[[Write], None]] = field(default_factory=list)
    verbs: dict[str, Callable[..., None]] = field(default_factory=dict)

    def add_rule(self, rule: Callable[[Write], None]) -> None:
        """Add a rule. One that is declared again, as by a module that is run anew for each test, replaces the first."""
        self.rules[:] = [known for known in self.rules if _name(known) != _name(rule)]
        self.rules.append(rule)


def _name(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, function.__qualname__
