"""A whole client of the portal, as the learning application may have it: Python's standard library, nothing else."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass


class Refused(Exception):
    """The portal's no: a wrong token, a dead ticket, a person who is not there. `code` says which."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code


@dataclass(frozen=True)
class Portal:
    """The portal, as the application's server reaches it."""

    address: str
    token: str

    def spend(self, ticket: str) -> dict:
        """Return who came with the ticket, and whether he may enter. Raises `Refused`."""
        return self._ask({"ticket": ticket})

    def ask_again(self, person: str) -> dict | None:
        """Return whether somebody may still enter; None where he is gone, and what is held of him must go."""
        try:
            return self._ask({"person": person})
        except Refused as refusal:
            if refusal.code == "unknown_person":
                return None
            raise

    def _ask(self, question: dict[str, str]) -> dict:
        request = urllib.request.Request(  # noqa: S310 - the address is the configuration's
            f"{self.address}/api/application/v1/entry",
            data=json.dumps(question).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = json.load(error)
            raise Refused(error.code, said["code"], said["detail"]) from None
