"""``GET /up``: whether this process can serve."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter, move_on_after, to_thread
from fastapi import APIRouter, Response

from .refusals import RefusalRoute, allow_methods, json_response

if TYPE_CHECKING:
    from todosync.assembly import SyncServer

HEALTH_TIMEOUT = 2.0
"""A process is unhealthy if its parts do not answer within this many seconds."""
PROBE_THREADS = 2


def make_router(server: SyncServer) -> APIRouter:
    """Return the route ``/up``.

    :param server: the server whose health it answers with
    """
    router = APIRouter(route_class=RefusalRoute, tags=['operations'])
    probes = CapacityLimiter(PROBE_THREADS)

    @router.head('/up', include_in_schema=False)
    @router.get('/up')
    async def up() -> Response:
        """Tell whether this process can serve: 200, or 503 with the reason."""
        healthy = False
        report: dict[str, Any] = {'status': 'unhealthy', 'error': f'no answer from the parts in {HEALTH_TIMEOUT:g} s'}
        with move_on_after(HEALTH_TIMEOUT):
            healthy, report = await to_thread.run_sync(server.health, limiter=probes, abandon_on_cancel=True)
        return json_response(report, HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE)

    allow_methods(router)
    return router
