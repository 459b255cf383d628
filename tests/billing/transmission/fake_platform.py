"""An approved platform on a local port: XP Z12-013, « Flow Service » 1.3, over real HTTP.

It checks the token, the shape of a flow, its sum, and by syntax the Factur-X (XSD, schematrons of EN 16931 and of
France), the life-cycle message and the report. It can be late, repeat itself, go down, lose an answer, or forget
tokens.
"""

import base64
import datetime
import email.parser
import email.policy
import hashlib
import itertools
import json
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

from lxml import etree
from pypdf import PdfReader

from tests.billing.schematron import list_violations
from tests.billing.transmission.lifecycle_messages import write_lifecycle_message

CLIENT_ID, CLIENT_SECRET, ORGANIZATION = "peps", "not-a-secret", "123456789"
_FLOW_INFO = {"trackingId", "name", "processingRule", "flowSyntax", "flowProfile", "sha256", "flowType"}
_WHERE = {"updatedAfter", "updatedBefore", "processingRule", "flowType", "flowDirection", "trackingId", "ackStatus"}
_SYNTAXES = {"CII", "UBL", "Factur-X", "CDAR", "FRR"}
_RULES = {"B2B", "B2BInt", "B2C", "B2G", "OutOfScope", "ArchiveOnly", "NotApplicable"}
_RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"


class FakePlatformError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"errorCode": code, "errorMessage": message}


class FakePlatform:
    """The platform's memory, and what a test changes of its behaviour."""

    def __init__(self) -> None:
        self.url = ""
        self.flows: list[dict] = []
        self.contents: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.down = False
        # Requests to these paths are served, and the connection is cut before the answer.
        self.cut_after: list[str] = []
        # Flows are kept, and shown by no search until `show_all`.
        self.hides_new = False
        # Acknowledgements stay « Pending » until `acknowledge_all`.
        self.is_late = False
        # Whether a life-cycle message says that an invoice was deposited, as it should.
        self.gives_deposit_status = True
        # Whether a file that was received already is refused as such.
        self.compares_sums = True
        # Every answer of the API is a page of text.
        self.answers_text = False
        self.page_size = 100
        self.tokens: set[str] = set()
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self.clock = datetime.datetime.now(datetime.UTC)

    # --- what a test does -------------------------------------------------------------------------------------------
    def give_status(self, number: str, code: int, **details) -> str:
        """Make a life-cycle message about an invoice; return the number of its flow."""
        return self.add_message(write_lifecycle_message(number=number, code=code, **details))

    def add_message(self, content: bytes) -> str:
        with self._lock:
            return self._keep(
                content,
                {
                    "name": "cdv.xml",
                    "flowSyntax": "CDAR",
                    "processingRule": "NotApplicable",
                    "flowProfile": "Undefined",
                },
                flow_type="CustomerInvoiceLC",
                direction="In",
            )

    def repeat_messages(self) -> None:
        """Offer every life-cycle message once more, in the opposite order, as flows of their own."""
        for flow in [one for one in reversed(self.flows) if one["flowDirection"] == "In"]:
            self.add_message(self.contents[flow["flowId"]])

    def show_all(self) -> None:
        self.hides_new = False
        for flow in self.flows:
            flow["_hidden"] = False

    def acknowledge_all(self) -> None:
        self.is_late = False
        for flow in self.flows:
            if flow["acknowledgement"]["status"] == "Pending":
                self._touch(flow, acknowledgement=flow["_verdict"])

    def expire_tokens(self) -> None:
        self.tokens.clear()

    def list_sent(self, syntax: str = "Factur-X") -> list[dict]:
        return [one for one in self.flows if one["flowDirection"] == "Out" and one["flowSyntax"] == syntax]

    def count_requests(self, path: str) -> int:
        return sum(one == ("POST", path) for one in self.requests)

    # --- the API ----------------------------------------------------------------------------------------------------
    def answer(self, method: str, path: str, body: bytes, headers) -> tuple[dict | bytes, int]:
        with self._lock:
            address = urllib.parse.urlsplit(path)
            self.requests.append((method, address.path))
            if self.down:
                raise FakePlatformError(503, "RESOURCE_ERROR", "Service indisponible")
            if address.path == "/token":
                return self._give_token(body, headers), 200
            if headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
                raise FakePlatformError(401, "INVALID_TOKEN", "Jeton inconnu ou expiré")
            if headers.get("Organization-Id") != ORGANIZATION:
                raise FakePlatformError(403, "FORBIDDEN_ACCESS", "Organisation inconnue")
            route = address.path.removeprefix("/flow-service/v1")
            if (method, route) == ("POST", "/flows"):
                return self._take(body, headers), 202
            if (method, route) == ("POST", "/flows/search"):
                return self._search(json.loads(body)), 200
            if method == "GET" and route.startswith("/flows/"):
                query = dict(urllib.parse.parse_qsl(address.query))
                return self._get(route.rpartition("/")[2], query.get("docType", "Metadata")), 200
            raise FakePlatformError(404, "MISSING_RESOURCE", "Ressource inconnue")

    def _give_token(self, body: bytes, headers) -> dict:
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if headers.get("Authorization") != f"Basic {expected}":
            raise FakePlatformError(401, "invalid_client", "Client inconnu")
        if dict(urllib.parse.parse_qsl(body.decode())) != {"grant_type": "client_credentials"}:
            raise FakePlatformError(400, "unsupported_grant_type", "Seulement client_credentials")
        token = f"token-{next(self._numbers)}"
        self.tokens.add(token)
        return {"access_token": token, "token_type": "Bearer", "expires_in": 300}

    def _take(self, body: bytes, headers) -> dict:
        information, content, media_type = _parse_multipart(body, headers["Content-Type"])
        if not {"name", "flowSyntax"} <= set(information) <= _FLOW_INFO:
            raise FakePlatformError(400, "MISSING_REQUIRED_FIELD", f"flowInfo : {sorted(information)}")
        if len(information["name"]) > 255 or len(information.get("trackingId", "")) > 64:
            raise FakePlatformError(400, "INVALID_FIELD", "name ou trackingId trop long")
        if information["flowSyntax"] not in _SYNTAXES or information.get("processingRule") not in _RULES:
            raise FakePlatformError(400, "INVALID_FIELD", "flowSyntax ou processingRule inconnu")
        if information.get("sha256") not in (None, hashlib.sha256(content).hexdigest()):
            raise FakePlatformError(422, "ChecksumMismatch", "L'empreinte ne correspond pas au fichier")
        if not content:
            raise FakePlatformError(422, "EmptyFlow", "Le flux est vide")
        expected = "application/pdf" if information["flowSyntax"] == "Factur-X" else "application/xml"
        if media_type != expected:
            raise FakePlatformError(422, "FlowTypeError", f"{media_type} au lieu de {expected}")
        number = self._keep(content, information, flow_type="CustomerInvoice", direction="Out")
        self._check(number, information["flowSyntax"], content)
        flow = self._find(number)
        if self.is_late:
            flow["acknowledgement"] = {"status": "Pending"}
        return {
            "flowId": number,
            "submittedAt": flow["submittedAt"],
            **{name: information[name] for name in information if name != "flowType"},
        }

    def _check(self, number: str, syntax: str, content: bytes) -> None:
        """Acknowledge a flow or not; say by a message what becomes of an invoice."""
        flow, problems = self._find(number), []
        same = [one for one in self.list_sent(syntax) if one is not flow and one["sha256"] == flow["sha256"]]
        if same and self.compares_sums:
            self._refuse(flow, "AlreadyExistingFlow", "Ce flux a déjà été reçu.")
            return
        if syntax == "Factur-X":
            problems = self._check_invoice(flow, content)
        elif syntax == "CDAR":
            problems = list_collected_problems(content)
        if problems:
            code = "InvalidSchema" if syntax != "CDAR" else "InvoiceLCRuleError"
            self._refuse(flow, code, " ; ".join(problems))

    def _check_invoice(self, flow: dict, content: bytes) -> list[str]:
        xml = read_factur_x(content)
        if xml is None:
            return ["Le PDF ne porte pas de factur-x.xml"]
        if problems := list_violations(xml):
            return problems
        number = etree.fromstring(xml.encode()).findtext(f".//{{*}}ExchangedDocument/{_RAM}ID")
        known = [one for one in self.list_sent() if one is not flow and one.get("_invoice") == number]
        flow["_invoice"] = number
        if known:
            self.give_status(number, 213, reasons=[("REJ_UNI", "Numéro déjà connu")], at=self._now())
        elif self.gives_deposit_status:
            self.give_status(number, 200, at=self._now())
        return []

    def _refuse(self, flow: dict, code: str, message: str) -> None:
        detail = {"level": "Error", "item": "flow", "reasonCode": code, "reasonMessage": message}
        self._touch(flow, acknowledgement={"status": "Error", "details": [detail]})
        flow["_verdict"] = flow["acknowledgement"]

    def _search(self, body: dict) -> dict:
        where = body["where"]
        if not where or not set(where) <= _WHERE or not 1 <= body.get("limit", 25) <= 100:
            raise FakePlatformError(400, "INVALID_CRITERIA", "Critères refusés")
        found = [
            one
            for one in sorted(self.flows, key=lambda one: one["updatedAt"])
            if not one["_hidden"]
            and where.get("trackingId", one.get("trackingId")) == one.get("trackingId")
            and one["flowType"] in where.get("flowType", [one["flowType"]])
            and one["updatedAt"] > where.get("updatedAfter", "")
        ]
        begin, size = int(body.get("cursor", 0)), min(self.page_size, body.get("limit", 25))
        answer = {"limit": size, "filters": where, "results": [_shown(one) for one in found[begin : begin + size]]}
        if begin + size < len(found):
            answer["nextCursor"] = str(begin + size)
        return answer

    def _get(self, number: str, doc_type: str) -> dict | bytes:
        if number not in self.contents:
            raise FakePlatformError(404, "MISSING_RESOURCE", "Ce flux n'existe pas")
        return _shown(self._find(number)) if doc_type == "Metadata" else self.contents[number]

    def _keep(self, content: bytes, information: dict, *, flow_type: str, direction: str) -> str:
        number = f"flow-{next(self._numbers):05d}"
        moment = self._now().isoformat().replace("+00:00", "Z")
        self.contents[number] = content
        self.flows.append(
            {
                "flowProfile": "Undefined",
                **information,
                "sha256": hashlib.sha256(content).hexdigest(),
                "flowId": number,
                "submittedAt": moment,
                "updatedAt": moment,
                "flowType": flow_type,
                "flowDirection": direction,
                "processingRuleSource": "Input",
                "acknowledgement": {"status": "Ok"},
                "_verdict": {"status": "Ok"},
                "_hidden": self.hides_new,
            }
        )
        return number

    def _find(self, number: str) -> dict:
        return next(one for one in self.flows if one["flowId"] == number)

    def _touch(self, flow: dict, **changes) -> None:
        flow.update(changes, updatedAt=self._now().isoformat().replace("+00:00", "Z"))

    def _now(self) -> datetime.datetime:
        # Strictly growing, as the norm asks of `updatedAt`.
        self.clock += datetime.timedelta(milliseconds=1)
        return self.clock


def read_factur_x(content: bytes) -> str | None:
    """Return the XML that a PDF embeds, if it does."""
    attachments = PdfReader(BytesIO(content)).attachments
    return attachments["factur-x.xml"][0].decode() if "factur-x.xml" in attachments else None


def list_collected_problems(content: bytes) -> list[str]:
    """Return what the French rules of life-cycle messages (BR-FR-CDV) refuse of « encaissée », in short."""
    root = etree.fromstring(content)
    texts = {name: [one.text for one in root.iter(f"{_RAM}{name}")] for name in ("ProcessConditionCode", "GlobalID")}
    amounts = [
        one for one in root.iter(f"{_RAM}SpecifiedDocumentCharacteristic") if one.findtext(f"{_RAM}TypeCode") == "MEN"
    ]
    rules = {
        "BR-FR-CDV-12": texts["ProcessConditionCode"] == ["212"],
        "BR-FR-CDV-14": amounts
        and all(
            re.fullmatch(r"-?[0-9]+\.[0-9]{2}", one.findtext(f"{_RAM}ValueAmount", ""))
            and one.find(f"{_RAM}ValueAmount").get("currencyID") == "EUR"
            and re.fullmatch(r"[0-9]{1,2}\.[0-9]{2}", one.findtext(f"{_RAM}ValuePercent", ""))
            for one in amounts
        ),
        "BR-FR-CDV-08": root.find(f".//{_RAM}RecipientTradeParty/{_RAM}URIUniversalCommunication") is not None,
        "BR-FR-CDV-16": root.find(f".//{_RAM}SpecifiedDocumentStatus/{_RAM}SequenceNumeric") is not None,
        "G6.26": all(re.fullmatch(r"[0-9]{9}|0000", one) for one in texts["GlobalID"]),
    }
    return [rule for rule, kept in rules.items() if not kept]


def _shown(flow: dict) -> dict:
    return {name: value for name, value in flow.items() if not name.startswith("_") and name != "sha256"}


def _parse_multipart(body: bytes, content_type: str) -> tuple[dict, bytes, str]:
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        f"Content-Type: {content_type}\r\n\r\n".encode() + body
    )
    parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
    if set(parts) != {"flowInfo", "file"} or parts["flowInfo"].get_content_type() != "application/json":
        raise FakePlatformError(400, "MISSING_REQUIRED_FIELD", "flowInfo (JSON) et file sont attendus")
    file = parts["file"]
    content: Any = file.get_payload(decode=True)
    return json.loads(parts["flowInfo"].get_content()), content, file.get_content_type()


class _PlatformHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    platform: FakePlatform

    def do_GET(self):
        self._serve("GET")

    def do_POST(self):
        self._serve("POST")

    def _serve(self, method: str):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            answer, status = self.platform.answer(method, self.path, body, self.headers)
        except FakePlatformError as refusal:
            answer, status = refusal.body, refusal.status
        if self.path in self.platform.cut_after:
            self.platform.cut_after.remove(self.path)
            self.close_connection = True
            return
        if self.platform.answers_text and self.path != "/token":
            answer = b"<html>Maintenance</html>"
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(answer, bytes) else "application/json"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class FakePlatformServer:
    """Serve a fake platform on a local port within a `with` block."""

    def __enter__(self) -> FakePlatform:
        self.platform = FakePlatform()
        handler = type("Handler", (_PlatformHandler,), {"platform": self.platform})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.platform.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self.platform

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
