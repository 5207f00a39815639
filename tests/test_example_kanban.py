"""The example of a board runs, on each kind of database."""

from __future__ import annotations

import pytest

from examples.kanban.test_kanban import *  # noqa: F403 - the example's own tests
from examples.kanban.test_kanban import pytestmark as main_file

pytestmark = [main_file, pytest.mark.usefixtures('page_database')]
