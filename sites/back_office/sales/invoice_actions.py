"""Admin actions on invoices: record their platform status, reissue those that were turned down."""

from __future__ import annotations

import datetime

from django.utils import timezone

from accounts.models import User
from licensing.billing import operations as billing_operations
from licensing.billing.models import Invoice
from licensing.billing.operations import list_next_states
from licensing.billing.transmission.models import TransmissionKind
from licensing.billing.transmission.operations import get_latest_transmission, give_up, list_silent
from licensing.orders import payers
from sites.back_office.sales.admin_actions import AdminAction
from sites.back_office.sales.forms import PlatformStatusForm, ReasonForm, TakingBackForm


def is_turned_down(invoice: Invoice) -> bool:
    """Whether the invoice was turned down and no credit note cancels it yet."""
    return Invoice.objects.rejected().filter(pk=invoice.pk).exists()


def _record_status(invoice: Invoice, *, state: str, reason: str, by: User, at: datetime.datetime) -> str:
    status = billing_operations.record_platform_status(invoice_id=invoice.pk, state=state, reason=reason, by=by, at=at)
    return f"{invoice} : {status.get_state_display().lower()}."


def _take_back(invoice: Invoice, *, reason: str, by: User, at: datetime.datetime) -> str:
    last = invoice.get_latest_status()
    if last is None:
        return f"{invoice} n'a pas d'état à reprendre."
    billing_operations.take_back_platform_status(status_id=last.pk, reason=reason, by=by, at=at)
    before = invoice.get_latest_status()
    return f"État repris. {invoice} : {before.get_state_display().lower() if before else 'sans état'}."


def _explain_taking_back(invoice: Invoice, _at: datetime.datetime) -> list[str]:
    last = invoice.get_latest_status()
    state = last.get_state_display().lower() if last else "sans état"
    return [
        f"{invoice} est « {state} ». Noté par erreur, cet état est repris : la facture revient à celui d'avant.",
        "Rien ne s'efface : l'état et sa reprise restent dans l'historique.",
    ]


def _reissue(invoice: Invoice, *, reason: str, by: User, at: datetime.datetime) -> str:
    issued = billing_operations.reissue_invoice(invoice_id=invoice.pk, reason=reason, by=by, at=at)
    return f"{invoice} annulée par l'avoir {invoice.get_cancelling_note()} ; facture {issued} émise."


def _explain_reissue(invoice: Invoice, _at: datetime.datetime) -> list[str]:
    missing = [one.sentence for one in payers.check_order(invoice.order).missing]
    return [
        f"Un avoir annule {invoice}, et une facture est émise sous un nouveau numéro.",
        "Elle porte les références que la commande a maintenant : complétez-les d'abord si le rejet venait de là.",
        *missing,
        "Les droits ne changent pas, et l'acheteur reçoit la nouvelle facture.",
    ]


def _is_unanswered(invoice: Invoice) -> bool:
    """Whether the platform has not answered the invoice's transmission for two days."""
    silent = list_silent(timezone.now()).filter(invoice=invoice, kind=TransmissionKind.INVOICE)
    return silent.exists() and not invoice.statuses.exclude(external_id="").exists()


def _give_up(invoice: Invoice, *, reason: str, by: User, at: datetime.datetime) -> str:
    sent = get_latest_transmission(invoice)
    if sent is None:
        return f"{invoice} n'a pas été transmise."
    give_up(transmission_id=sent.pk, reason=reason, by=by, at=at)
    return f"{invoice} est de nouveau à déposer."


INVOICE_ACTIONS: tuple[AdminAction[Invoice], ...] = (
    AdminAction(
        path="refaire",
        label="Refaire sous un nouveau numéro",
        is_available=is_turned_down,
        explanation=_explain_reissue,
        run=_reissue,
        form=ReasonForm,
        initial=lambda invoice, _at: {"reason": getattr(invoice.get_latest_status(), "reason", "")},
    ),
    AdminAction(
        path="etat",
        label="Noter son état sur la plateforme",
        is_available=lambda invoice: bool(list_next_states(invoice)),
        explanation=lambda _invoice, _at: [
            "Recopiez ce que dit Chorus Pro, ou la plateforme agréée. Un état noté par erreur se reprend ensuite.",
        ],
        run=_record_status,
        form=PlatformStatusForm,
    ),
    AdminAction(
        path="ne-plus-attendre",
        label="Ne plus attendre la plateforme",
        is_available=_is_unanswered,
        explanation=lambda invoice, _at: [
            f"La plateforme n'a pas répondu depuis deux jours. {invoice} revient parmi les factures à déposer.",
            "Demandez-lui d'abord ce qu'elle en a reçu. Une facture qu'elle aurait déjà ne sera pas prise deux fois.",
        ],
        run=_give_up,
        form=TakingBackForm,
        primary=False,
    ),
    AdminAction(
        path="reprendre",
        label="Reprendre le dernier état",
        is_available=lambda invoice: invoice.get_latest_status() is not None,
        explanation=_explain_taking_back,
        run=_take_back,
        form=TakingBackForm,
        primary=False,
    ),
)
