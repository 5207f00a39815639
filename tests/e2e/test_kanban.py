"""Cards that move between the columns of a board, each a scope of its own, in real browsers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Chromium, Tabs, eventually, stopped
from tests.server import ROOT, RunningServer, running_server

RECORD = """() => {
    window.frames_ = [];
    const look = () => {
        const lists = [...document.querySelectorAll('[role=list]')];
        window.frames_.push(lists.map((list) => list.querySelectorAll('[role=listitem]').length).join());
        requestAnimationFrame(look);
    };
    look();
}"""
REFUSE = {
    'sqlite': [
        "CREATE TRIGGER later BEFORE UPDATE ON cards WHEN NEW.stage = 'done' BEGIN SELECT RAISE(ABORT, 'Not yet'); END"
    ],
    'postgresql': [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'Not yet'; END $$",
        "CREATE TRIGGER later BEFORE UPDATE ON cards FOR EACH ROW WHEN (NEW.stage = 'done') EXECUTE FUNCTION refuse()",
    ],
}


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[[], str]) -> Iterator[RunningServer]:
    main = ROOT / 'examples' / 'kanban' / 'main.py'
    with running_server(tmp_path_factory.mktemp('kanban'), main=main, DATABASE_URL=new_database()) as server:
        server.execute("INSERT INTO cards(id, title, stage) VALUES (1, 'Paint the door', 'todo')")
        yield server


def board(page: Page) -> list[list[str]]:
    lists = page.locator('[role=list]').all()
    return [[field.input_value() for field in each.get_by_label('Title').all()] for each in lists]


def versions(page: Page) -> list[int]:
    found: list[int] = page.evaluate('["todo", "doing"].map((stage) => todosync.stream("cards", stage).version)')
    return found


def move(page: Page, to: str) -> None:
    page.bring_to_front()
    page.get_by_label('Column').click()
    page.locator('.q-menu').get_by_text(to, exact=True).click()


def test_a_card_is_in_its_new_column_at_once_and_in_one_column_in_each_frame(
    tabs: Tabs, server: RunningServer, chromium: Chromium
) -> None:
    page, follower = tabs.open_many(2)
    others = chromium.fresh_context()
    bob = Tabs(others, server).open()
    for each in (page, follower, bob):
        eventually(lambda each=each: board(each) == [['Paint the door'], [], []])
    page.evaluate(RECORD)
    with stopped(server.pid):
        move(page, 'Doing')
        eventually(lambda: board(page) == board(follower) == [[], ['Paint the door'], []])
        expect(page.get_by_text('Nothing')).to_have_count(2)
        assert board(bob) == [['Paint the door'], [], []]
    eventually(lambda: board(bob) == [[], ['Paint the door'], []])
    eventually(lambda: versions(page) == versions(bob))
    frames = page.evaluate('window.frames_')
    assert list(dict.fromkeys(frames)) == ['1,0,0', '0,1,0']
    assert frames == sorted(frames, reverse=True), 'it does not bounce when the server shows it, too'
    move(bob, 'Done')
    eventually(lambda: board(page) == board(follower) == board(bob) == [[], [], ['Paint the door']])
    others.close()


def test_a_move_that_is_refused_is_taken_back(tabs: Tabs, server: RunningServer, database_kind: str) -> None:
    for statement in REFUSE[database_kind]:
        server.execute(statement)
    page, follower = tabs.open_many(2)
    eventually(lambda: board(page) == [['Paint the door'], [], []])
    page.evaluate(RECORD)
    move(page, 'Done')
    expect(page.get_by_text('Not yet')).to_be_visible()
    eventually(lambda: board(page) == board(follower) == [['Paint the door'], [], []])
    assert '0,0,1' in page.evaluate('window.frames_')


def test_what_the_document_of_writes_does_in_a_page_is_done(tabs: Tabs, server: RunningServer) -> None:
    document = (ROOT / 'docs' / 'writes.md').read_text()
    [snippet] = re.findall(r'```js\n(.*?)```', document, re.S)
    server.execute('DELETE FROM cards')
    page = tabs.open()
    eventually(lambda: board(page) == [[], [], []])
    done = [[], [], ['Paint the door']]
    shown = [[['Paint the door'], [], []], [[], ['Paint the door'], []], done, [[], [], []], done]
    for line, after in zip(snippet.strip().split('\n'), shown, strict=True):
        stages = '["todo", "doing", "done"].flatMap((stage) => todosync.stream("cards", stage).rows)'
        outcome = page.evaluate(f'() => {{ const props = {{ row: {stages}[0] }}; return {line} }}')
        assert outcome['state'] == 'done', line
        eventually(lambda after=after: board(page) == after)
