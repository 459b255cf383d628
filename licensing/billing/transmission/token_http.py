"""HTTP calls to a platform with an OAuth 2 token, which is kept until it expires.

Neither errors nor logs hold a token, a secret, an address or an answer's body.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

import requests

from core.foreign_values import UnreadableJson, parse_json_object
from installation.hold import refuse_while_held
from licensing.billing.transmission.exceptions import PlatformSilent

logger = logging.getLogger(__name__)
#: Seconds to connect, and to wait for an answer: a file of some megabytes is read at once.
TIMEOUTS = (10.0, 60.0)
#: A page of a hundred flows is some 100 KB.
MAX_ANSWER_BYTES = 16 * 1024 * 1024
#: A token is asked anew so many seconds before it expires; how long it lasts where its answer does not say.
_MARGIN, _DEFAULT_LIFETIME = 60, 300
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _UNPROCESSABLE, _SERVER_ERROR = 400, 401, 403, 429, 422, 500


class TokenHttp:
    """Calls to one platform. Shared by threads.

    `name`: of the platform, for the log. `grant`: arguments of the token's request besides its grant type: `auth`, or
    more `data`. `silent` and `not_admitted`: sentences for the operator, where the platform does not answer, and where
    it does not admit our account.
    """

    def __init__(
        self, *, name: str, token_url: str, grant: Mapping[str, Any], silent: str, not_admitted: str = ""
    ) -> None:
        self._name, self._token_url, self._grant = name, token_url, dict(grant)
        self._silent, self._not_admitted = silent, not_admitted or silent
        self._lock = threading.Lock()
        self._token, self._expires_at = "", 0.0

    def request(self, method: str, url: str, *, headers: Mapping[str, str], **arguments: Any) -> requests.Response:
        """Return the answer to a request, which may refuse it. Raises `PlatformSilent` where it says nothing of it.

        Raises `InstallationHeld` in a restored copy.
        """
        token = self._get_token()
        answer = self._send(method, url, headers=_authorize(headers, token), **arguments)
        if answer.status_code == _UNAUTHORIZED:
            # The token ended before its time.
            token = self._get_token(instead_of=token)
            answer = self._send(method, url, headers=_authorize(headers, token), **arguments)
        self._check_admitted(answer, _UNAUTHORIZED, _FORBIDDEN)
        if answer.status_code == _TOO_MANY or answer.status_code >= _SERVER_ERROR or answer.is_redirect:
            logger.warning("%s answers %s", self._name, answer.status_code)
            raise PlatformSilent(self._silent)
        return answer

    def read_object(self, answer: requests.Response) -> dict[str, Any]:
        """Return the JSON object of an answer. Raises `PlatformSilent` where it has none."""
        try:
            return parse_json_object(answer.content, max_bytes=MAX_ANSWER_BYTES, mends_texts=True)
        except UnreadableJson as error:
            logger.warning("%s answers %s without the JSON expected: %s", self._name, answer.status_code, error)
            raise PlatformSilent(self._silent) from None

    def _get_token(self, *, instead_of: str = "") -> str:
        with self._lock:
            if self._token and self._token != instead_of and time.monotonic() < self._expires_at:
                return self._token
            data = {"grant_type": "client_credentials", **self._grant.get("data", {})}
            answer = self._send("POST", self._token_url, **{**self._grant, "data": data})
            self._check_admitted(answer, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _UNPROCESSABLE)
            content = self.read_object(answer) if answer.ok else {}
            token = str(content.get("access_token") or "")
            if not token:
                logger.error("%s gives no token: %s", self._name, answer.status_code)
                raise PlatformSilent(self._silent)
            self._token = token
            self._expires_at = time.monotonic() + _read_lifetime(content) - _MARGIN
            return token

    def _check_admitted(self, answer: requests.Response, *refusals: int) -> None:
        if answer.status_code in refusals:
            logger.error("%s does not admit our account: %s", self._name, answer.status_code)
            raise PlatformSilent(self._not_admitted)

    def _send(self, method: str, url: str, **arguments: Any) -> requests.Response:
        refuse_while_held()
        try:
            # A redirect would carry the token elsewhere.
            return requests.request(method, url, timeout=TIMEOUTS, allow_redirects=False, **arguments)
        except requests.RequestException as failed:
            # Not chained: its text holds the address, and its request our headers.
            logger.warning("%s could not be reached: %s", self._name, type(failed).__name__)
            raise PlatformSilent(self._silent) from None


def _read_lifetime(content: Mapping[str, Any]) -> float:
    """Return for how many seconds a token lasts: some platforms write the number as a text."""
    try:
        return float(content.get("expires_in") or _DEFAULT_LIFETIME)
    except (TypeError, ValueError):
        return _DEFAULT_LIFETIME


def _authorize(headers: Mapping[str, str], token: str) -> dict[str, str]:
    return {**headers, "Authorization": f"Bearer {token}"}
