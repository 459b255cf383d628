"""An approved platform, by the API that they all have: XP Z12-013, « Flow Service » 1.3 (docs/decisions/0116).

What is sent is a « flow »: a Factur-X, a life-cycle message (CDAR) or a report (FRR), with our key as its tracking id.
The platform acknowledges a flow or not; what becomes of an invoice arrives as life-cycle messages, flows of theirs.
"""

import datetime
import hashlib
import json
import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Final

from django.utils import timezone
from requests import Response

from core.foreign_values import UnreadableJson, clean_line, parse_json_object, parse_moment
from jobs.set_aside import note_set_aside
from licensing.books.billing.models import REASONED_STATES, PlatformState
from licensing.books.billing.transmission import cdar, e_reporting_xml, platforms
from licensing.books.billing.transmission.accounts import ApprovedPlatformAccount
from licensing.books.billing.transmission.models import Transmission, TransmissionState
from licensing.orders.payers import BuyerKind

# Life-cycle messages that an approved platform keeps for us, each downloaded once by a process.
#
# The norm lets us ask for the messages since a moment, not for those of one invoice: what was read is kept by number,
# and only what is new is downloaded. A message that cannot be read, or has no date, is set aside for the operator, and
# the others are read.

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


_SILENT = "La plateforme agréée ne répond pas pour l'instant."
_NOT_ADMITTED = "La plateforme agréée n'admet pas notre compte : vérifiez ses identifiants et son organisation."
_MAX_MESSAGE = 1_000


class PlatformHttp(platforms.TokenHttp):
    """Calls to an approved platform. Shared by threads."""

    def __init__(self, account: ApprovedPlatformAccount) -> None:
        super().__init__(
            name="The approved platform",
            token_url=account.token_url,
            grant={"auth": (account.client_id, account.client_secret)},
            silent=_SILENT,
            not_admitted=_NOT_ADMITTED,
        )
        self._base_url = account.base_url.rstrip("/")
        self._headers = {"Organization-Id": account.organization} if account.organization else {}

    def call(self, method: str, path: str, **arguments: Any) -> Response:
        """Return the answer to a request. Raises `PlatformSilent` or `PlatformRefuses`."""
        answer = self.request(method, f"{self._base_url}{path}", headers=self._headers, **arguments)
        if not answer.ok:
            raise platforms.PlatformRefuses(f"La plateforme agréée a refusé la demande : {_read_error(answer)}")
        return answer

    def call_json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """Return the object that answers a request. Raises as `call` does."""
        return self.read_object(self.call(method, path, **arguments))


def _read_error(answer: Response) -> str:
    """Return the platform's words, or its code."""
    try:
        content = parse_json_object(answer.content, max_bytes=platforms.MAX_ANSWER_BYTES, mends_texts=True)
    except UnreadableJson:
        content = {}
    words = [str(content[name]) for name in ("errorMessage", "details", "errorCode") if content.get(name)]
    return (" – ".join(words) or f"erreur {answer.status_code}")[:_MAX_MESSAGE]


_INVOICE, _LIFECYCLE, _REPORT = "Factur-X", "CDAR", "FRR"
# Our Factur-X have the profile EN 16931.
_PROFILE: Final = "CIUS"
_NOT_APPLICABLE: Final = "NotApplicable"
_RULES: Final = {BuyerKind.TAXABLE: "B2B", BuyerKind.PUBLIC: "B2G"}
#: Largest page of a search that the norm allows.
_PAGE: Final = 100
# Acknowledgement of a flow that the platform has already: our request was repeated.
_REPEATED = "AlreadyExistingFlow"
# Motive of a 213 where the invoice's number is known already.
_KNOWN_NUMBER = ("(REJ_UNI)", "(DOUBLON)")
#: Status of XP Z12-012 → ours. 201, 202 and 204 change nothing for the seller.
_STATES: Final = {
    200: PlatformState.DEPOSITED,
    203: PlatformState.RECEIVED,
    205: PlatformState.APPROVED,
    206: PlatformState.DISPUTED,
    207: PlatformState.DISPUTED,
    208: PlatformState.SUSPENDED,
    209: PlatformState.COMPLETED,
    210: PlatformState.REFUSED,
    211: PlatformState.IN_PAYMENT,
    212: PlatformState.COLLECTED,
    213: PlatformState.REJECTED,
    501: PlatformState.REJECTED,
}
_PARTLY_APPROVED, _REJECTED = 206, 213


#: Why no report is sent, in words for the operator.
NO_NUMBER = (
    "Le matricule de votre plateforme agréée n'est pas indiqué sur le serveur (APPROVED_PLATFORM_NUMBER) : "
    "l'administration le demande dans chaque déclaration."
)


class ApprovedPlatform:
    """The platform of invoices to businesses, and to public bodies where the operator chose so.

    `InvoicePlatform` says what its methods do and raise.
    """

    def __init__(self, account: ApprovedPlatformAccount) -> None:
        self.account = account
        self.http = PlatformHttp(account)
        self.inbox = LifecycleInbox(search=self._search, download=self._download)

    def send(self, transmission: Transmission, pdf: bytes) -> str:
        """Send the Factur-X."""
        invoice = transmission.get_invoice()
        return self._deposit(
            transmission.tracking_id,
            content=pdf,
            name=f"{invoice.number}.pdf",
            syntax=_INVOICE,
            rule=_RULES[BuyerKind(invoice.buyer_kind)],
            profile=_PROFILE,
        )

    def fetch_story(self, transmission: Transmission) -> platforms.PlatformStory:
        """Fetch the acknowledgement, and for an invoice the life-cycle messages that name it."""
        flows = self._find_own(transmission.tracking_id) or [self._fetch_metadata(transmission.reference)]
        verdict, message = _read_acknowledgement(flows)
        if flows[0].get("flowSyntax") != _INVOICE:
            return platforms.PlatformStory(verdict=verdict, message=message)
        since = transmission.sent_at or transmission.asked_at
        statuses = self.inbox.list_statuses(transmission.get_invoice().number, since=since)
        if len(flows) > 1:
            # Sent twice, since the first answer was lost: that the second one is known already is no rejection.
            statuses = [one for one in statuses if not (one.code == _REJECTED and one.reason.endswith(_KNOWN_NUMBER))]
        entries = tuple(_to_entry(one) for one in statuses if one.code in _STATES and not one.is_ours)
        rejections = [one for one in entries if one.state == PlatformState.REJECTED]
        if rejections:
            return platforms.PlatformStory(
                verdict=TransmissionState.REJECTED, message=rejections[-1].reason, entries=entries
            )
        # A status says more than an acknowledgement that is still pending.
        return platforms.PlatformStory(
            verdict=TransmissionState.ACCEPTED if entries else verdict, message=message, entries=entries
        )

    def declare_collected(self, statement: cdar.CollectionStatement) -> str:
        """Send « 212 encaissée »: the only state that a seller declares here."""
        if not statement.buyer_siren:
            raise platforms.NotSupported(
                "Une plateforme agréée ne reçoit de nous que l'encaissement, d'un acheteur qui a un SIREN."
            )
        return self._deposit(
            statement.message_id,
            content=cdar.write_collected(statement),
            name=f"{statement.invoice_number}-{cdar.COLLECTED}.xml",
            syntax=_LIFECYCLE,
            rule=_NOT_APPLICABLE,
        )

    def report(self, tracking_id: str, content: dict[str, Any]) -> str:
        """Send the report of a period, as the norm's flow 10."""
        number, name = self.account.number, self.account.name
        if not number:
            raise platforms.NotSupported(NO_NUMBER)
        try:
            report = e_reporting_xml.write_report(tracking_id, content, platform_number=number, platform_name=name)
        except e_reporting_xml.UnreportableAmount:
            raise platforms.NotSupported(e_reporting_xml.UNREPORTABLE) from None
        file_name = f"{tracking_id}.xml"
        return self._deposit(tracking_id, content=report, name=file_name, syntax=_REPORT, rule=_NOT_APPLICABLE)

    def _deposit(
        self, tracking_id: str, *, content: bytes, name: str, syntax: str, rule: str, profile: str = ""
    ) -> str:
        """Send a flow unless the platform has it; return its number. It does not compare tracking ids: we do."""
        known = [one for one in self._find_own(tracking_id) if one["acknowledgement"]["status"] != "Error"]
        if known:
            return str(known[0]["flowId"])
        information = {
            "trackingId": tracking_id,
            "name": name,
            "flowSyntax": syntax,
            "processingRule": rule,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        if profile:
            information["flowProfile"] = profile
        media_type = "application/pdf" if syntax == _INVOICE else "application/xml"
        answer = self.http.call_json(
            "POST",
            "/v1/flows",
            files={
                "flowInfo": (None, json.dumps(information).encode(), "application/json"),
                "file": (name, content, media_type),
            },
        )
        number = answer.get("flowId")
        if not number:
            raise platforms.PlatformRefuses("La plateforme n'a pas donné de numéro à l'envoi.")
        return str(number)

    def _find_own(self, tracking_id: str) -> list[dict[str, Any]]:
        """Return the flows that we sent under this tracking id, the first one first."""
        return [one for one in self._search({"trackingId": tracking_id}) if one.get("flowDirection") != "In"]

    def _search(self, where: dict[str, Any]) -> list[dict[str, Any]]:
        """Return all flows that match, in the order of their update."""
        found: list[dict[str, Any]] = []
        body: dict[str, Any] = {"limit": _PAGE, "where": where}
        while True:
            answer = self.http.call_json("POST", "/v1/flows/search", json=body)
            found += answer.get("results", [])
            cursor = answer.get("nextCursor")
            if not cursor or cursor == body.get("cursor"):
                return found
            body["cursor"] = cursor

    def _fetch_metadata(self, number: str) -> dict[str, Any]:
        return self.http.call_json("GET", f"/v1/flows/{number}", params={"docType": "Metadata"})

    def _download(self, number: str) -> bytes:
        content: bytes = self.http.call("GET", f"/v1/flows/{number}", params={"docType": "Original"}).content
        return content


def _read_acknowledgement(flows: list[dict[str, Any]]) -> tuple[TransmissionState, str]:
    """Return the verdict over the flows of one tracking id, and why it was refused: one that is taken is enough."""
    by_status = {one["acknowledgement"]["status"]: one["acknowledgement"] for one in flows}
    if "Ok" in by_status:
        return TransmissionState.ACCEPTED, ""
    if "Error" not in by_status or "Pending" in by_status:
        return TransmissionState.SENT, ""
    details = by_status["Error"].get("details", [])
    if any(one.get("reasonCode") == _REPEATED for one in details):
        # It has the flow, under a number that it does not show yet.
        return TransmissionState.SENT, ""
    lines = [f"{one.get('reasonMessage', '')} ({one.get('reasonCode', '')})" for one in details]
    return TransmissionState.REJECTED, "\n".join(lines) or "Refusée par la plateforme, sans motif."


def _to_entry(status: cdar.LifecycleStatus) -> platforms.StoryEntry:
    state, reason = _STATES[status.code], status.reason
    if status.code == _PARTLY_APPROVED:
        reason = f"Approuvée en partie seulement. {reason}".strip()
    if not reason and state in REASONED_STATES:
        reason = "La plateforme ne donne pas de motif."
    return platforms.StoryEntry(state=state, reason=reason, at=status.at, external_id=_short_id(status.message_id))


def _short_id(message_id: str) -> str:
    # The norm sets no length.
    return message_id if len(message_id) <= 120 else hashlib.sha256(message_id.encode()).hexdigest()  # noqa: PLR2004
