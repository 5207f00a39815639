"""Requests that a browser sends from another site are refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nicegui.storage import Storage
from starlette.requests import Request

from todosync.access import csrf


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Storage, 'secret', 'the secret of this test')
    return


def request(method: str = 'POST', session: str | None = 'session-1', **headers: str) -> Request:
    scope = {
        'type': 'http',
        'method': method,
        'path': '/todos',
        'headers': [
            (name.replace('_', '-').lower().encode(), value.encode('latin-1'))
            for name, value in {'Host': 'todos.example', **headers}.items()
        ],
    }
    if session is not None:
        scope['session'] = {'id': session}
    return Request(scope)


def is_refused(given: Request) -> bool:
    return csrf.refusal(given) is not None


@pytest.mark.parametrize('site', ['same-origin', 'none'])
def test_a_page_of_this_site_may_change_something(site: str) -> None:
    assert not is_refused(request(Sec_Fetch_Site=site))


@pytest.mark.parametrize('site', ['cross-site', 'same-site', 'nonsense', ''])
def test_a_page_of_another_site_may_not(site: str) -> None:
    assert is_refused(request(Sec_Fetch_Site=site))
    assert is_refused(request(Sec_Fetch_Site=site, Origin='https://todos.example'))


@pytest.mark.parametrize('origin', ['http://todos.example', 'https://todos.example'])
def test_without_fetch_metadata_the_origin_decides(origin: str) -> None:
    assert not is_refused(request(Origin=origin))


@pytest.mark.parametrize(
    'origin',
    [
        'https://evil.example',
        'null',
        '',
        'https://todos.example:8443',
        'http://[::1',
        'https://todos.example.evil.example',
    ],
)
def test_without_fetch_metadata_another_origin_is_refused(origin: str) -> None:
    assert is_refused(request(Origin=origin))


def test_a_program_that_is_no_browser_needs_no_proof() -> None:
    assert not is_refused(request())


@pytest.mark.parametrize('method', ['GET', 'HEAD', 'OPTIONS'])
def test_reading_needs_no_proof(method: str) -> None:
    assert not is_refused(request(method, Sec_Fetch_Site='cross-site'))


@pytest.mark.parametrize('method', ['POST', 'PATCH', 'DELETE', 'PUT'])
def test_the_token_of_a_page_of_this_session_is_a_proof(method: str) -> None:
    token = csrf.token(request('GET'))
    assert not is_refused(request(method, Sec_Fetch_Site='cross-site', X_CSRF_Token=token))


def test_the_token_of_another_session_is_none() -> None:
    token = csrf.token(request('GET', session='session-2'))
    assert is_refused(request(Sec_Fetch_Site='cross-site', X_CSRF_Token=token))


def test_without_a_session_no_token_is_a_proof() -> None:
    token = csrf.token(request('GET', session=None))
    assert is_refused(request(session=None, Sec_Fetch_Site='cross-site', X_CSRF_Token=token))


@pytest.mark.parametrize('forged', ['', 'x', 'session-1', 'a.b', '.', 'ÿ.ÿ', 'x' * 10_000])
def test_a_forged_token_is_refused_and_never_an_error(forged: str) -> None:
    assert is_refused(request(Sec_Fetch_Site='cross-site', X_CSRF_Token=forged))


def test_tokens_differ_from_page_to_page() -> None:
    assert csrf.token(request('GET')) != csrf.token(request('GET'))
