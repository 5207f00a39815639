"""The app of the tests for scopes and rights, with a route that collects garbage before memory is measured."""

from __future__ import annotations

import gc
import runpy
from pathlib import Path

from nicegui import app

MAIN = Path(__file__).parent.parent.parent / 'tests' / 'apps' / 'scopes.py'


@app.post('/benchmark/counts')
async def counts() -> dict[str, int]:
    """Collect everything that nobody holds."""
    return {'collected': gc.collect()}


runpy.run_path(str(MAIN), run_name='__main__')
