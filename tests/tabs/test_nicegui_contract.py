"""The shared socket uses internals of NiceGUI. If one of them changes, a test here names it."""

from __future__ import annotations

import tomllib

import pytest
from nicegui import Client, core

from tests.server import ROOT
from todosync.tabs import nicegui_contract


def test_the_installed_nicegui_is_as_expected() -> None:
    assert nicegui_contract.mismatch() is None


def test_what_is_said_is_which_nicegui_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        nicegui_contract.REQUIREMENT in tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['dependencies']
    )
    monkeypatch.delattr(Client, 'handle_handshake')
    sentence = str(nicegui_contract.mismatch())
    assert nicegui_contract.REQUIREMENT in sentence
    assert 'handle_handshake' not in sentence


def test_a_moved_method_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, 'accept_handshake', lambda self, socket, tab: True)
    assert 'takes' in str(nicegui_contract.difference())


def test_a_missing_method_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Client, 'handle_handshake')
    assert 'handle_handshake' in str(nicegui_contract.difference())


def test_a_missing_socket_event_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(core.sio.handlers['/'], 'javascript_response')
    assert 'javascript_response' in str(nicegui_contract.difference())


@pytest.mark.parametrize('meaning', nicegui_contract.PAGE_SNIPPETS)
def test_a_changed_page_script_is_told(meaning: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(nicegui_contract.PAGE_SNIPPETS, meaning, 'no such snippet')
    assert meaning in str(nicegui_contract.difference())
