"""An import through the API, from its upload until it is applied."""

import datetime
import time
import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings

from bench.chaos.client import Api, Web
from bench.chaos.ledger import Ledger
from bench.load.world import LoadedOffice

#: Seconds between two looks at an import, and until it counts as failed.
_LOOK_S, _STUCK_S = 0.5, 300.0


class ImportingOffice:
    """A program of an office that uploads lists of schools. Each method returns why it failed, or nothing."""

    def __init__(self, port: int, office: LoadedOffice, *, send_on: datetime.date) -> None:
        self._pool = office.pool
        self._send_on = send_on
        host = f"{office.collectivity.slug}.{settings.BASE_DOMAIN}"
        self._api = Api(Web(port, host, Ledger()), office.token)
        self._import: dict[str, Any] = {}

    def read(self, schools: Sequence[str], units: int) -> str:
        """Upload a list of schools with the same number of licences for each, and wait until its rows are checked."""
        content = "UAI;Licences\n" + "".join(f"{school};{units}\n" for school in schools)
        fields = {"purpose": "allocation", "pool": str(self._pool)}
        answer = self._api.upload(fields, content, str(uuid.uuid4()))
        if answer.status != 201:  # noqa: PLR2004 - HTTP's own
            return f"the upload was answered {answer.status}"
        self._import = answer.json()
        return self._wait_for("checked")

    def apply(self) -> str:
        """Apply what was read last, confirming what its plan asks for, and wait until that is done."""
        plan = self._import.get("plan")
        if not plan:
            return "nothing was read"
        body = {"digest": plan["digest"], "send_on": self._send_on.isoformat()}
        if plan["confirmation"]:
            body["confirmation_count"] = plan["confirmation"]["count"]
        answer = self._api.post(f"/imports/{self._import['id']}/apply", body, str(uuid.uuid4()))
        return self._wait_for("applied") if answer.status == 202 else f"the application was answered {answer.body}"  # noqa: PLR2004 - HTTP's own

    def read_and_apply(self, schools: Sequence[str], units: int) -> str:
        """Do both."""
        return self.read(schools, units) or self.apply()

    def _wait_for(self, state: str) -> str:
        deadline = time.monotonic() + _STUCK_S
        while time.monotonic() < deadline:
            answer = self._api.get(f"/imports/{self._import['id']}")
            if answer.status == 200:  # noqa: PLR2004 - HTTP's own
                self._import = answer.json()
                if self._import["state"] == state:
                    return ""
                if self._import["state"] == "rejected":
                    return str(self._import["rejection"])
            time.sleep(_LOOK_S)
        return f"not {state} after {_STUCK_S:g} s, but {self._import['state']}"
