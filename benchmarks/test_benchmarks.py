"""The benchmarks work. A short version of each runs here; its times are not checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import clicks, cost, fan_out, first_paint, idle, rights, screen, soak, sockets, writes
from benchmarks.report import DOCUMENT, NOTES, Chapter, Figure, table, write_document

CHAPTERS = [screen, cost, fan_out, rights, sockets, idle, writes, clicks, first_paint, soak]


@pytest.mark.long
@pytest.mark.parametrize('module', CHAPTERS, ids=lambda module: module.__name__.rpartition('.')[2])
async def test_a_chapter_is_measured(module: object) -> None:
    chapter = await module.measure(short=True)  # type: ignore[attr-defined]
    assert chapter.figures
    assert all(figure.name and figure.value for figure in chapter.figures)


def test_the_document_holds_every_figure_and_how_it_was_made(tmp_path: Path) -> None:
    figure = Figure('take-over', '40 ms', 'the original: 5 s', '100 ms', True)
    chapter = Chapter('Five tabs', 'In Chromium.', [figure])
    write_document([chapter], tmp_path / 'performance.md')
    document = (tmp_path / 'performance.md').read_text()
    assert '| take-over | 40 ms | the original: 5 s | 100 ms | yes |' in document
    assert 'In Chromium.' in document
    assert 'take-over  40 ms' in table([figure])


def test_the_published_document_has_the_notes_and_chapters_of_today() -> None:
    document = DOCUMENT.read_text()
    assert document.endswith(NOTES)
    headings = re.findall(r'^## (.*)$', document, re.MULTILINE)
    assert len(headings) == len(CHAPTERS) + 1
