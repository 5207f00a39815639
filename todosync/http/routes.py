"""The routes of a server that have nothing to do with pages, and how they come into the NiceGUI app."""

from __future__ import annotations

from contextlib import suppress

from fastapi import APIRouter
from nicegui import app, core
from starlette.routing import BaseRoute


class ApiRoutes:
    """The routes that a server has added to the NiceGUI app.

    :ivar api: the routes as they were given; they do not need NiceGUI's middleware
    """

    def __init__(self) -> None:
        self.api: list[BaseRoute] = []
        self._added: list[BaseRoute] = []

    def add(self, router: APIRouter) -> None:
        """Serve the routes of a router. Its lifespan is not used.

        :param router: the routes
        """
        if core.is_script_mode_re_execution():
            return  # the first execution of the script has added them
        # FastAPI nests the lifespan of each router in that of the app; many tests would exceed the recursion limit
        lifespan = app.router.lifespan_context
        before = list(app.router.routes)
        app.include_router(router)
        app.router.lifespan_context = lifespan
        self._added += [route for route in app.router.routes if route not in before]
        self.api += router.routes

    def remove(self) -> None:
        """Remove the routes from the app, because another server takes the place of this one."""
        for route in self._added:
            with suppress(ValueError):  # NiceGUI removes all routes between tests
                app.router.routes.remove(route)
