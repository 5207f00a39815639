"""The HTTP contract: REST routes for todos, and ``/up``."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from anyio import CapacityLimiter, move_on_after, to_thread
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from . import todos
from .cache import Entry
from .contract_route import ContractRoute, allow_methods, json_response, read_todo
from .models import TODOS, NewTodo, Todo, TodoChange
from .streams import Record

if TYPE_CHECKING:
    from .server import SyncServer

HEALTH_TIMEOUT = 2.0
"""Seconds after which a process whose parts do not answer is not healthy."""
WRITER_THREADS = 4
PROBE_THREADS = 2


class Errors(BaseModel):
    """Why a request was refused, in sentences for the person who sent it."""

    errors: list[str]


class TodoOut(BaseModel):
    """A todo as the API gives it."""

    id: int
    title: str
    completed: bool
    created_at: str


def make_router(server: 'SyncServer') -> APIRouter:
    """Return the routes, bound to a server."""
    router = APIRouter(route_class=ContractRoute, tags=['todos'])
    database = server.database
    # writers wait for each other: more of them in threads would only keep the threads from those who read
    writers, probes = CapacityLimiter(WRITER_THREADS), CapacityLimiter(PROBE_THREADS)

    async def todo_fields(request: Request) -> Any:
        return await read_todo(request, server.settings.body_limit)

    fields_of = {name: _body(shape) for name, shape in (('create', NewTodo), ('update', TodoChange))}
    refusals: dict[int | str, dict[str, Any]] = {
        status.value: {'model': Errors}
        for status in (
            HTTPStatus.FORBIDDEN,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        )
    }
    missing: dict[int | str, dict[str, Any]] = {HTTPStatus.NOT_FOUND.value: {'model': Errors}}

    @router.head('/todos', include_in_schema=False)
    @router.get('/todos', response_model=list[TodoOut])
    async def index(request: Request) -> Response:
        """List all todos, newest first. Answers 304 when the list is still the one of the ETag."""
        entry = await to_thread.run_sync(_list, server)
        headers = {'ETag': f'W/"{entry.version}"', 'Cache-Control': 'no-cache', 'Vary': 'Accept'}
        if _etag_matches(request.headers.get('If-None-Match', ''), headers['ETag']):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(entry.value, media_type='application/json', headers=headers)

    @router.post(
        '/todos', status_code=201, response_model=TodoOut, responses=refusals, openapi_extra=fields_of['create']
    )
    async def create(fields: Annotated[Any, Depends(todo_fields)]) -> Response:
        """Create a todo."""
        todo = await to_thread.run_sync(todos.create_todo, database, fields, limiter=writers)
        return json_response(_wire(todo), HTTPStatus.CREATED)

    @router.patch(
        '/todos/{todo_id}',
        response_model=TodoOut,
        responses=refusals | missing,
        openapi_extra=fields_of['update'],
    )
    async def update(todo_id: int, fields: Annotated[Any, Depends(todo_fields)]) -> Response:
        """Change what is given of a todo."""
        return json_response(
            _wire(await to_thread.run_sync(todos.update_todo, database, todo_id, fields, limiter=writers))
        )

    @router.delete('/todos/{todo_id}', status_code=204, responses=refusals | missing)
    async def delete(todo_id: int) -> Response:
        """Delete a todo."""
        await to_thread.run_sync(todos.delete_todo, database, todo_id, limiter=writers)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @router.head('/up', include_in_schema=False)
    @router.get('/up', tags=['operations'])
    async def up() -> Response:
        """Tell whether this process can serve: 200, or 503 with the reason."""
        healthy, report = False, {'status': 'unhealthy', 'error': f'no answer from the parts in {HEALTH_TIMEOUT:g} s'}
        with move_on_after(HEALTH_TIMEOUT):
            healthy, report = await to_thread.run_sync(server.health, limiter=probes, abandon_on_cancel=True)
        return json_response(report, HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE)

    allow_methods(router)
    return router


def _list(server: 'SyncServer') -> Entry:
    message = server.channel(TODOS).read_message()
    # cached apart, so that only the first request after a change takes the list out of the message
    return server.cache.fetch(
        f'{TODOS.name}.list',
        message.version,
        lambda: Entry(message.version, orjson.dumps(orjson.loads(message.value)[TODOS.name])),
    )


def _wire(todo: Todo) -> Record:
    created_at = todo.created_at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
    return {'id': todo.id, 'title': todo.title, 'completed': todo.completed, 'created_at': created_at}


def _etag_matches(header: str, etag: str) -> bool:
    candidates = {candidate.strip().removeprefix('W/') for candidate in header.split(',')}
    return '*' in candidates or etag.removeprefix('W/') in candidates


def _body(shape: type[BaseModel]) -> dict[str, Any]:
    schema = {'type': 'object', 'required': ['todo'], 'properties': {'todo': shape.model_json_schema()}}
    return {'requestBody': {'required': True, 'content': {'application/json': {'schema': schema}}}}
