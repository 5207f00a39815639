"""The roster: one person for all their tabs and processes, in order, and no more than fit."""

from __future__ import annotations

from todosync.presence import Editing, Entry, Roster
from todosync.presence.roster import EDITING_MAX, PEOPLE_MAX

ANN, BOB = ('notes', 'ann'), ('notes', 'bob')


def names(roster: Roster, key: str = 'notes') -> list[str]:
    return [person.name for person in roster.people(key)]


def test_somebody_whose_tabs_are_served_by_two_processes_is_one_person() -> None:
    roster = Roster()
    assert roster.put('one', ANN, Entry('', (Editing(1, 'text'),)))
    assert roster.put('two', ANN, Entry('Ann', (Editing(1, 'text'), Editing(2, 'text'))))
    [ann] = roster.people('notes', own_id='ann')
    assert (ann.name, ann.is_me, ann.editing) == ('Ann', True, (Editing(1, 'text'), Editing(2, 'text')))
    assert roster.put('two', ANN, None)
    assert names(roster) == ['']
    assert roster.put('one', ANN, None)
    assert (names(roster), roster.count('notes'), roster.person(ANN)) == ([], 0, None)


def test_people_come_in_the_order_of_their_names_and_each_sees_which_one_they_are() -> None:
    roster = Roster()
    for place, name in ((BOB, 'bob'), (ANN, 'Ann'), (('notes', 'zoe'), ''), (('tasks', 'ann'), 'Ann')):
        roster.put('one', place, Entry(name))
    assert names(roster) == ['', 'Ann', 'bob']
    assert [person.is_me for person in roster.people('notes', own_id='bob')] == [False, False, True]
    assert [person.is_me for person in roster.people('notes', own_id='ann')] == [False, True, False]
    assert names(roster, 'tasks') == ['Ann']


def test_what_is_told_twice_is_nothing_new() -> None:
    roster = Roster()
    assert roster.put('one', ANN, Entry('Ann'))
    assert not roster.put('one', ANN, Entry('Ann'))
    assert not roster.put('one', BOB, None)


def test_everything_that_a_process_tells_takes_the_place_of_what_it_told_before() -> None:
    roster = Roster()
    roster.put('one', ANN, Entry('Ann'))
    roster.put('two', ANN, Entry('Ann'))
    roster.put('one', BOB, Entry('Bob'))
    assert roster.replace('one', [(ANN, Entry('Ann')), (('notes', 'zoe'), Entry('Zoe'))]) == [BOB, ('notes', 'zoe')]
    assert names(roster) == ['Ann', 'Zoe']
    assert set(roster.replace('one', [])) == {ANN, ('notes', 'zoe')}
    assert not roster.has('one')
    assert names(roster) == ['Ann']
    assert list(roster.told_by('two')) == [(ANN, Entry('Ann'))]


def test_what_one_scope_and_one_person_may_hold_is_bounded() -> None:
    roster = Roster()
    for number in range(PEOPLE_MAX + 5):
        roster.put('one', ('notes', f'{number:04}'), Entry(''))
    assert roster.count('notes') == len(roster.people('notes')) == PEOPLE_MAX
    assert roster.put('one', ('notes', '0000'), Entry('Ann')), 'who is there can still be renamed'
    assert not roster.put('two', ('notes', 'late'), Entry('Late'))
    roster.put('one', ('notes', '0001'), None)
    assert roster.put('two', ('notes', 'late'), Entry('Late'))
    roster.put('one', ('tasks', 'ann'), Entry('Ann', tuple(Editing(row, 'text') for row in range(20))))
    [ann] = roster.people('tasks')
    assert len(ann.editing) == EDITING_MAX
