"""A complete client of the portal for the learning application, with Python's standard library alone."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass

from tests.waits import LAST_S


class EntryError(Exception):
    """An error of the portal: wrong token, expired ticket, unknown person. `code` says which."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code


@dataclass(frozen=True)
class PortalClient:
    """The portal's API, as called by the application's server."""

    address: str
    token: str

    def spend(self, ticket: str) -> dict:
        """Return the person of the ticket, and whether they may enter. Raises `Refused`."""
        return self._ask({"ticket": ticket})

    def ask_again(self, person: str) -> dict | None:
        """Return whether the person may still enter; None if erased (delete their data)."""
        try:
            return self._ask({"person": person})
        except EntryError as refusal:
            if refusal.code == "unknown_person":
                return None
            raise

    def _ask(self, question: dict[str, str]) -> dict:
        request = urllib.request.Request(  # noqa: S310 - the configured address
            f"{self.address}/api/application/v1/entry",
            data=json.dumps(question).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=LAST_S) as answer:  # noqa: S310 - the configured address
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                error_body = json.load(error)
            raise EntryError(error.code, error_body["code"], error_body["detail"]) from None
