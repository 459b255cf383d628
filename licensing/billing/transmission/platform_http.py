"""HTTP calls to an approved platform: OAuth2 client credentials, and its errors as ours."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import requests

from licensing.billing.transmission.exceptions import PlatformRefuses, PlatformSilent

logger = logging.getLogger(__name__)
#: Timeout of a request, in seconds: nobody waits for it but a task.
TIMEOUT = 30
# A token is renewed this long before it expires, in seconds.
_TOKEN_MARGIN = 30
_DEFAULT_TOKEN_AGE = 300
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER_ERROR = 401, 403, 429, 500
_UNAVAILABLE = "La plateforme agréée ne répond pas pour l'instant."
_MAX_MESSAGE = 1_000


class PlatformHttp:
    """Calls with a token that is kept until it expires. No error carries a token, a secret or an invoice."""

    def __init__(
        self, *, base_url: str, token_url: str, client_id: str, client_secret: str, organization: str = ""
    ) -> None:
        self._base_url, self._token_url = base_url.rstrip("/"), token_url
        self._credentials = (client_id, client_secret)
        self._headers = {"Organization-Id": organization} if organization else {}
        self._lock = threading.Lock()
        self._token, self._token_ends = "", 0.0

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Return the answer to a request. Raises `PlatformSilent` or `PlatformRefuses`."""
        token = self._get_token()
        answer = self._request(method, path, token, arguments)
        if answer.status_code == _UNAUTHORIZED:
            # It ended before its time.
            answer = self._request(method, path, self._get_token(instead_of=token), arguments)
        if answer.ok:
            return answer
        if answer.status_code in (_UNAUTHORIZED, _FORBIDDEN):
            logger.error("The approved platform does not accept our credentials: %s", answer.status_code)
        if answer.status_code in (_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY) or answer.status_code >= _SERVER_ERROR:
            raise PlatformSilent(_UNAVAILABLE)
        raise PlatformRefuses(f"La plateforme agréée a refusé la demande : {_read_error(answer)}")

    def call_json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Return the object that answers a request. Raises as `call` does."""
        return _read_json(self.call(method, path, **arguments))

    def _request(self, method: str, path: str, token: str, arguments: dict[str, Any]) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", **self._headers}
        # A redirect would carry the token elsewhere.
        return self._send(method, f"{self._base_url}{path}", headers=headers, **arguments)

    def _get_token(self, *, instead_of: str = "") -> str:
        with self._lock:
            if self._token and self._token != instead_of and time.monotonic() < self._token_ends:
                return self._token
            answer = self._send(
                "POST", self._token_url, data={"grant_type": "client_credentials"}, auth=self._credentials
            )
            if not answer.ok:
                logger.error("The approved platform gives no token: %s", answer.status_code)
                raise PlatformSilent(_UNAVAILABLE)
            content = _read_json(answer)
            self._token = str(content.get("access_token", ""))
            age = content.get("expires_in", _DEFAULT_TOKEN_AGE)
            self._token_ends = time.monotonic() + float(age) - _TOKEN_MARGIN
            return self._token

    def _send(self, method: str, url: str, **arguments: Any) -> requests.Response:
        try:
            return requests.request(method, url, timeout=TIMEOUT, allow_redirects=False, **arguments)
        except requests.RequestException as failed:
            logger.warning("The approved platform does not answer: %s", type(failed).__name__)
            # Not chained: the exception holds the request, with its token.
            raise PlatformSilent(_UNAVAILABLE) from None


def _read_json(answer: requests.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except requests.JSONDecodeError:
        raise PlatformSilent(_UNAVAILABLE) from None
    return content if isinstance(content, dict) else {}


def _read_error(answer: requests.Response) -> str:
    """Return the platform's words, or its code."""
    try:
        content = answer.json()
    except requests.JSONDecodeError:
        content = {}
    if not isinstance(content, dict):
        content = {}
    words = [str(content[name]) for name in ("errorMessage", "details", "errorCode") if content.get(name)]
    return (" – ".join(words) or f"erreur {answer.status_code}")[:_MAX_MESSAGE]
