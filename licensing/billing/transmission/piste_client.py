"""Calls to Chorus Pro behind PISTE, the State's gateway: its technical account, and its refusals as ours."""

from __future__ import annotations

import base64
from typing import Any

from licensing.billing.transmission.accounts import ChorusProAccount
from licensing.billing.transmission.exceptions import PlatformRefuses, PlatformSilent
from licensing.billing.transmission.token_http import TokenHttp

_SILENT = "Chorus Pro ne répond pas pour l'instant. La demande est refaite d'elle-même."
_NOT_ADMITTED = (
    "Chorus Pro n'admet pas notre compte : vérifiez les identifiants PISTE, le compte technique et ses habilitations. "
    "La demande est refaite d'elle-même."
)
_REFUSALS = (400, 422)


class PisteClient:
    """Sends JSON to Chorus Pro. Shared by threads."""

    def __init__(self, account: ChorusProAccount) -> None:
        self._api_base = account.api_base
        technical_account = base64.b64encode(f"{account.login}:{account.password}".encode()).decode()
        self._headers = {
            "cpro-account": technical_account,
            "Content-Type": "application/json;charset=utf-8",
            "Accept": "application/json;charset=utf-8",
        }
        credentials = {"client_id": account.client_id, "client_secret": account.client_secret, "scope": "openid"}
        self._http = TokenHttp(
            name="Chorus Pro",
            token_url=account.token_url,
            grant={"data": credentials},
            silent=_SILENT,
            not_admitted=_NOT_ADMITTED,
        )

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request. Raises `PlatformSilent` or `PlatformRefuses`, in the platform's words."""
        response = self._http.request("POST", f"{self._api_base}{path}", headers=self._headers, json=body)
        if not response.ok and response.status_code not in _REFUSALS:
            raise PlatformSilent(_SILENT)
        answer = self._http.read_object(response)
        if not response.ok or (answer.get("codeRetour") or 0) not in (0, "0"):
            label = " ".join(str(answer.get("libelle") or "").split()) or f"erreur {response.status_code}"
            raise PlatformRefuses(f"Chorus Pro a refusé la demande : {label}")
        return answer
