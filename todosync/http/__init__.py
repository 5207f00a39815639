"""The http room: how a process listens, how requests are refused, downloads of a stream, and health.

Imports ``access``, ``database``, ``settings``, ``streams`` and ``writes``.
"""

from .after_start import AfterStart
from .conventions import Conventions
from .exports import make_router as make_export_router
from .health import LeftOut, check_health
from .health import make_router as make_health_router
from .refusals import RefusalRoute, RefusedError, allow_methods, json_response, read_json
from .routes import ApiRoutes
from .serving import run_options

__all__ = [
    'AfterStart',
    'ApiRoutes',
    'Conventions',
    'LeftOut',
    'RefusalRoute',
    'RefusedError',
    'allow_methods',
    'check_health',
    'json_response',
    'make_export_router',
    'make_health_router',
    'read_json',
    'run_options',
]
