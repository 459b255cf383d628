"""Life-cycle messages that an approved platform keeps for us, each downloaded once by a process.

The norm lets us ask for the messages since a moment, not for those of one invoice: what was read is kept by number,
and only what is new is downloaded. A message that cannot be read, or has no date, is set aside for the operator, and
the others are read.
"""

from __future__ import annotations

import datetime
import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from core.foreign_values import clean_line, parse_moment
from jobs.set_aside import note_set_aside
from licensing.billing.transmission import cdar

logger = logging.getLogger(__name__)
#: How far back each search looks: a platform may show a flow later than it dates it (XP Z12-013, note of 5.3.2, has 15
#: minutes), and its clock is not ours.
OVERLAP = datetime.timedelta(hours=1)

_MAX_FLOW_NUMBER = 200
_UNREADABLE = (
    "Ce message d'état ne se lit pas : il n'est pas de la forme de la norme, ou une date ou un code y manque. Demandez "
    "à la plateforme ce qu'il dit, puis notez l'état sur la facture."
)


class LifecycleInbox:
    """Statuses of invoices by number, as far as the platform has given them."""

    def __init__(
        self, *, search: Callable[[dict[str, Any]], list[dict[str, Any]]], download: Callable[[str], bytes]
    ) -> None:
        self._search, self._download = search, download
        self._lock = threading.Lock()
        self._statuses: defaultdict[str, dict[str, cdar.LifecycleStatus]] = defaultdict(dict)
        self._read: set[str] = set()
        self._from: datetime.datetime | None = None
        self._until: datetime.datetime | None = None

    def list_statuses(self, number: str, *, since: datetime.datetime) -> list[cdar.LifecycleStatus]:
        """Return what is stated of an invoice sent at `since`, each message once, the earliest status first."""
        with self._lock:
            self._refresh(since)
            return sorted(self._statuses[number].values(), key=lambda one: (one.at, one.code))

    def _refresh(self, since: datetime.datetime) -> None:
        begin = since - OVERLAP
        if self._from is None or self._until is None or begin < self._from:
            self._from = after = begin
        else:
            after = max(self._until - OVERLAP, self._from)
        flows = self._search(
            {
                "updatedAfter": after.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z"),
                "flowType": ["CustomerInvoiceLC"],
            }
        )
        for flow in flows:
            flow_number = clean_line(flow.get("flowId") or "", _MAX_FLOW_NUMBER)
            if not flow_number:
                logger.warning("A flow has no number")
                continue
            if flow_number not in self._read:
                self._take(flow_number)
                self._read.add(flow_number)
            try:
                # A date ahead of the clock would hide what is shown until then.
                updated_at = min(parse_moment(str(flow.get("updatedAt"))), timezone.now())
            except ValueError as undated:
                logger.warning("Flow %s has no date: %s", flow_number, undated)
                continue
            # Only after it was read: a download that fails is tried again.
            self._until = max(self._until or updated_at, updated_at)

    def _take(self, flow_number: str) -> None:
        content = self._download(flow_number)
        try:
            statuses = cdar.read_statuses(content)
        except Exception as unreadable:  # whatever a platform sends; the others are read
            logger.warning("The life-cycle message of flow %s cannot be read", flow_number, exc_info=unreadable)
            note_set_aside(
                source="Plateforme agréée : états des factures",
                reference=flow_number,
                reason=_UNREADABLE,
                at=timezone.now(),
            )
            return
        for one in statuses:
            self._statuses[one.invoice_number][one.message_id] = one
