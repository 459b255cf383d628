"""Calls to an approved platform by the norm's API (XP Z12-013), and its refusals as ours."""

from __future__ import annotations

from typing import Any

from requests import Response

from core.foreign_values import UnreadableJson, parse_json_object
from licensing.billing.transmission.exceptions import PlatformRefuses
from licensing.billing.transmission.token_http import MAX_ANSWER_BYTES, TokenHttp

_SILENT = "La plateforme agréée ne répond pas pour l'instant."
_NOT_ADMITTED = "La plateforme agréée n'admet pas notre compte : vérifiez ses identifiants et son organisation."
_MAX_MESSAGE = 1_000


class PlatformHttp:
    """Calls to an approved platform. Shared by threads."""

    def __init__(
        self, *, base_url: str, token_url: str, client_id: str, client_secret: str, organization: str = ""
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Organization-Id": organization} if organization else {}
        self._http = TokenHttp(
            name="The approved platform",
            token_url=token_url,
            grant={"auth": (client_id, client_secret)},
            silent=_SILENT,
            not_admitted=_NOT_ADMITTED,
        )

    def call(self, method: str, path: str, **arguments: Any) -> Response:
        """Return the answer to a request. Raises `PlatformSilent` or `PlatformRefuses`."""
        answer = self._http.request(method, f"{self._base_url}{path}", headers=self._headers, **arguments)
        if not answer.ok:
            raise PlatformRefuses(f"La plateforme agréée a refusé la demande : {_read_error(answer)}")
        return answer

    def call_json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Return the object that answers a request. Raises as `call` does."""
        return self._http.read_object(self.call(method, path, **arguments))


def _read_error(answer: Response) -> str:
    """Return the platform's words, or its code."""
    try:
        content = parse_json_object(answer.content, max_bytes=MAX_ANSWER_BYTES, mends_texts=True)
    except UnreadableJson:
        content = {}
    words = [str(content[name]) for name in ("errorMessage", "details", "errorCode") if content.get(name)]
    return (" – ".join(words) or f"erreur {answer.status_code}")[:_MAX_MESSAGE]
