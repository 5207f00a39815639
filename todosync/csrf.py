"""Protection against cross-site request forgery: a browser must show that a changing request comes from this site."""

from __future__ import annotations

from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeSerializer
from nicegui.storage import Storage
from starlette.requests import Request

SAFE_METHODS = frozenset({'GET', 'HEAD', 'OPTIONS'})
TOKEN_HEADER = 'X-CSRF-Token'  # noqa: S105 - the name of a header
REFUSAL = (
    'This request seems to come from another site and was refused; send it from a page of this site, '
    f'or with the token of the page in the header {TOKEN_HEADER}'
)


def token(request: Request) -> str:
    """Return the token that proves that its sender has read a page of this browser session."""
    return str(_serializer().dumps(_session_id(request)))


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
    return origin is None or urlsplit(origin).netloc == request.headers.get('Host')


def _has_token(request: Request) -> bool:
    given = request.headers.get(TOKEN_HEADER, '')
    try:
        return bool(given) and _serializer().loads(given) == _session_id(request) != ''
    except BadSignature:
        return False


def _session_id(request: Request) -> str:
    return str(request.scope.get('session', {}).get('id', ''))


def _serializer() -> URLSafeSerializer:
    # NiceGUI refuses sessions without a secret; without sessions no token is ever right
    return URLSafeSerializer(Storage.secret or 'no sessions', salt='csrf')
