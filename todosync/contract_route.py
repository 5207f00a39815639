"""How the REST routes refuse: every error in the contract's form, whatever is wrong with a request."""

import logging
from collections.abc import Callable, Coroutine, Iterable
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import IntegrityError
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from . import csrf
from .database import DatabaseUnavailableError, reason
from .models import InvalidTodoError
from .todos import TodoNotFoundError

RETRY_AFTER = '5'
"""Seconds after which a client may try again what could not be done."""

log = logging.getLogger(__name__)


class RefusedError(Exception):
    """A request is refused with a status and sentences that say why."""

    def __init__(self, status: HTTPStatus, *errors: str) -> None:
        super().__init__(*errors)
        self.status = status
        self.errors = list(errors)


class ContractRoute(APIRoute):
    """A route that answers every refusal in the contract's form, and lets browsers that want html pass by."""

    allowed: Iterable[str] = ()
    """The methods of all routes with this path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave ``GET /todos`` to the page of that path when html is asked for."""
        match, child_scope = super().matches(scope)
        if match == Match.FULL and scope['method'] == 'GET' and self.path == '/todos' and _wants_html(scope):
            return Match.NONE, {}
        return match, child_scope

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the methods that no route has."""
        if scope['method'] in (self.methods or ()):
            await super().handle(scope, receive, send)
        else:
            allowed = ', '.join(sorted(self.allowed))
            errors = [f'{scope["method"]} is not possible here, only {allowed}']
            refusal = json_response({'errors': errors}, HTTPStatus.METHOD_NOT_ALLOWED, Allow=allowed)
            await refusal(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler so that what it raises becomes an answer."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                if refusal := csrf.refusal(request):
                    raise RefusedError(HTTPStatus.FORBIDDEN, refusal)
                return await handle(request)
            except ClientDisconnect:
                return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it
            except Exception as error:
                return _answer_to(error, request)

        return answer


def allow_methods(router: APIRouter) -> None:
    """Tell each route of a router which methods the routes with its path have together."""
    routes = [route for route in router.routes if isinstance(route, ContractRoute)]
    for route in routes:
        route.allowed = {method for other in routes if other.path == route.path for method in other.methods or ()}


async def read_todo(request: Request, limit: int) -> Any:
    """Read the body ``{"todo": {...}}`` and return what is under ``todo``.

    :raises RefusedError: larger than the limit, not JSON, or not of that form
    """
    too_large = RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f'Body is too large (maximum is {limit} bytes)')
    if int(request.headers.get('Content-Length', 0)) > limit:  # the server has refused what is no number
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise too_large
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f'Body is not valid JSON: {error}') from None
    if not isinstance(content, dict) or not isinstance(content.get('todo'), dict):
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, 'Body must be of the form {"todo": {...}}')
    if unknown := [name for name in content if name != 'todo']:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, *(f'Unknown field: {name}' for name in unknown))
    return content['todo']


def json_response(content: Any, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Response:
    """Return content as JSON."""
    return Response(orjson.dumps(content), status_code=status, headers=headers, media_type='application/json')


def _answer_to(error: Exception, request: Request) -> Response:
    """Say in the contract's form what became of a request that raised."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    match error:
        case RefusedError():
            status, errors = error.status, error.errors
        case InvalidTodoError():
            errors = error.errors
        case IntegrityError():
            errors = [f'The database refused it: {reason(error)}']
        case TodoNotFoundError():
            status, errors = HTTPStatus.NOT_FOUND, [str(error)]
        case RequestValidationError():  # only the id in the path is left to FastAPI
            missing = f'There is no todo {request.path_params.get("todo_id")}; an id is a whole number'
            status, errors = HTTPStatus.NOT_FOUND, [missing]
        case DatabaseUnavailableError():
            log.error('%s %s was refused: %s', request.method, request.url.path, error)
            status = HTTPStatus.SERVICE_UNAVAILABLE
            errors = [f'The database cannot be used now ({error}); nothing was changed, try again later']
        case _:
            log.exception('%s %s failed', request.method, request.url.path, exc_info=error)
            status, errors = HTTPStatus.INTERNAL_SERVER_ERROR, ['Something went wrong here; it has been logged']
    headers = {'Retry-After': RETRY_AFTER} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return json_response({'errors': errors}, status, **headers)


def _wants_html(scope: Scope) -> bool:
    accept = next((value for name, value in scope['headers'] if name == b'accept'), b'')
    return b'text/html' in accept
