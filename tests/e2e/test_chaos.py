"""A minute of chaos, anew each time: the seed is printed, and ``make chaos SEED=...`` takes the same steps again."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.e2e.chaos import run_chaos

pytestmark = pytest.mark.long

SECONDS = 45


@pytest.mark.any_database
def test_nothing_is_lost_doubled_or_shown_wrongly_in_a_minute_of_chaos(tmp_path: Path, database_url: str) -> None:
    seed = int(os.environ.get('CHAOS_SEED', random.randrange(10**6)))
    assert run_chaos(seed, SECONDS, tmp_path, print, DATABASE_URL=database_url) > 0
