"""Chorus Pro by its API: deposit of a Factur-X file, report of its integration, and history of the invoice.

A second deposit of the same number is refused as a duplicate. What counts is then the first one: the story is that of
the invoice with this number, whichever deposit brought it. Sources of the API and of its codes: docs/decisions/0116.
"""

import base64
import datetime
import logging
from collections.abc import Iterator
from typing import Any

from core.calendar import PARIS
from core.foreign_values import clean_line, from_timestamp, parse_moment
from licensing.books.billing.models import REASONED_STATES, PlatformState
from licensing.books.billing.transmission import platforms
from licensing.books.billing.transmission.accounts import ChorusProAccount
from licensing.books.billing.transmission.cdar import CollectionStatement
from licensing.books.billing.transmission.models import Transmission, TransmissionState

_SILENT = "Chorus Pro ne répond pas pour l'instant. La demande est refaite d'elle-même."
_NOT_ADMITTED = (
    "Chorus Pro n'admet pas notre compte : vérifiez les identifiants PISTE, le compte technique et ses habilitations. "
    "La demande est refaite d'elle-même."
)
_REFUSALS = (400, 422)


class PisteClient(platforms.TokenHttp):
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
        super().__init__(
            name="Chorus Pro",
            token_url=account.token_url,
            grant={"data": credentials},
            silent=_SILENT,
            not_admitted=_NOT_ADMITTED,
        )

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a request. Raises `PlatformSilent` or `PlatformRefuses`, in the platform's words."""
        response = self.request("POST", f"{self._api_base}{path}", headers=self._headers, json=body)
        if not response.ok and response.status_code not in _REFUSALS:
            raise platforms.PlatformSilent(_SILENT)
        answer = self.read_object(response)
        if not response.ok or (answer.get("codeRetour") or 0) not in (0, "0"):
            label = " ".join(str(answer.get("libelle") or "").split()) or f"erreur {response.status_code}"
            raise platforms.PlatformRefuses(f"Chorus Pro a refusé la demande : {label}")
        return answer


logger = logging.getLogger(__name__)

DEPOSIT_PATH = "/cpro/factures/v1/deposer/flux"
REPORT_PATH = "/cpro/transverses/v1/consulterCRDetaille"
SEARCH_PATH = "/cpro/factures/v1/rechercher/fournisseur"
HISTORY_PATH = "/cpro/factures/v1/consulter/historique"
#: A Factur-X file.
SYNTAX = "IN_DP_E2_CII_FACTURX"

_INTEGRATED = ("INTEGRE", "INTEGRE_PARTIEL")
_REJECTED = ("REJETE", "INCIDENTE", "IRRECEVABLE")
#: Chorus Pro's state of an invoice → ours, and in words where several are one of ours.
_STATES: dict[str, tuple[PlatformState, str]] = {
    "DEPOSEE": (PlatformState.DEPOSITED, ""),
    "MISE_A_DISPOSITION": (PlatformState.RECEIVED, ""),
    "PRISE_EN_COMPTE_DESTINATAIRE": (PlatformState.RECEIVED, "Prise en compte par le destinataire."),
    "A_RECYCLER": (PlatformState.TO_RECYCLE, ""),
    "SUSPENDUE": (PlatformState.SUSPENDED, ""),
    "COMPLETEE": (PlatformState.COMPLETED, ""),
    # The addressee's own decision: the platform's is the rejection of the file.
    "REJETEE": (PlatformState.REFUSED, ""),
    "SERVICE_FAIT": (PlatformState.APPROVED, "Service fait."),
    "MANDATEE": (PlatformState.APPROVED, "Mandatée."),
    "MISE_A_DISPOSITION_COMPTABLE": (PlatformState.APPROVED, "Mise à disposition du comptable."),
    "COMPTABILISEE": (PlatformState.APPROVED, "Comptabilisée."),
    "MISE_EN_PAIEMENT": (PlatformState.IN_PAYMENT, ""),
}
#: On its way inside Chorus Pro: says nothing that the state before does not.
_PASSING_STATES = frozenset({"EN_COURS_ACHEMINEMENT", "EN_COURS_TRAITEMENT_PIVOT_S", "INTERPRETEE_OCR", "BROUILLON"})
#: Letters of a code that are kept.
_MAX_CODE = 60
#: Pages of a history that are read at most.
_MAX_PAGES = 20
_INCIDENT = "Incident technique chez Chorus Pro : reprenez cet état, puis transmettez à nouveau."
_NO_REASON = "Chorus Pro ne donne pas de motif."


class ChorusPro:
    """Chorus Pro, as the supplier's technical account sees it."""

    def __init__(self, account: ChorusProAccount) -> None:
        self._client = PisteClient(account)

    def send(self, transmission: Transmission, pdf: bytes) -> str:
        """Deposit the Factur-X file; return the number of the deposit."""
        answer = self._client.post(
            DEPOSIT_PATH,
            {
                "fichierFlux": base64.b64encode(pdf).decode(),
                "nomFichier": f"{transmission.get_invoice().number}.pdf",
                "syntaxeFlux": SYNTAX,
                "avecSignature": False,
            },
        )
        return str(answer["numeroFluxDepot"])

    def fetch_story(self, transmission: Transmission) -> platforms.PlatformStory:
        """Fetch whether the file was integrated, and the history of the invoice."""
        report = self._client.post(REPORT_PATH, {"numeroFluxDepot": transmission.reference})
        state = str(report.get("etatCourantDepotFlux") or "").removeprefix("IN_")
        if state not in _INTEGRATED + _REJECTED:
            return platforms.PlatformStory(verdict=TransmissionState.SENT)
        invoice = self._find_invoice(transmission.get_invoice().number)
        if invoice is not None:
            entries, message = self._fetch_history(int(invoice["identifiantFactureCPP"]))
            return platforms.PlatformStory(verdict=TransmissionState.ACCEPTED, message=message, entries=entries)
        if state in _INTEGRATED and not _list_errors(report):
            # Integrated, and not searchable yet.
            return platforms.PlatformStory(verdict=TransmissionState.SENT)
        reason = " ".join(_list_errors(report)) or (_INCIDENT if state == "INCIDENTE" else _NO_REASON)
        rejection = platforms.StoryEntry(
            state=PlatformState.REJECTED,
            reason=reason,
            at=_read_report_moment(report) or transmission.sent_at or transmission.asked_at,
            external_id=f"deposit-{transmission.reference}",
        )
        return platforms.PlatformStory(verdict=TransmissionState.REJECTED, message=reason, entries=(rejection,))

    def declare_collected(self, statement: CollectionStatement) -> str:
        """Refuse: the payer's accountant tells Chorus Pro of the payment."""
        raise platforms.NotSupported(
            "Chorus Pro ne reçoit pas d'état du fournisseur : le comptable public y note le paiement."
        )

    def report(self, tracking_id: str, content: dict[str, Any]) -> str:
        """Refuse: Chorus Pro takes invoices to public bodies only."""
        raise platforms.NotSupported("Chorus Pro ne reçoit pas d'e-reporting : il passe par une plateforme agréée.")

    def _find_invoice(self, number: str) -> dict[str, Any] | None:
        answer = self._client.post(
            SEARCH_PATH,
            {
                "numeroFacture": number,
                "rechercheFactureParFournisseur": {"pageResultatDemandee": 1, "nbResultatsParPage": 10},
            },
        )
        found = [one for one in answer.get("listeFactures") or [] if one.get("numeroFacture") == number]
        return found[0] if found else None

    def _fetch_history(self, invoice_id: int) -> tuple[tuple[platforms.StoryEntry, ...], str]:
        """Return the states of an invoice, and what could not be read of them, in French."""
        entries, unknown, undated = [], [], []
        for line in self._list_history_lines(invoice_id):
            code = clean_line(line["histoStatutCode"], _MAX_CODE)
            if code in _PASSING_STATES:
                continue
            try:
                at = _read_moment(line.get("histoStatutDatePassage"))
            except ValueError:
                logger.warning("Chorus Pro gives an invoice the state %s at no moment", code)
                undated.append(code)
                continue
            if at is None:
                continue
            if code not in _STATES:
                logger.warning("Chorus Pro gives an invoice the unknown state %s", code)
                unknown.append(code)
                continue
            state, words = _STATES[code]
            comment = str(line.get("histoStatutCommentaire") or "")
            entries.append(
                platforms.StoryEntry(
                    state=state,
                    reason=comment or words or (_NO_REASON if state in REASONED_STATES else ""),
                    at=at,
                    external_id=clean_line(f"statut-{line.get('histoStatutId') or f'{code}-{at.isoformat()}'}", 120),
                )
            )
        messages = [f"Chorus Pro donne l'état « {', '.join(unknown)} », inconnu d'ici."] if unknown else []
        if undated:
            messages.append(f"Chorus Pro donne à l'état « {', '.join(undated)} » une date qui n'en est pas une.")
        return tuple(entries), " ".join(messages)

    def _list_history_lines(self, invoice_id: int) -> Iterator[dict[str, Any]]:
        for page in range(1, _MAX_PAGES + 1):
            answer = self._client.post(
                HISTORY_PATH,
                {
                    "idFacture": invoice_id,
                    "paramRechercheHistoStatuts": {"pageResultatDemandeeListeHistoStatut": page},
                },
            )
            history = answer.get("historiquesDesStatuts") or {}
            yield from history.get("histoStatut") or []
            if page >= int(history.get("pagesHistoStatut") or 1):
                return


def _read_report_moment(report: dict[str, Any]) -> datetime.datetime | None:
    """Return when a deposit came to its state, None if Chorus Pro does not say so: a rejection counts all the same."""
    try:
        return _read_moment(report.get("dateHeureEtatCourantFlux"))
    except ValueError:
        return None


def _list_errors(report: dict[str, Any]) -> list[str]:
    """Return why a deposit was not integrated, in Chorus Pro's words."""
    errors = [one.get("libelleErreurDP") for one in report.get("listeErreurDP") or []]
    errors += [one.get("libelleErreur") for one in report.get("listeErreurTechnique") or []]
    return [str(error) for error in errors if error]


def _read_moment(value: object) -> datetime.datetime | None:
    """Return a moment as Chorus Pro writes it: ISO with or without zone, or milliseconds; None if it has none.

    Raises `ValueError` for what is no moment.
    """
    if isinstance(value, int):
        return from_timestamp(value / 1000)
    return parse_moment(str(value), default_zone=PARIS) if value else None
