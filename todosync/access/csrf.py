"""Protection against cross-site request forgery: a browser must show that a changing request comes from this site."""

from __future__ import annotations

import secrets

from itsdangerous import Signer
from nicegui.storage import Storage
from starlette.requests import Request

SAFE_METHODS = frozenset({'GET', 'HEAD', 'OPTIONS'})
NONCE_BYTES = 12
TOKEN_HEADER = 'X-CSRF-Token'  # noqa: S105 - the name of a header
REFUSAL = (
    'This request seems to come from another site and was refused; send it from a page of this site, '
    f'or with the token of the page in the header {TOKEN_HEADER}'
)


def token(request: Request) -> str:
    """Return a token. Whoever sends it proves that they have read a page of this browser session.

    It is a new token each time. A secret that stays the same in many compressed pages, beside texts that strangers have
    written, could be guessed letter by letter from the lengths of the pages (BREACH).

    :param request: the request of the page
    """
    return _signer(_session_id(request)).sign(secrets.token_urlsafe(NONCE_BYTES)).decode()


def refusal(request: Request) -> str | None:
    """Return why a request is refused, ``None`` if it is not.

    Only a browser needs a proof, because only a browser sends a person's cookies with requests of other sites. It says
    so itself, in the header ``Sec-Fetch-Site`` or, on plain http, ``Origin``.

    :param request: the request
    """
    if request.method in SAFE_METHODS or _is_same_site(request) or _has_token(request):
        return None
    return REFUSAL


def _is_same_site(request: Request) -> bool:
    site = request.headers.get('Sec-Fetch-Site')
    if site is not None:
        return site in {'same-origin', 'none'}
    origin = request.headers.get('Origin')
    # compared as text, because a forged origin may be no URL; a page of this site has one of these two origins
    return origin is None or origin in {f'{scheme}://{request.headers.get("Host")}' for scheme in ('http', 'https')}


def _has_token(request: Request) -> bool:
    session_id = _session_id(request)
    return bool(session_id) and _signer(session_id).validate(request.headers.get(TOKEN_HEADER, ''))


def _session_id(request: Request) -> str:
    return str(request.scope.get('session', {}).get('id', ''))


def _signer(session_id: str) -> Signer:
    # NiceGUI has no sessions without a secret, and without sessions no token is valid
    return Signer(Storage.secret or 'no sessions', salt=f'csrf of {session_id}')
