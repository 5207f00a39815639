"""Pages that keep something for a session and for all, to be run in several processes."""

import asyncio

from fastapi import APIRouter
from nicegui import app, ui
from starlette.responses import RedirectResponse

import todosync

settings = todosync.Settings.from_environment()
server = todosync.setup(settings)
todosync.add_production(server)
router = APIRouter()


@router.get('/peek')
def peek() -> dict[str, object]:
    """Return what this process holds for all, without reading it again."""
    return dict(app.storage.general)


server.add_routes(router)


@app.get('/login/{name}')
def login(name: str) -> RedirectResponse:
    app.storage.user['name'] = name
    return RedirectResponse('/')


@app.get('/logout')
def logout() -> RedirectResponse:
    del app.storage.user['name']
    return RedirectResponse('/')


@app.get('/user/{key}/{value}')
async def keep_for_user(key: str, value: str) -> dict[str, object]:
    await asyncio.sleep(0.01)
    app.storage.user[key] = {'nested': [value]}
    return dict(app.storage.user)


@app.get('/general/{key}/{value}')
def keep_for_all(key: str, value: str) -> dict[str, object]:
    app.storage.general[key] = value
    return dict(app.storage.general)


@app.get('/general')
def general() -> dict[str, object]:
    return dict(app.storage.general)


@app.get('/user')
def user() -> dict[str, object]:
    return dict(app.storage.user)


@ui.page('/')
def index() -> None:
    ui.label(f'Hello {app.storage.user.get("name", "stranger")}')


ui.run(**todosync.run_options(settings))
