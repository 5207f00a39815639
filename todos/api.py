"""The HTTP API: REST routes for todos."""

from http import HTTPStatus
from typing import Annotated, Any

import orjson
from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

from todosync import (
    Author,
    CacheEntry,
    RefusalRoute,
    RefusedError,
    Row,
    SyncServer,
    allow_methods,
    insert_shape,
    json_response,
    read_json,
    update_shape,
)

from .models import TODOS, Todo

CONTRACT = '1'
"""The version of the HTTP API."""
Key = Annotated[str | None, Header(alias='Idempotency-Key')]
"""The header with a random value that the client chooses for each write; with it, a repeated write is done once."""


class TodoRoute(RefusalRoute):
    """A route that leaves ``GET /todos`` to the page with that path if the client wants HTML."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether this route answers a request. Starlette calls this."""
        match, child_scope = super().matches(scope)
        if match == Match.FULL and scope['method'] == 'GET' and _wants_html(scope):
            return Match.NONE, {}
        return match, child_scope

    def refusal_of(self, error: Exception, request: Request) -> RefusedError | None:
        """Return the refusal for an error about todos."""
        if isinstance(error, RequestValidationError):  # FastAPI validates only the id in the path
            missing = f'There is no todo {request.path_params.get("todo_id")}; an id is a whole number'
            return RefusedError(HTTPStatus.NOT_FOUND, missing)
        return None


class Errors(BaseModel):
    """The reasons of a refusal, in sentences for the person who sent the request."""

    errors: list[str]


class TodoOut(BaseModel):
    """A todo in an answer of the API."""

    id: int
    title: str
    completed: bool
    created_at: str


class _OneCopy:
    """The one copy in memory of a list that many are sent. Who reads slowly keeps what is sent for long."""

    def __init__(self) -> None:
        self._value = b''

    def of(self, value: bytes) -> bytes:
        """Return the copy of a value; the one that was sent before if it is the same."""
        if value != self._value:
            self._value = value
        return self._value


def make_router(server: SyncServer) -> APIRouter:
    """Return the routes.

    :param server: the server whose todos they read and write
    """
    router = APIRouter(route_class=TodoRoute, tags=['todos'])
    writer = server.writer
    one_copy = _OneCopy()

    async def todo_fields(request: Request) -> bytes:
        return await _read_todo(request, server.settings.body_limit)

    async def check_reader(request: Request) -> None:
        if not await server.may_read(request, TODOS):
            raise RefusedError(HTTPStatus.FORBIDDEN, 'You may not read the todos; ask somebody who may to let you in')

    By = Annotated[Author, Depends(server.author)]  # noqa: N806 - a type; may write what they may read

    fields_of = {name: _body(shape(TODOS)) for name, shape in (('create', insert_shape), ('update', update_shape))}
    refusals: dict[int | str, dict[str, Any]] = {
        status.value: {'model': Errors}
        for status in (
            HTTPStatus.FORBIDDEN,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        )
    }
    forbidden: dict[int | str, dict[str, Any]] = {HTTPStatus.FORBIDDEN.value: refusals[HTTPStatus.FORBIDDEN.value]}
    missing: dict[int | str, dict[str, Any]] = {HTTPStatus.NOT_FOUND.value: {'model': Errors}}

    @router.get('/todos', response_model=list[TodoOut], responses=forbidden, dependencies=[Depends(check_reader)])
    async def index(request: Request) -> Response:
        """List all todos, newest first. Answers 304 if the list has not changed since the ETag."""
        entry = await to_thread.run_sync(_list, server)
        headers = {'ETag': f'W/"{TODOS.shape}.{entry.version.text}"', 'Cache-Control': 'no-cache', 'Vary': 'Accept'}
        if _etag_matches(request.headers.get('If-None-Match', ''), headers['ETag']):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(one_copy.of(entry.value), media_type='application/json', headers=headers)

    @router.post(
        '/todos', status_code=201, response_model=TodoOut, responses=refusals, openapi_extra=fields_of['create']
    )
    async def create(author: By, fields: Annotated[bytes, Depends(todo_fields)], key: Key = None) -> Response:
        """Create a todo."""
        todo = await writer.in_thread(writer.insert, TODOS, fields, key=key, author=author)
        return json_response(_wire(todo), HTTPStatus.CREATED)

    @router.patch(
        '/todos/{todo_id}',
        response_model=TodoOut,
        responses=refusals | missing,
        openapi_extra=fields_of['update'],
    )
    async def update(
        todo_id: int, author: By, fields: Annotated[bytes, Depends(todo_fields)], key: Key = None
    ) -> Response:
        """Change the given fields of a todo."""
        todo = await writer.in_thread(writer.update, TODOS, todo_id, fields, key=key, author=author)
        return json_response(_wire(todo))

    @router.delete('/todos/{todo_id}', status_code=204, responses=refusals | missing)
    async def delete(todo_id: int, author: By, key: Key = None) -> Response:
        """Delete a todo."""
        await writer.in_thread(writer.delete, TODOS, todo_id, key=key, author=author)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @router.get('/openapi.json', include_in_schema=False)
    async def description() -> Response:
        """Describe these routes. FastAPI's own pages are not served, because they run scripts of another site."""
        return json_response(get_openapi(title='Todos', version=CONTRACT, routes=router.routes))

    allow_methods(router)
    return router


async def _read_todo(request: Request, limit: int) -> bytes:
    """Read the body ``{"todo": {...}}`` and return what is under ``todo``, as JSON."""
    content = await read_json(request, limit)
    if not isinstance(content, dict) or not isinstance(content.get('todo'), dict):
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, 'Body must be of the form {"todo": {...}}')
    if unknown := [name for name in content if name != 'todo']:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, *(f'Unknown field: {name}' for name in unknown))
    return orjson.dumps(content['todo'])


def _list(server: SyncServer) -> CacheEntry:
    message = server.channel(TODOS).source.read()
    # cached separately, so that only the first request after a change has to take the list out of the message
    return server.cache.fetch(
        f'{TODOS.topic}.list',
        message.version,
        lambda: CacheEntry(message.version, orjson.dumps(orjson.loads(message.value)[TODOS.name])),
    )


def _wire(todo: Todo) -> Row:
    created_at = todo.created_at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
    return {'id': todo.id, 'title': todo.title, 'completed': todo.completed, 'created_at': created_at}


def _etag_matches(header: str, etag: str) -> bool:
    candidates = {candidate.strip().removeprefix('W/') for candidate in header.split(',')}
    return '*' in candidates or etag.removeprefix('W/') in candidates


def _body(shape: type[BaseModel]) -> dict[str, Any]:
    schema = {'type': 'object', 'required': ['todo'], 'properties': {'todo': shape.model_json_schema()}}
    return {'requestBody': {'required': True, 'content': {'application/json': {'schema': schema}}}}


def _wants_html(scope: Scope) -> bool:
    """Return whether the client names HTML and does not prefer JSON. A client that names neither gets JSON."""
    accept = ','.join(Headers(scope=scope).getlist('Accept'))
    likes: dict[str, float] = {}
    for choice in accept.split(','):
        kind, _, parameters = choice.partition(';')
        likes[kind.strip().lower()] = _weight(parameters)
    html = likes.get('text/html', 0.0)
    return html > 0 and html >= likes.get('application/json', 0.0)


def _weight(parameters: str) -> float:
    """Return the weight of a choice, such as 0.9 for ``;q=0.9``, and 0 for a weight that is no number."""
    named = (part.partition('=') for part in parameters.split(';'))
    weights = [value for name, _, value in named if name.strip() == 'q']
    try:
        return float(weights[0]) if weights else 1.0
    except ValueError:
        return 0.0
