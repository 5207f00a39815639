"""The page in a real browser: what a person does with mouse and keyboard, and sees."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page

from tests.e2e.browser import Tabs, eventually

# For a moment in which it renders other rows, Quasar's list puts the focus on itself whenever a row loses it.
CLICK_WHEN_ROWS_ARE_RENDERED = """() => {
    const list = document.querySelector('.todo').parentElement;
    list.addEventListener = (type, listener) => {
        EventTarget.prototype.addEventListener.call(list, type, listener);
        if (type === 'focusout') queueMicrotask(() => document.activeElement.click());
    };
}"""
HOSTILE = '</script><img src=x onerror="window.hacked = true">'


@pytest.fixture
def page(tabs: Tabs) -> Iterator[Page]:
    page = tabs.open()
    problems: list[str] = []
    page.on('console', lambda message: problems.append(message.text) if message.type == 'error' else None)
    page.on('pageerror', lambda error: problems.append(str(error)))
    yield page
    problems = [text for text in problems if 'net::ERR_' not in text]  # a server that is killed or started again
    assert not problems, problems


def field(page: Page) -> Locator:
    return page.locator('.todo-form input')


def titles(page: Page) -> list[str]:
    return page.locator('.todo-title').all_inner_texts()


def row(page: Page, title: str) -> Locator:
    return page.locator('.todo', has=page.get_by_role('checkbox', name=title, exact=True))


def focused(page: Page) -> str:
    return str(page.evaluate('document.activeElement.ariaLabel ?? document.activeElement.className'))


def test_todos_typed_in_one_go_are_all_added_and_the_focus_stays(page: Page) -> None:
    field(page).press_sequentially('Buy milk\nCall Ann\nWater the plants\n', delay=0)
    eventually(lambda: titles(page) == ['Water the plants', 'Call Ann', 'Buy milk'])
    assert field(page).input_value() == ''
    assert field(page).evaluate('field => field === document.activeElement')
    eventually(lambda: page.title() == 'Todos (3 total, 0 done)')


def test_a_refused_title_comes_back_with_the_reason(page: Page) -> None:
    field(page).fill('x' * 501)
    field(page).press('Enter')
    page.get_by_text('Title is too long (maximum is 500 characters)').wait_for()
    assert field(page).input_value() == 'x' * 501


def test_a_hostile_title_is_text(page: Page) -> None:
    field(page).fill(HOSTILE)
    field(page).press('Enter')
    eventually(lambda: titles(page) == [HOSTILE])
    row(page, HOSTILE).locator('.icon-delete').click()
    page.get_by_text(f'Deleted “{HOSTILE}”').wait_for()
    page.get_by_role('button', name='Undo').click()
    eventually(lambda: titles(page) == [HOSTILE])
    page.reload()
    eventually(lambda: titles(page) == [HOSTILE])
    assert page.evaluate('window.hacked') is None
    assert page.locator('img[src=x]').count() == 0


def test_the_editor_saves_on_enter_and_gives_the_focus_back(tabs: Tabs, page: Page) -> None:
    tabs.server.add('Buy milk')
    edit = page.get_by_role('button', name='Edit Buy milk')
    edit.focus()
    page.keyboard.press('Enter')
    page.keyboard.type('Buy oat milk')
    page.keyboard.press('Enter')
    eventually(lambda: titles(page) == ['Buy oat milk'])
    eventually(lambda: focused(page) == 'Edit Buy oat milk')


def test_the_focus_goes_where_it_is_moved_while_a_row_comes(tabs: Tabs, page: Page) -> None:
    tabs.server.add('Buy milk')
    page.get_by_role('button', name='Edit Buy milk').focus()
    page.evaluate(CLICK_WHEN_ROWS_ARE_RENDERED)
    tabs.server.add('Call Ann')
    page.locator('[data-editing]').wait_for()
    assert focused(page) == 'New title'


def test_the_editor_lets_go_on_escape_and_saves_when_it_is_left(tabs: Tabs, page: Page) -> None:
    tabs.server.add('Buy milk')
    page.get_by_text('Buy milk').dblclick()
    page.keyboard.type('nonsense')
    page.keyboard.press('Escape')
    assert titles(page) == ['Buy milk']
    assert page.locator('[data-editing]').count() == 0
    page.get_by_text('Buy milk').dblclick()
    page.locator('[data-editing] .todo-edit').fill('Buy oat milk')
    field(page).click()
    eventually(lambda: titles(page) == ['Buy oat milk'])
    eventually(lambda: page.locator('[data-editing]').count() == 0)


@pytest.mark.parametrize('of_input_method', [{'isComposing': True}, {'keyCode': 229}], ids=str)
def test_keys_of_an_input_method_are_none_of_the_pages(page: Page, of_input_method: dict[str, object]) -> None:
    field(page).fill('Buy milk')
    field(page).dispatch_event('keydown', {'key': 'Enter', **of_input_method})
    assert field(page).input_value() == 'Buy milk'
    field(page).press('Enter')
    eventually(lambda: titles(page) == ['Buy milk'])
    row(page, 'Buy milk').get_by_role('button', name='Edit').click()
    editor = row(page, 'Buy milk').locator('.todo-edit')
    editor.fill('Buy oat milk')
    for key in ('Enter', 'Escape'):
        editor.dispatch_event('keydown', {'key': key, **of_input_method})
        assert editor.is_visible(), key
    editor.press('Enter')
    eventually(lambda: titles(page) == ['Buy oat milk'])


def test_what_is_typed_into_the_editor_survives_what_others_do(tabs: Tabs, page: Page) -> None:
    todo = tabs.server.add('Buy milk')
    page.get_by_text('Buy milk').dblclick()
    page.locator('[data-editing] .todo-edit').fill('Buy oat')
    tabs.server.add('Call Ann')
    tabs.server.request('PATCH', f'/todos/{todo["id"]}', {'todo': {'title': 'Buy bread', 'completed': True}})
    eventually(lambda: page.get_by_role('checkbox', name='Buy bread').is_checked())
    page.keyboard.type(' milk')
    assert row(page, 'Buy bread').locator('.todo-edit').input_value() == 'Buy oat milk'
    page.keyboard.press('Enter')
    eventually(lambda: 'Buy oat milk' in titles(page))


@pytest.mark.parametrize('leave', ['Enter', 'Tab', 'click'])
def test_an_editor_in_which_nothing_was_typed_undoes_nothing(tabs: Tabs, page: Page, leave: str) -> None:
    todo = tabs.server.add('Milk')
    page.locator('.todo-title').dblclick()
    tabs.server.request('PATCH', f'/todos/{todo["id"]}', {'todo': {'title': 'Oat milk'}})
    page.get_by_role('checkbox', name='Oat milk').wait_for(state='attached')
    if leave == 'click':
        page.locator('.list-name').click()
    else:
        page.keyboard.press(leave)
    page.locator('.todo-edit:visible').wait_for(state='hidden')
    # a write that the editor had sent would have been done before this one
    field(page).fill('after')
    field(page).press('Enter')
    eventually(lambda: tabs.server.todos()[0]['title'] == 'after')
    assert [todo['title'] for todo in tabs.server.todos()] == ['after', 'Oat milk']


def test_a_double_click_on_delete_deletes_one(tabs: Tabs, page: Page) -> None:
    for title in ('three', 'two', 'one'):
        tabs.server.add(title)
    page.locator('.todo', has_text='one').get_by_role('button', name='Delete').dblclick()
    page.locator('.todo', has_text='one').wait_for(state='detached')
    field(page).fill('after')
    field(page).press('Enter')
    eventually(lambda: tabs.server.todos()[0]['title'] == 'after')
    assert [todo['title'] for todo in tabs.server.todos()] == ['after', 'two', 'three']


def test_in_a_tall_window_every_row_is_there_without_scrolling(tabs: Tabs, page: Page) -> None:
    page.set_viewport_size({'width': 800, 'height': 2000})
    tabs.server.execute('INSERT INTO todos(title) VALUES (:title)', *({'title': f'todo {n}'} for n in range(100)))
    page.locator('.todo', has_text='todo 99').wait_for()

    def rows_to_the_bottom() -> bool:
        """Whether there is a row at the lower end of the list; once there were grey bars."""
        return bool(
            page.evaluate("""() => {
                const { left, width, bottom } = document.querySelector('.todo-rows').getBoundingClientRect();
                return document.elementFromPoint(left + width / 2, bottom - 30)?.closest('.todo') != null;
            }""")
        )

    eventually(rows_to_the_bottom)


def test_a_refused_edit_stays_open_with_what_was_typed(tabs: Tabs, page: Page) -> None:
    tabs.server.add('Buy milk')
    page.get_by_text('Buy milk').dblclick()
    page.locator('[data-editing] .todo-edit').fill('x' * 501)
    page.keyboard.press('Enter')
    page.get_by_text('Title is too long').wait_for()
    assert page.locator('[data-editing] .todo-edit').input_value() == 'x' * 501


def test_the_focus_stays_with_its_todo_when_others_come(tabs: Tabs, page: Page) -> None:
    tabs.server.add('Buy milk')
    page.get_by_role('checkbox', name='Buy milk').focus()
    tabs.server.add('Call Ann')
    eventually(lambda: titles(page) == ['Call Ann', 'Buy milk'])
    eventually(lambda: focused(page) == 'Buy milk')
    page.keyboard.press('Space')
    eventually(lambda: page.get_by_role('checkbox', name='Buy milk').is_checked())
    assert not page.get_by_role('checkbox', name='Call Ann').is_checked()


def test_deleting_by_keyboard_goes_from_todo_to_todo_and_undo_brings_back(tabs: Tabs, page: Page) -> None:
    for title in ('Buy milk', 'Call Ann', 'Water the plants'):
        tabs.server.add(title)
    eventually(lambda: titles(page) == ['Water the plants', 'Call Ann', 'Buy milk'])
    page.get_by_role('button', name='Delete Water the plants').focus()
    page.keyboard.press('Enter')
    eventually(lambda: titles(page) == ['Call Ann', 'Buy milk'])
    eventually(lambda: focused(page) == 'Delete Call Ann')
    page.get_by_role('button', name='Undo').click()
    eventually(lambda: titles(page) == ['Water the plants', 'Call Ann', 'Buy milk'])


def test_without_a_connection_a_todo_is_added_all_the_same_and_one_sign_says_why_it_waits(
    tabs: Tabs, page: Page
) -> None:
    eventually(lambda: page.locator('.leader-badge[data-connected=true]').count() == 1)
    tabs.server.kill()
    page.locator('#popup[aria-hidden=false]').wait_for()
    field(page).fill('Buy milk')
    field(page).press('Enter')
    eventually(lambda: titles(page) == ['Buy milk'])
    assert field(page).input_value() == ''
    field(page).fill('half a senten')
    page.get_by_text('1 change waiting').wait_for()
    tabs.server.start()
    page.locator('#popup[aria-hidden=true]').wait_for(state='attached')
    eventually(lambda: [todo['title'] for todo in tabs.server.todos()] == ['Buy milk'])
    eventually(lambda: page.locator('.leader-badge[data-connected=true]').count() == 1)
    eventually(lambda: field(page).input_value() == 'half a senten')
    assert titles(page) == ['Buy milk']
    page.get_by_role('button', name='waiting').wait_for(state='hidden')


def test_ten_thousand_todos_are_as_light_as_ten(tabs: Tabs) -> None:
    rows = [{'title': f'Todo {number}'} for number in range(10_000)]
    tabs.server.execute('INSERT INTO todos(title) VALUES (:title)', *rows)
    page = tabs.open()
    eventually(lambda: titles(page)[:2] == ['Todo 9999', 'Todo 9998'])
    eventually(lambda: page.title() == 'Todos (10000 total, 0 done)')
    assert page.locator('.todo').count() < 60
    seen = """() => {
        const { left, top, height } = document.querySelector('.todo-rows').getBoundingClientRect();
        return document.elementFromPoint(left + 200, top + height / 2)?.closest('.todo')?.innerText;
    }"""
    scroll_until_seen = f"""async () => {{
        const seen = {seen};
        const list = document.querySelector('.todo-rows');
        for (let frame = 0; frame < 600 && !(frame && seen()); frame += 1) {{
            list.scrollTop = 4000 + frame;
            await new Promise(requestAnimationFrame);
        }}
        return seen();
    }}"""
    assert page.evaluate(scroll_until_seen), 'rows have to follow while somebody scrolls, not only afterwards'
    page.evaluate("document.querySelector('.todo-rows').scrollTop = 300000")
    title = eventually(lambda: re.fullmatch(r'Todo 3\d+', str(page.evaluate(seen)).strip()))
    box = page.get_by_role('checkbox', name=title.group(), exact=True)
    box.click()
    eventually(box.is_checked)


def test_the_browser_remembers_which_colours_were_chosen(tabs: Tabs, page: Page) -> None:
    chosen = page.get_by_role('button', name='Colours:')
    for label in ('Colours: light', 'Colours: dark'):
        chosen.click()
        eventually(lambda label=label: chosen.get_attribute('aria-label') == label)  # type: ignore[misc]
    eventually(lambda: 'todosync_colours=dark' in page.evaluate('document.cookie'))
    page.reload()
    eventually(lambda: chosen.get_attribute('aria-label') == 'Colours: dark')
