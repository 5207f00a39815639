"""The example of a chat runs, on each kind of database."""

from __future__ import annotations

import pytest

from examples.chat.test_chat import *  # noqa: F403 - the example's own tests
from examples.chat.test_chat import pytestmark as main_file

pytestmark = [main_file, pytest.mark.usefixtures('page_database')]
