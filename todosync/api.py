"""The HTTP contract: REST routes for todos, and ``/up``."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.routing import Match
from starlette.types import Scope

from . import csrf, todos
from .models import TODOS, InvalidTodoError, NewTodo, Todo, TodoChange
from .streams import Record
from .todos import TodoNotFoundError

if TYPE_CHECKING:
    from .server import SyncServer

BROADCAST_MAX_AGE = 60.0
"""Seconds without a successful broadcast run after which a process is not healthy; it runs every 10 by itself."""


class Errors(BaseModel):
    """Why a request was refused, in sentences for the person who sent it."""

    errors: list[str]


class TodoOut(BaseModel):
    """A todo as the API gives it."""

    id: int
    title: str
    completed: bool
    created_at: str


class RefusedError(Exception):
    """A request is refused with a status and sentences that say why."""

    def __init__(self, status: HTTPStatus, *errors: str) -> None:
        super().__init__(*errors)
        self.status = status
        self.errors = list(errors)


class ContractRoute(APIRoute):
    """A route that answers every refusal in the contract's form, and lets browsers that want html pass by."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave ``GET /todos`` to the page of that path when html is asked for."""
        match, child_scope = super().matches(scope)
        if match == Match.FULL and scope['method'] in {'GET', 'HEAD'} and _wants_html(scope):
            return Match.NONE, {}
        return match, child_scope

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler so that what it raises becomes an answer."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                if refusal := csrf.refusal(request):
                    raise RefusedError(HTTPStatus.FORBIDDEN, refusal)
                return await handle(request)
            except RefusedError as error:
                return _json({'errors': error.errors}, error.status)
            except InvalidTodoError as error:
                return _json({'errors': error.errors}, HTTPStatus.UNPROCESSABLE_ENTITY)
            except TodoNotFoundError as error:
                return _json({'errors': [str(error)]}, HTTPStatus.NOT_FOUND)
            except RequestValidationError:  # only the id in the path is left to FastAPI
                missing = f'There is no todo {request.path_params.get("todo_id")}; an id is a whole number'
                return _json({'errors': [missing]}, HTTPStatus.NOT_FOUND)

        return answer


def make_router(server: 'SyncServer') -> APIRouter:
    """Return the routes, bound to a server."""
    router = APIRouter(route_class=ContractRoute, tags=['todos'])
    database = server.database

    async def todo_fields(request: Request) -> Any:
        return await _read_todo(request, server.settings.body_limit)

    fields_of = {name: _body(shape) for name, shape in (('create', NewTodo), ('update', TodoChange))}
    refusals: dict[int | str, dict[str, Any]] = {
        status.value: {'model': Errors} for status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY)
    }

    @router.get('/todos', response_model=list[TodoOut])
    async def index(request: Request) -> Response:
        """List all todos, newest first. Answers 304 when the list is still the one of the ETag."""
        version, body = await to_thread.run_sync(_list, server)
        headers = {'ETag': f'W/"{version}"', 'Cache-Control': 'no-cache', 'Vary': 'Accept'}
        if _etag_matches(request.headers.get('If-None-Match', ''), headers['ETag']):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(body, media_type='application/json', headers=headers)

    @router.post(
        '/todos', status_code=201, response_model=TodoOut, responses=refusals, openapi_extra=fields_of['create']
    )
    async def create(fields: Annotated[Any, Depends(todo_fields)]) -> Response:
        """Create a todo."""
        return _json(_wire(await to_thread.run_sync(todos.create_todo, database, fields)), HTTPStatus.CREATED)

    @router.patch('/todos/{todo_id}', response_model=TodoOut, responses=refusals, openapi_extra=fields_of['update'])
    async def update(todo_id: int, fields: Annotated[Any, Depends(todo_fields)]) -> Response:
        """Change what is given of a todo."""
        return _json(_wire(await to_thread.run_sync(todos.update_todo, database, todo_id, fields)))

    @router.delete('/todos/{todo_id}', status_code=204)
    async def delete(todo_id: int) -> Response:
        """Delete a todo."""
        await to_thread.run_sync(todos.delete_todo, database, todo_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @router.get('/up', tags=['operations'])
    async def up() -> Response:
        """Tell whether this process can serve: 200, or 503 with the reason."""
        healthy, report = await to_thread.run_sync(server.health)
        return _json(report, HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE)

    return router


async def _read_todo(request: Request, limit: int) -> Any:
    """Read the body ``{"todo": {...}}`` and return what is under ``todo``.

    :raises RefusedError: larger than the limit, not JSON, or not of that form
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f'Body is too large (maximum is {limit} bytes)')
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f'Body is not valid JSON: {error}') from None
    if not isinstance(content, dict) or not isinstance(content.get('todo'), dict):
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, 'Body must be of the form {"todo": {...}}')
    if unknown := [name for name in content if name != 'todo']:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, *(f'Unknown field: {name}' for name in unknown))
    return content['todo']


def _list(server: 'SyncServer') -> tuple[int, bytes]:
    entry = server.channel(TODOS).read_message()
    return entry.version, orjson.dumps(orjson.loads(entry.value)[TODOS.name])


def _wire(todo: Todo) -> Record:
    created_at = todo.created_at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
    return {'id': todo.id, 'title': todo.title, 'completed': todo.completed, 'created_at': created_at}


def _json(content: Any, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(orjson.dumps(content), status_code=status, media_type='application/json')


def _wants_html(scope: Scope) -> bool:
    accept = next((value for name, value in scope['headers'] if name == b'accept'), b'')
    return b'text/html' in accept and scope['path'] != '/up'


def _etag_matches(header: str, etag: str) -> bool:
    candidates = {candidate.strip().removeprefix('W/') for candidate in header.split(',')}
    return '*' in candidates or etag.removeprefix('W/') in candidates


def _body(shape: type[BaseModel]) -> dict[str, Any]:
    schema = {'type': 'object', 'required': ['todo'], 'properties': {'todo': shape.model_json_schema()}}
    return {'requestBody': {'required': True, 'content': {'application/json': {'schema': schema}}}}
