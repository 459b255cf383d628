"""Calls to an API behind PISTE, the State's gateway: an access token by OAuth 2, and Chorus Pro's technical account.

Neither messages nor logs hold a secret, an answer's body or an address.
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import requests

from licensing.billing.transmission.exceptions import PlatformRefuses, PlatformSilent

if TYPE_CHECKING:
    from licensing.billing.transmission.accounts import ChorusProAccount

logger = logging.getLogger(__name__)
#: Seconds to connect, and to wait for an answer: a file of some megabytes is read at once.
TIMEOUTS = (10.0, 60.0)
#: A token is asked anew so many seconds before it expires.
_MARGIN = 60
_SILENT = "Chorus Pro ne répond pas pour l'instant. La demande est refaite d'elle-même."
_NOT_ADMITTED = (
    "Chorus Pro n'admet pas notre compte : vérifiez les identifiants PISTE, le compte technique et ses habilitations. "
    "La demande est refaite d'elle-même."
)
_UNAUTHORISED, _FORBIDDEN = 401, 403
_REFUSALS = (400, 422)


class PisteClient:
    """Sends JSON to Chorus Pro, with a token that is kept until it expires. Shared by threads."""

    def __init__(self, account: ChorusProAccount) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._token, self._expires_at = "", 0.0

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request. Raises `PlatformSilent` or `PlatformRefuses`, in the platform's words."""
        response = self._post_with_token(path, body)
        if response.status_code == _UNAUTHORISED:
            # The gateway forgot the token before it expired.
            self._forget_token()
            response = self._post_with_token(path, body)
        if response.status_code in (_UNAUTHORISED, _FORBIDDEN):
            logger.error("Chorus Pro does not admit our account, or not for %s", path)
            raise PlatformSilent(_NOT_ADMITTED)
        if not response.ok and response.status_code not in _REFUSALS:
            logger.warning("Chorus Pro answers %s to %s", response.status_code, path)
            raise PlatformSilent(_SILENT)
        answer = _read_json(response)
        if not response.ok or int(answer.get("codeRetour") or 0):
            label = " ".join(str(answer.get("libelle") or "").split()) or f"erreur {response.status_code}"
            raise PlatformRefuses(f"Chorus Pro a refusé la demande : {label}")
        return answer

    def _post_with_token(self, path: str, body: dict[str, Any]) -> requests.Response:
        account = f"{self._account.login}:{self._account.password}".encode()
        headers = {
            "Authorization": f"Bearer {self._get_token()}",
            "cpro-account": base64.b64encode(account).decode(),
            "Content-Type": "application/json;charset=utf-8",
            "Accept": "application/json;charset=utf-8",
        }
        return _post(f"{self._account.api_base}{path}", headers=headers, json=body)

    def _get_token(self) -> str:
        with self._lock:
            if time.monotonic() < self._expires_at:
                return self._token
            response = _post(
                self._account.token_url,
                data={
                    "grant_type": "client_credentials",
                    "client_id": self._account.client_id,
                    "client_secret": self._account.client_secret,
                    "scope": "openid",
                },
            )
            if response.status_code in (*_REFUSALS, _UNAUTHORISED, _FORBIDDEN):
                logger.error("PISTE does not admit our application: %s", response.status_code)
                raise PlatformSilent(_NOT_ADMITTED)
            if not response.ok:
                raise PlatformSilent(_SILENT)
            answer = _read_json(response)
            token = str(answer.get("access_token") or "")
            if not token:
                raise PlatformSilent(_SILENT)
            self._token = token
            self._expires_at = time.monotonic() + int(answer.get("expires_in") or 0) - _MARGIN
            return token

    def _forget_token(self) -> None:
        with self._lock:
            self._expires_at = 0.0


def _post(url: str, **arguments: Any) -> requests.Response:
    try:
        return requests.post(url, timeout=TIMEOUTS, allow_redirects=False, **arguments)
    except requests.RequestException as failed:
        # Not chained: its text holds the address, and its request our headers.
        logger.warning("Chorus Pro could not be reached: %s", type(failed).__name__)
        raise PlatformSilent(_SILENT) from None


def _read_json(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        logger.warning("Chorus Pro answers %s without the JSON expected", response.status_code)
        raise PlatformSilent(_SILENT)
    return answer
