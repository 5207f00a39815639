"""TodoMVC's behaviours, in our words: the 29 of its own test suite, which have all 25 of Playwright's in them.

The order of the list is TodoMVC's, oldest first; its filter "Completed" is "Done" here.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import Tabs, eventually

pytestmark = pytest.mark.any_database
CHEESE, CAT, DOCTOR = 'buy some cheese', 'feed the cat', 'book a doctors appointment'
WITH_MOUSE = """{
    const real = window.matchMedia;
    window.matchMedia = (query) => query === '(hover: hover)' ? { matches: true } : real(query);
}"""
OLDEST_FIRST = "localStorage.setItem('todosync-choice-order', 'oldest first')"


@pytest.fixture
def page(tabs: Tabs) -> Page:
    tabs.context.add_init_script(OLDEST_FIRST)
    page = tabs.open()
    page.bring_to_front()
    return page


@pytest.fixture
def three(page: Page) -> Page:
    """The page with three todos, which a person has typed."""
    for title in (CHEESE, CAT, DOCTOR):
        add(page, title)
    shows(page, CHEESE, CAT, DOCTOR)
    return page


def field(page: Page) -> Locator:
    return page.get_by_label('What needs to be done?')


def add(page: Page, title: str) -> None:
    field(page).fill(title)
    field(page).press('Enter')


def rows(page: Page) -> Locator:
    return page.locator('.todo-rows').get_by_role('listitem')


def box(page: Page, title: str) -> Locator:
    return page.locator('.todo-rows').get_by_role('checkbox', name=title, exact=True)


def shows(page: Page, *titles: str) -> None:
    expect(page.locator('.todo-title')).to_have_text(titles)


def done(page: Page, *titles: str) -> None:
    """Wait until these todos, and no others, are done in the list and struck through."""
    for title in (CHEESE, CAT, DOCTOR):
        if box(page, title).count():
            expect(box(page, title)).to_be_checked(checked=title in titles)
            struck = 'line-through' if title in titles else 'none'
            expect(page.locator('.todo-title', has_text=title)).to_have_css('text-decoration-line', struck)


def edit(page: Page, title: str) -> Locator:
    """Double-click on a row, and return the field that opens."""
    rows(page).filter(has=page.locator('.todo-title', has_text=title)).dblclick()
    editor = page.locator('[data-editing] .todo-edit')
    expect(editor).to_be_focused()
    expect(editor).to_have_value(title)
    return editor


def toggle_all(page: Page) -> Locator:
    return page.get_by_label('Mark all as complete')


def show(page: Page, choice: str) -> None:
    page.get_by_role('button', name=choice, exact=True).click()


def clear(page: Page) -> Locator:
    return page.get_by_role('button', name='Clear completed')


def test_the_field_for_a_new_todo_has_the_focus(page: Page) -> None:
    page.add_init_script(WITH_MOUSE)
    page.reload()
    eventually(lambda: field(page).evaluate('(field) => field === document.activeElement'))


def test_it_begins_with_nothing(page: Page) -> None:
    expect(rows(page)).to_have_count(0)


def test_without_todos_there_are_neither_list_nor_filters_nor_count(page: Page) -> None:
    for part in ('.todo-rows', '.todo-bar', '.items-left'):
        expect(page.locator(part)).to_be_hidden()


def test_todos_are_added(page: Page) -> None:
    add(page, CHEESE)
    shows(page, CHEESE)
    add(page, CAT)
    shows(page, CHEESE, CAT)


def test_the_field_is_empty_after_a_todo_was_added(page: Page) -> None:
    add(page, CHEESE)
    expect(field(page)).to_have_value('')


def test_new_todos_stand_at_the_end(three: Page) -> None:
    shows(three, CHEESE, CAT, DOCTOR)
    expect(three.locator('.items-left')).to_have_text('3 items left')


def test_outer_spaces_of_what_is_typed_are_left_out(page: Page) -> None:
    add(page, f'   {CHEESE}   ')
    shows(page, CHEESE)


def test_with_a_todo_list_filters_and_count_show(page: Page) -> None:
    add(page, CHEESE)
    for part in ('.todo-rows', '.todo-bar', '.items-left'):
        expect(page.locator(part)).to_be_visible()


def test_all_todos_are_marked_as_done(three: Page) -> None:
    toggle_all(three).check()
    done(three, CHEESE, CAT, DOCTOR)


def test_all_todos_are_marked_as_not_done(three: Page) -> None:
    toggle_all(three).check()
    toggle_all(three).uncheck()
    done(three)


def test_the_box_of_all_todos_follows_the_boxes_of_each(three: Page) -> None:
    toggle_all(three).check()
    box(three, CHEESE).uncheck()
    expect(toggle_all(three)).not_to_be_checked()
    box(three, CHEESE).check()
    expect(toggle_all(three)).to_be_checked()


def test_todos_are_marked_as_done(three: Page) -> None:
    box(three, CHEESE).check()
    done(three, CHEESE)
    box(three, CAT).check()
    done(three, CHEESE, CAT)


def test_todos_are_marked_as_not_done(three: Page) -> None:
    box(three, CHEESE).check()
    done(three, CHEESE)
    box(three, CHEESE).uncheck()
    done(three)


def test_a_todo_is_edited(three: Page) -> None:
    edit(three, CAT).fill('buy some sausages')
    three.keyboard.press('Enter')
    shows(three, CHEESE, 'buy some sausages', DOCTOR)


def test_while_a_todo_is_edited_its_other_controls_are_hidden(three: Page) -> None:
    edit(three, CAT)
    row = rows(three).nth(1)
    for part in ('.todo-checkbox', '.todo-title', '.icon-edit', '.icon-delete'):
        expect(row.locator(part)).to_be_hidden()
    three.keyboard.press('Escape')
    for part in ('.todo-checkbox', '.todo-title', '.icon-edit', '.icon-delete'):
        expect(row.locator(part)).to_be_visible()


@pytest.mark.parametrize('way', ['Tab', 'blur'])
def test_what_is_edited_is_saved_when_the_field_is_left(three: Page, way: str) -> None:
    editor = edit(three, CAT)
    editor.fill('buy some sausages')
    if way == 'Tab':
        three.keyboard.press('Tab')
    else:
        editor.evaluate('(field) => field.blur()')
    shows(three, CHEESE, 'buy some sausages', DOCTOR)


def test_outer_spaces_of_what_is_edited_are_left_out(three: Page) -> None:
    edit(three, CAT).fill('    buy some sausages    ')
    three.keyboard.press('Enter')
    shows(three, CHEESE, 'buy some sausages', DOCTOR)


@pytest.mark.parametrize('nothing', ['', '   '])
def test_a_todo_of_whose_title_nothing_is_left_is_deleted(three: Page, nothing: str) -> None:
    edit(three, CAT).fill(nothing)
    three.keyboard.press('Enter')
    shows(three, CHEESE, DOCTOR)


def test_escape_takes_back_what_was_edited(three: Page) -> None:
    edit(three, CAT).fill('foo')
    three.keyboard.press('Escape')
    shows(three, CHEESE, CAT, DOCTOR)
    expect(three.locator('[data-editing]')).to_have_count(0)


def test_the_count_says_how_many_are_left(page: Page) -> None:
    add(page, CHEESE)
    expect(page.locator('.items-left')).to_have_text('1 item left')
    add(page, CAT)
    expect(page.locator('.items-left')).to_have_text('2 items left')


def test_the_button_that_clears_is_named(three: Page) -> None:
    box(three, CHEESE).check()
    expect(clear(three)).to_have_text('Clear completed')


def test_todos_that_are_done_are_cleared(three: Page) -> None:
    box(three, CAT).check()
    clear(three).click()
    shows(three, CHEESE, DOCTOR)
    expect(toggle_all(three)).not_to_be_checked()


def test_the_button_that_clears_is_hidden_while_none_are_done(three: Page) -> None:
    box(three, CAT).check()
    clear(three).click()
    expect(clear(three)).to_be_hidden()


def test_todos_are_kept(page: Page) -> None:
    for title in (CHEESE, CAT):
        add(page, title)
    box(page, CHEESE).check()
    page.reload()
    shows(page, CHEESE, CAT)
    done(page, CHEESE)


def test_active_todos_are_shown(three: Page) -> None:
    box(three, CAT).check()
    show(three, 'Active')
    shows(three, CHEESE, DOCTOR)


def test_back_goes_back_to_the_filter_before(three: Page) -> None:
    box(three, CAT).check()
    show(three, 'All')
    show(three, 'Active')
    show(three, 'Done')
    shows(three, CAT)
    three.go_back()
    shows(three, CHEESE, DOCTOR)
    three.go_back()
    shows(three, CHEESE, CAT, DOCTOR)


def test_done_todos_are_shown_also_after_a_reload(three: Page) -> None:
    box(three, CAT).check()
    show(three, 'Done')
    shows(three, CAT)
    three.reload()
    shows(three, CAT)


def test_all_todos_are_shown_again(three: Page) -> None:
    box(three, CAT).check()
    for choice in ('Active', 'Done', 'All'):
        show(three, choice)
    shows(three, CHEESE, CAT, DOCTOR)


def test_the_chosen_filter_stands_out(three: Page) -> None:
    for choice in ('All', 'Active', 'Done'):
        show(three, choice)
        expect(three.get_by_role('button', name=choice, exact=True)).to_have_attribute('aria-pressed', 'true')
        expect(three.locator('.todo-filter [aria-pressed=true]')).to_have_count(1)


def test_the_order_that_a_person_chooses_holds_in_all_tabs_and_is_kept(tabs: Tabs) -> None:
    first, second = tabs.open(), tabs.open()
    for title in (CHEESE, CAT):
        add(first, title)
    for page in (first, second):
        shows(page, CAT, CHEESE)
    first.bring_to_front()
    first.get_by_role('button', name='View').click()
    first.get_by_role('button', name='Oldest first').click()
    for page in (first, second):
        eventually(lambda page=page: page.locator('.todo-title').all_inner_texts() == [CHEESE, CAT])
    second.reload()
    shows(second, CHEESE, CAT)
