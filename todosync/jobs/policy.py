"""The mark ``@job``. It says what happens after an error: another attempt, a record of the failure, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from apscheduler.util import obj_to_ref

Function = TypeVar('Function', bound=Callable[..., Any])


class JobInterruptedError(Exception):
    """The process that ran the job ended before the job did. Nobody knows how far the job got.

    Example::

        @todosync.job(attempts=2, retry_on=(todosync.JobInterruptedError,))  # it may safely run twice
        def tidy_up() -> None: ...
    """


@dataclass(frozen=True)
class Policy:
    """See :func:`job`, whose parameters these are."""

    attempts: int = 1
    wait: float = 3.0
    retry_on: tuple[type[Exception], ...] = (Exception,)
    discard_on: tuple[type[Exception], ...] = ()

    def seconds_until_retry(self, error: BaseException, attempt: int) -> float | None:
        """Return the seconds to wait after a failed attempt; ``None`` if it was the last one."""
        if attempt >= self.attempts or not isinstance(error, self.retry_on):
            return None
        return float(self.wait * 2 ** (attempt - 1))


@overload
def job(function: Function, /) -> Function: ...


@overload
def job(
    *,
    attempts: int = Policy.attempts,
    wait: float = Policy.wait,
    retry_on: tuple[type[Exception], ...] = Policy.retry_on,
    discard_on: tuple[type[Exception], ...] = Policy.discard_on,
) -> Callable[[Function], Function]: ...


def job(
    function: Function | None = None,
    /,
    *,
    attempts: int = Policy.attempts,
    wait: float = Policy.wait,
    retry_on: tuple[type[Exception], ...] = Policy.retry_on,
    discard_on: tuple[type[Exception], ...] = Policy.discard_on,
) -> Any:
    """Mark a function as a durable job, and say what happens when it raises an error.

    Only marked functions run as durable jobs. A stored job is the name of a function and its arguments; without the
    mark, a stored name could call any function that can be imported. ``@job`` alone means one attempt; a failure is
    recorded.

    :param function: the function, where the decorator stands without parentheses
    :param attempts: how often the job is tried before its failure is recorded
    :param wait: seconds before the second attempt; the time doubles with each further one
    :param retry_on: the errors after which the job is tried again; :class:`JobInterruptedError` means that the process
        of the job has ended
    :param discard_on: the errors after which the job is neither tried again nor recorded

    Example::

        @todosync.job(attempts=5, retry_on=(OSError,), discard_on=(RowGoneError,))
        def remind(todo_id: int) -> None: ...
    """

    def mark(marked: Function) -> Function:
        marked.job_policy = Policy(attempts, wait, retry_on, discard_on)  # type: ignore[attr-defined]
        return marked

    return mark if function is None else mark(function)


def policy_of(function: Callable[..., Any]) -> Policy:
    """Return the policy that a function was marked with.

    :raises TypeError: it is not marked
    """
    policy = getattr(function, 'job_policy', None)
    if not isinstance(policy, Policy):
        name = getattr(function, '__qualname__', repr(function))
        raise TypeError(f'{name} is not marked as a job; mark it with @todosync.job')
    return policy


def name_of(function: Callable[..., Any]) -> str:
    """Return the name by which another process can import a function.

    :raises ValueError: there is none
    """
    try:
        return str(obj_to_ref(function))
    except ValueError as error:
        name = getattr(function, '__qualname__', repr(function))
        remedy = 'make it a function of a module'
        raise ValueError(f'{name} cannot be imported by name, so no job can run it; {remedy}') from error
