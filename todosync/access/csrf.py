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
    """Return a token that proves that its sender has read a page of this browser session.

    A new one each time: of a secret that stands in every compressed page, beside what others have written, the
    lengths of many pages would give away letter after letter.
    """
    return _signer(_session_id(request)).sign(secrets.token_urlsafe(NONCE_BYTES)).decode()


def refusal(request: Request) -> str | None:
    """Return why a request is refused, ``None`` if it is not.

    Only browsers are asked for a proof: they alone send a person's cookies along with other people's requests. They
    tell on such requests themselves, by ``Sec-Fetch-Site`` or, on plain http, by ``Origin``.
    """
    if request.method in SAFE_METHODS or _is_same_site(request) or _has_token(request):
        return None
    return REFUSAL


def _is_same_site(request: Request) -> bool:
    site = request.headers.get('Sec-Fetch-Site')
    if site is not None:
        return site in {'same-origin', 'none'}
    origin = request.headers.get('Origin')
    # compared as text, since a forged origin need not be a URL; a page of this site has one of these two
    return origin is None or origin in {f'{scheme}://{request.headers.get("Host")}' for scheme in ('http', 'https')}


def _has_token(request: Request) -> bool:
    session_id = _session_id(request)
    return bool(session_id) and _signer(session_id).validate(request.headers.get(TOKEN_HEADER, ''))


def _session_id(request: Request) -> str:
    return str(request.scope.get('session', {}).get('id', ''))


def _signer(session_id: str) -> Signer:
    # NiceGUI refuses sessions without a secret; without sessions no token is ever right
    return Signer(Storage.secret or 'no sessions', salt=f'csrf of {session_id}')
