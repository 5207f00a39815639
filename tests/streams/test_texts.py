"""Texts made of totals. `tests/js/totals.test.js` has the browser make the same ones."""

from __future__ import annotations

import re

import pytest
from sqlmodel import Field, SQLModel

from todosync import Stream, count, plural


class Errand(SQLModel, table=True):
    __tablename__ = 'errands_with_texts'

    id: int | None = Field(default=None, primary_key=True)
    text: str
    done: bool = False


TOTALS = {'all': count(), 'done': count('done')}
LEFT = plural('all - done', zero='All done', one='One of {all} left', other='{ all-done } of {all} left')


@pytest.mark.parametrize(
    ('totals', 'texts'),
    [
        ((3, 3), {'heading': 'Errands (3 total, 3 done)', 'left': 'All done'}),
        ((3, 2), {'heading': 'Errands (3 total, 2 done)', 'left': 'One of 3 left'}),
        ((3, 1), {'heading': 'Errands (3 total, 1 done)', 'left': '2 of 3 left'}),
    ],
)
def test_a_text_has_places_for_totals_and_other_words_for_one(totals: tuple[int, int], texts: dict[str, str]) -> None:
    stream = Stream(Errand, totals=TOTALS, texts={'heading': 'Errands ({all} total, {done} done)', 'left': LEFT})
    counted = {'all': totals[0], 'done': totals[1]}
    assert stream.shown_totals(counted) == {**counted, **texts}


def test_a_function_may_make_the_texts() -> None:
    stream = Stream(Errand, totals=TOTALS, texts=lambda totals: {'heading': f'{totals["all"]:,} errands'})
    assert stream.shown_totals({'all': 1000, 'done': 0})['heading'] == '1,000 errands'
    assert stream.told_totals()['texts'] == {}, 'the browser cannot make them'


@pytest.mark.parametrize(
    ('text', 'wrong'), [('{al} errands', 'al'), (plural('all * done', other=''), '*'), ('{ } errands', ' ')]
)
def test_a_text_with_a_place_for_what_is_no_total_is_refused(text: str, wrong: str) -> None:
    expected = re.escape(f"has no total '{wrong}', which is in the text 'heading'; name totals in `texts`")
    with pytest.raises(ValueError, match=expected):
        Stream(Errand, totals=TOTALS, texts={'heading': text})
