"""Refusals of REST routes. Every error is answered as ``{"errors": [...]}``, whatever is wrong with a request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterable
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import DataError, IntegrityError
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from todosync.access import csrf_refusal
from todosync.database import DatabaseUnavailableError, UnknownOutcomeError, reason_for_strangers
from todosync.writes import NotAllowedError, RefusedWriteError, RowGoneError, refusal_by_database

RETRY_AFTER = '5'
"""Seconds after which a client may try again what could not be done."""

log = logging.getLogger(__name__)


class RefusedError(Exception):
    """A request is refused. The answer has a status, and sentences that say why.

    :param status: the status of the answer
    :param errors: one sentence for each reason, for the person who sent the request

    Example::

        raise RefusedError(HTTPStatus.NOT_FOUND, 'There is no note 7')
    """

    def __init__(self, status: HTTPStatus, *errors: str) -> None:
        super().__init__(*errors)
        self.status = status
        self.errors = list(errors)


class RefusalRoute(APIRoute):
    """A route that answers every refusal as ``{"errors": [...]}``, also that of the forgery check.

    Example::

        router = APIRouter(route_class=RefusalRoute)
    """

    allowed: Iterable[str] = ()
    """The methods of all routes with this path."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the methods that no route with this path has.

        :param scope: the request, see ASGI
        :param receive: reads the body of the request
        :param send: sends the answer
        """
        if scope['method'] in (self.methods or ()):
            await super().handle(scope, receive, send)
        else:
            allowed = ', '.join(sorted(self.allowed))
            errors = [f'{scope["method"]} is not possible here, only {allowed}']
            refusal = json_response({'errors': errors}, HTTPStatus.METHOD_NOT_ALLOWED, Allow=allowed)
            await refusal(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler with a layer around it that turns errors into answers."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                if refusal := csrf_refusal(request):
                    raise RefusedError(HTTPStatus.FORBIDDEN, refusal)
                return await handle(request)
            except ClientDisconnect:
                return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it
            except Exception as error:
                return self._answer_to(error, request)

        return answer

    def refusal_of(self, error: Exception, request: Request) -> RefusedError | None:
        """Return the refusal for an error of the app; ``None`` for an error that is not the app's. Override this.

        :param error: the error that the handler has raised
        :param request: the request
        """
        return None

    def _answer_to(self, error: Exception, request: Request) -> Response:
        refused = self.refusal_of(error, request) or _refusal_of(error, request)
        headers = {'Retry-After': RETRY_AFTER} if refused.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return json_response({'errors': refused.errors}, refused.status, **headers)


def allow_methods(router: APIRouter) -> None:
    """Tell each route which methods its path has, so that other methods are answered with 405 and a list of these.

    :param router: a router; call this when all its routes are there

    Example::

        allow_methods(router)
    """
    routes = [route for route in router.routes if isinstance(route, RefusalRoute)]
    for route in routes:
        allowed = {method for other in routes if other.path == route.path for method in other.methods or ()}
        route.allowed = allowed | {'HEAD'} if 'GET' in allowed else allowed


async def read_json(request: Request, limit: int) -> Any:
    """Read the body as JSON.

    :param request: the request
    :param limit: the largest size of the body, in bytes
    :return: the JSON value
    :raises RefusedError: the body is larger than the limit, or is not JSON

    Example::

        note = await read_json(request, limit=65_536)
    """
    too_large = RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f'Body is too large (maximum is {limit} bytes)')
    if int(request.headers.get('Content-Length', 0)) > limit:  # uvicorn has refused a header that is no number
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f'Body is not valid JSON: {error}') from None


def json_response(content: Any, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Response:
    """Return a JSON answer.

    :param content: a JSON value
    :param status: the status of the answer
    :param headers: further headers, as ``Allow='GET'``

    Example::

        return json_response({'id': 7}, HTTPStatus.CREATED)
    """
    return Response(orjson.dumps(content), status_code=status, headers=headers, media_type='application/json')


def _refusal_of(error: Exception, request: Request) -> RefusedError:
    """Return the refusal for any error that a handler has raised."""
    match error:
        case RefusedError():
            return error
        case RefusedWriteError():
            return RefusedError(_status_of(error), *error.errors)
        case IntegrityError() | DataError():
            return RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, *refusal_by_database(error).errors)
        case RequestValidationError():
            details = [f'{".".join(map(str, detail["loc"]))}: {detail["msg"]}' for detail in error.errors()]
            return RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, *details)
        case DatabaseUnavailableError():
            why = reason_for_strangers(error)
            outcome = (
                f'The database went away while it was saved ({why}); look whether it was, before you try again'
                if isinstance(error, UnknownOutcomeError)
                else f'The database cannot be used now ({why}); nothing was changed, try again later'
            )
            return RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, outcome)
        case _:
            log.exception('%s %s failed', request.method, request.url.path, exc_info=error)
            return RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, 'Something went wrong here; it has been logged')


def _status_of(error: RefusedWriteError) -> HTTPStatus:
    match error:
        case RowGoneError():
            return HTTPStatus.NOT_FOUND
        case NotAllowedError():
            return HTTPStatus.FORBIDDEN
        case _:
            return HTTPStatus.UNPROCESSABLE_ENTITY
