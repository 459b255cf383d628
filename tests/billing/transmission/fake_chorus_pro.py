"""A fake Chorus Pro behind a fake PISTE, over real HTTP: tokens, deposits, their integration, the history of invoices.

It refuses what Chorus Pro is documented to refuse (docs/decisions/0116): a wrong or expired token, another technical
account, what is no base64 of a Factur-X file, an XML that the XSD or the schematrons refuse, a number of more than 20
characters or one that was deposited before, an unknown payer, a payer's service that is missing.
"""

import base64
import binascii
import datetime
import itertools
import json
import random
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from facturx import get_xml_from_pdf, xml_check_xsd

from licensing.books.billing.transmission import chorus_pro
from licensing.books.billing.transmission.accounts import ChorusProAccount
from tests.billing.schematron import list_violations
from tests.billing.xml_text import xml_texts

CLIENT_ID, CLIENT_SECRET = "piste-client", "notasecret-client"
LOGIN, PASSWORD = "TECH_1_peps@cpro.fr", "notasecret-technical"
_DEPOSIT_FIELDS = {"fichierFlux", "nomFichier", "syntaxeFlux", "avecSignature"}


@dataclass
class FakeChorusPro:
    """Its deposits and invoices, and how it behaves."""

    #: SIRET of the bodies it knows → whether they ask for a service.
    bodies: dict[str, bool] = field(default_factory=dict)
    deposits: dict[str, dict] = field(default_factory=dict)
    invoices: dict[str, dict] = field(default_factory=dict)
    #: Each request to the API: its path and body.
    requests: list[tuple[str, dict]] = field(default_factory=list)
    #: What the next requests meet, one each: « 503 », « cut » (done, and no answer), « garbage », « 403 ».
    troubles: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    tokens_given: int = 0
    token_lifetime: int = 3600
    #: When its history begins; each state comes an hour after the one before.
    begins_at: datetime.datetime = datetime.datetime(2026, 11, 24, 11, 8)  # noqa: DTZ001 - Chorus Pro writes no zone
    url: str = ""
    _numbers: itertools.count = field(default_factory=lambda: itertools.count(1))
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def account(self) -> ChorusProAccount:
        return ChorusProAccount(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            login=LOGIN,
            password=PASSWORD,
            token_url=f"{self.url}/api/oauth/token",
            api_base=self.url,
        )

    # --- actions of a test ------------------------------------------------------------------------------------------
    def integrate(self) -> None:
        """Integrate or reject all that was deposited, as the night's run does."""
        with self.lock:
            for number, deposit in self.deposits.items():
                if deposit["state"] != "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP":
                    continue
                deposit["errors"] = self._find_errors(deposit)
                deposit["state"] = "IN_REJETE" if deposit["errors"] else "IN_INTEGRE"
                if not deposit["errors"]:
                    invoice = deposit["invoice"]
                    self.invoices[invoice] = {"id": next(self._numbers), "deposit": number, "history": []}
                    self.move(invoice, "DEPOSEE")

    def move(self, invoice: str, state: str, comment: str = "") -> None:
        """Bring an invoice to a state."""
        history = self.invoices[invoice]["history"]
        at = self.begins_at + len(history) * datetime.timedelta(hours=1)
        history.append(
            {
                "histoStatutId": next(self._numbers),
                "histoStatutCode": state,
                "histoStatutDatePassage": at.strftime("%Y-%m-%d %H:%M"),
                "histoStatutCommentaire": comment,
            }
        )

    def expire_tokens(self) -> None:
        """Forget the tokens before their time."""
        self.tokens.clear()

    # --- the API ----------------------------------------------------------------------------------------------------
    def give_token(self, form: dict[str, str]) -> tuple[int, dict]:
        expected = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        if form != expected | {"scope": "openid"}:
            return 400, {"error": "invalid_client"}
        self.tokens_given += 1
        token = f"notasecret-token-{self.tokens_given}"
        self.tokens.add(token)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.token_lifetime}

    def answer(self, path: str, body: dict, headers) -> tuple[int, dict]:
        with self.lock:
            self.requests.append((path, body))
            if headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
                return 401, {"error": "invalid_token"}
            if headers.get("cpro-account") != base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode():
                return 401, {"codeRetour": 401, "libelle": "Compte technique inconnu"}
            services = {
                chorus_pro.DEPOSIT_PATH: self._deposit,
                chorus_pro.REPORT_PATH: self._report,
                chorus_pro.SEARCH_PATH: self._search,
                chorus_pro.HISTORY_PATH: self._get_history,
            }
            return (200, services[path](body)) if path in services else (404, {})

    def _deposit(self, body: dict) -> dict:
        if body.keys() != _DEPOSIT_FIELDS or body["syntaxeFlux"] != "IN_DP_E2_CII_FACTURX" or body["avecSignature"]:
            return {"codeRetour": 1, "libelle": "Paramètre inconnu ou manquant"}
        try:
            content = base64.b64decode(body["fichierFlux"], validate=True)
        except binascii.Error:
            return {"codeRetour": 2, "libelle": "Le fichier n'est pas encodé en base 64"}
        if not content.startswith(b"%PDF"):
            return {"codeRetour": 3, "libelle": "Le fichier n'est pas un PDF"}
        number = f"CPP{next(self._numbers):019}"
        self.deposits[number] = {"content": content, "state": "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP"}
        return {"codeRetour": 0, "libelle": "GCU_MSG_01_000", "numeroFluxDepot": number, "dateDepot": "2026-11-24"}

    def _find_errors(self, deposit: dict) -> list[str]:
        _, content = get_xml_from_pdf(deposit["content"], check_xsd=False)
        xml_check_xsd(content, flavor="factur-x", level="en16931")
        xml = content.decode()
        (number,) = xml_texts(xml, "ExchangedDocument/ID")
        deposit["invoice"] = number
        errors = list_violations(xml)
        if xml_texts(xml, "BusinessProcessSpecifiedDocumentContextParameter/ID") not in (["A1"], ["A2"]):
            errors.append("Le cadre de facturation est inconnu.")
        if len(number) > 20:
            errors.append("Le numéro de facture dépasse 20 caractères.")
        if number in self.invoices:
            errors.append(f"La facture {number} existe déjà pour ce fournisseur.")
        siret = xml_texts(xml, "BuyerTradeParty/GlobalID")
        if not siret or siret[0] not in self.bodies:
            errors.append("Le destinataire n'est pas connu de Chorus Pro.")
        elif self.bodies[siret[0]] and not xml_texts(xml, "BuyerReference"):
            errors.append("Le code service est obligatoire pour ce destinataire.")
        return errors

    def _report(self, body: dict) -> dict:
        deposit = self.deposits.get(body["numeroFluxDepot"])
        if deposit is None:
            return {"codeRetour": 4, "libelle": "Flux inconnu"}
        errors = [{"numeroDP": deposit["invoice"], "libelleErreurDP": one} for one in deposit.get("errors", [])]
        return {
            "codeRetour": 0,
            "libelle": "TRA_MSG_00.000",
            "etatCourantDepotFlux": deposit["state"],
            "dateHeureEtatCourantFlux": "2026-11-24T11:12:24.777+01:00",
            "listeErreurDP": errors,
        }

    def _search(self, body: dict) -> dict:
        if body["rechercheFactureParFournisseur"]["pageResultatDemandee"] != 1:
            return {"codeRetour": 0, "listeFactures": []}
        # By the beginning of the number, as its own page does.
        found = [
            {"identifiantFactureCPP": one["id"], "numeroFacture": number, "statut": one["history"][-1]}
            for number, one in self.invoices.items()
            if number.startswith(body["numeroFacture"])
        ]
        return {"codeRetour": 0, "listeFactures": found}

    def _get_history(self, body: dict) -> dict:
        (number, invoice) = next(item for item in self.invoices.items() if item[1]["id"] == body["idFacture"])
        # Two lines a page, each twice, in no order: a page is read while the invoice moves.
        page = body["paramRechercheHistoStatuts"]["pageResultatDemandeeListeHistoStatut"]
        lines = invoice["history"][2 * page - 2 : 2 * page] * 2
        random.shuffle(lines)
        return {
            "codeRetour": 0,
            "idFacture": invoice["id"],
            "numeroFacture": number,
            "historiquesDesStatuts": {
                "histoStatut": lines,
                "pagesHistoStatut": -(-len(invoice["history"]) // 2),
            },
        }


class _ChorusProHandler(BaseHTTPRequestHandler):
    fake: FakeChorusPro

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/oauth/token":
            self._send(*self.fake.give_token(dict(urllib.parse.parse_qsl(body.decode()))))
            return
        trouble = self.fake.troubles.pop(0) if self.fake.troubles else ""
        if trouble == "503":
            self._send(503, {"error": "unavailable"})
            return
        if trouble == "403":
            self._send(403, {"error": "forbidden"})
            return
        status, answer = self.fake.answer(self.path, json.loads(body), self.headers)
        if trouble == "cut":
            # What was asked is done, and nobody hears of it.
            self.close_connection = True
        elif trouble == "garbage":
            self._send(200, None)
        else:
            self._send(status, answer)

    def _send(self, status: int, answer: dict | None):
        body = b"<html>Maintenance</html>" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class FakeChorusProServer:
    """Serve a fake Chorus Pro on a local port within a `with` block."""

    def __enter__(self) -> FakeChorusPro:
        fake = FakeChorusPro()
        handler = type("Handler", (_ChorusProHandler,), {"fake": fake})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        fake.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return fake

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
