"""Admin actions on orders, with the explanations of their confirmation pages."""

from __future__ import annotations

import datetime
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import euros, long_date, percent, pluralize
from licensing.billing import invoicing
from licensing.billing import operations as billing_operations
from licensing.billing.models import Invoice, InvoiceRoute
from licensing.billing.queries import get_amount_received
from licensing.entitlements.models import Seat, SuspensionCause
from licensing.orders import billing_details, operations, payers, purchase_orders, rights
from licensing.orders.billing_details import find_expected_treatment
from licensing.orders.models import UNSIGNED_STATES, Order, OrderKind, OrderLine, OrderState
from licensing.orders.operations import OWED_STATES
from licensing.orders.purchase_orders import MAX_SCAN_BYTES
from licensing.orders.rights import PROVISIONAL_DAYS
from licensing.orders.vat import VatTreatment
from sites.back_office.forms import PostedScanForm, ProlongationForm, ReasonForm, SuspensionForm
from sites.back_office.model_admins import AdminAction
from sites.back_office.money_actions import CREDIT_ACTIONS, MONEY_ACTIONS, PAYER_ACTIONS, describe_unknown_payer
from sites.back_office.order_status import (
    AWAITING_PURCHASE_ORDER,
    describe_refusal_effect,
    describe_unknown_buyer,
    get_waiting_scan,
    list_entitlements,
    list_references,
    list_refused_scans,
)


class VatCorrectionForm(forms.Form):
    """How an order is to be taxed, and why."""

    treatment = forms.ChoiceField(label="Régime de TVA", choices=VatTreatment, widget=UnfoldAdminSelectWidget)
    exemption = forms.CharField(
        label="Mention de l'exonération",
        required=False,
        max_length=OrderLine._meta.get_field("vat_reason").max_length,  # noqa: SLF001 - documented API
        help_text="Pour une exonération sur justificatif seulement, avec l'article qui la donne. Toutes les pièces la "
        "portent.",
        widget=UnfoldAdminTextInputWidget,
    )
    vat_number = forms.CharField(
        label="Numéro de TVA du payeur",
        required=False,
        max_length=25,
        help_text="Obligatoire pour un assujetti d'un autre État de l'Union\xa0; vérifiez-le sur VIES.",
        widget=UnfoldAdminTextInputWidget,
    )
    reason = forms.CharField(
        label="Motif",
        max_length=500,
        help_text="Il reste inscrit à la commande, que l'acheteur peut lire.",
        widget=UnfoldAdminTextInputWidget,
    )


def describe_vat(order: Order) -> list[str]:
    """Return how a sale is taxed, and why otherwise than by its payer's place; nothing for a grant."""
    line = order.lines.order_by("pk").first()
    if order.kind == OrderKind.GRANT or line is None or not order.vat_treatment:
        return []
    sentence = f"TVA : {percent(line.vat_rate)} ({order.get_vat_treatment_display()})."
    mention = f" Mention : « {line.vat_reason} »" if line.vat_reason else ""
    correction = [f"Corrigée à la main. Motif : {order.vat_correction}"] if order.vat_correction else []
    return [sentence + mention, *correction]


def _explain_vat_correction(order: Order, _at: datetime.datetime) -> list[str]:
    expected = find_expected_treatment(order)
    place = f"{order.bill_postal_code} {order.bill_city}, {order.bill_country}"
    rejected = order.invoices.rejected().first()
    sentences = [
        *describe_vat(order),
        f"L'adresse de facturation ({place}) donne : {expected.label}.",
        "Une école paie le même TTC quel que soit le taux ; une collectivité paie le même HT.",
        "Le bon de commande est établi de nouveau, et l'acheteur reçoit un e-mail."
        if rejected is None
        else f"Un avoir annule {rejected}, et une facture est émise avec cette TVA ; l'acheteur la reçoit.",
    ]
    if get_waiting_scan(order) is not None:
        sentences.append("Un bon de commande signé est déjà déposé : il porte l'ancien montant.")
    return sentences


def _correct_vat(
    order: Order,
    *,
    treatment: str,
    exemption: str,
    vat_number: str,
    reason: str,
    by: User,
    at: datetime.datetime,
) -> str:
    given: dict[str, Any] = {
        "order_id": order.pk,
        "treatment": treatment,
        "exemption": exemption,
        "vat_number": vat_number,
        "reason": reason,
        "by": by,
        "at": at,
    }
    if order.invoices.rejected().exists():
        issued = billing_operations.reissue_with_vat(**given)
        return f"Facture {issued} émise avec cette TVA : {euros(issued.total_ht)} HT, {euros(issued.total_ttc)} TTC."
    corrected = billing_details.correct_vat(**given)
    return f"TVA enregistrée : la commande est de {euros(corrected.total_ht)} HT, {euros(corrected.total_ttc)} TTC."


VAT_CORRECTION = AdminAction[Order](
    path="tva",
    label="Corriger la TVA",
    is_available=lambda order: (
        order.kind != OrderKind.GRANT and (order.state in UNSIGNED_STATES or order.invoices.rejected().exists())
    ),
    explanation=_explain_vat_correction,
    run=_correct_vat,
    form=VatCorrectionForm,
    initial=lambda order, _at: {"treatment": order.vat_treatment, "vat_number": order.vat_number},
    primary=False,
)


_BEFORE_PAYMENT = (*AWAITING_PURCHASE_ORDER, OrderState.CONFIRMED)
#: Proposed prolongation of temporary rights.
_PROLONGATION = datetime.timedelta(days=30)
_SUSPENSION = "L'acheteur, ses enseignants et leurs élèves ne peuvent plus s'en servir. Rien n'est supprimé."


def _explain_confirmation(order: Order, at: datetime.datetime) -> list[str]:
    until = rights.get_provisional_end(order, date_in_paris(at))
    scan, checked = get_waiting_scan(order), payers.check_order(order)
    if checked.missing:
        # The rest of the explanation only holds once nothing is missing.
        return [
            "Il manque encore de quoi établir la facture, qui serait refusée. "
            + " ".join(one.sentence for one in checked.missing),
            "Revenez sans rien faire, complétez les références du payeur, puis confirmez.",
        ]
    sentences = [f"Le bon de commande signé « {scan.filename} » est accepté : l'avez-vous regardé ?"] if scan else []
    sentences.append(
        f"La facture de {euros(order.total_ttc)} est émise au nom de « {order.bill_name} » "
        f"({', '.join(list_references(order)) or 'sans SIRET'}), sous le numéro suivant. Elle ne changera plus."
    )
    if order.state == OrderState.LAPSED:
        sentences.append("Les droits, qui avaient pris fin, reprennent aussitôt.")
    sentences.append(
        f"Les droits courent dans l'attente du règlement. S'il n'est pas venu le {long_date(until)}, rien ne s'arrête"
        " de soi-même : la décision vous revient."
    )
    unknown = [describe_unknown_payer(order)] if checked.note else []
    return [*unknown, *sentences, "L'acheteur reçoit un e-mail."]


def _confirm(order: Order, *, by: User, at: datetime.datetime) -> str:
    invoice = billing_operations.confirm(order_id=order.pk, by=by, at=at)
    place = describe_deposit(invoice)
    return (
        f"Facture {invoice.number} émise : {euros(invoice.total_ttc)}, à régler pour le {long_date(invoice.due_on)}."
        f"{f' Elle reste à déposer sur {place}.' if place else ''}"
    )


def describe_deposit(invoice: Invoice) -> str:
    """Return where an invoice is still to be deposited: « Chorus Pro », « votre plateforme agréée », or nothing."""
    if invoice.route is None or not invoicing.list_undeposited().filter(pk=invoice.pk).exists():
        return ""
    return "Chorus Pro" if invoice.route == InvoiceRoute.CHORUS_PRO else "votre plateforme agréée"


def _explain_opening(order: Order, at: datetime.datetime) -> list[str]:
    until = rights.get_provisional_end(order, date_in_paris(at))
    licences = sum(line.quantity for line in order.lines.all())
    return [
        *describe_unknown_buyer(order),
        (
            f"Ses {pluralize(licences, 'licence')} s'ouvrent aussitôt, à titre temporaire, jusqu'au {long_date(until)} "
            "au plus ; sans bon de commande signé, elles s'arrêtent d'elles-mêmes."
        ),
        "L'acheteur reçoit un e-mail.",
    ]


def _open_rights(order: Order, *, by: User, at: datetime.datetime) -> str:
    operations.open_reviewed_order(order_id=order.pk, by=by, at=at)
    return "Droits temporaires ouverts ; l'acheteur en reçoit un e-mail."


def _explain_refusal(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        *describe_unknown_buyer(order),
        "La commande est annulée : elle n'a ouvert aucun droit, et n'en ouvrira pas.",
        "L'acheteur reçoit votre motif par e-mail.",
    ]


def _refuse(order: Order, *, reason: str, by: User, at: datetime.datetime) -> str:
    billing_operations.cancel(order_id=order.pk, reason=reason, by=by, at=at)
    return f"{order} refusée ; l'acheteur en reçoit le motif."


def _explain_posted_scan(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        "Le bon signé est là, mais sa facture ne peut pas encore être émise.",
        "Gardez-le ici, et complétez ses références quand vous les aurez.",
        (
            "Les droits, qui ont pris fin, reprendront une fois la commande confirmée."
            if order.state == OrderState.LAPSED
            else "Le compte à rebours s'arrête aussitôt : rien n'est plus coupé faute de bon de commande."
        ),
    ]


def _receive_scan(order: Order, *, scan: UploadedFile[bytes], by: User, at: datetime.datetime) -> str:
    # One byte over the limit is enough to detect a file that is too large.
    content = scan.read(MAX_SCAN_BYTES + 1)
    purchase_orders.receive_scan(order_id=order.pk, filename=scan.name or "", content=content, by=by, at=at)
    return "Bon de commande signé enregistré : le compte à rebours est arrêté."


def _explain_scan_refusal(order: Order, at: datetime.datetime) -> list[str]:
    sentences = ["L'acheteur reçoit votre motif par e-mail, et peut déposer un autre document."]
    if order.state == OrderState.PLACED:
        days = [
            entitlement.unpaid_until for entitlement in list_entitlements(order) if entitlement.unpaid_until is not None
        ]
        sentences += [describe_refusal_effect(until, date_in_paris(at)) for until in days]
    return sentences


def _refuse_scan(order: Order, *, reason: str, by: User, at: datetime.datetime) -> str:
    scan = get_waiting_scan(order)
    # Decided meanwhile: the operation raises for an unknown id.
    purchase_orders.refuse_scan(scan_id=scan.pk if scan else 0, reason=reason, by=by, at=at)
    return "Document refusé ; l'acheteur en reçoit le motif."


def _prolong(order: Order, *, until: datetime.date, by: User, at: datetime.datetime) -> str:
    purchase_orders.prolong(order_id=order.pk, until=until, by=by, at=at)
    return f"Droits prolongés jusqu'au {long_date(until)} inclus."


def _explain_prolongation(order: Order, _at: datetime.datetime) -> list[str]:
    sentences = [f"L'acheteur a jusqu'à ce jour pour {_awaited_step(order)} ; un e-mail le lui dit."]
    if order.state == OrderState.LAPSED:
        sentences.append(
            "Les droits, qui avaient pris fin, reprennent aussitôt, et l'acheteur sera relancé de nouveau."
        )
    if any(entitlement.suspended_at for entitlement in list_entitlements(order)):
        sentences.append("Vous aviez suspendu ces droits : prolonger ne les rétablit pas, « Rétablir » le fait.")
    return sentences


def _awaited_step(order: Order) -> str:
    return "régler" if order.state == OrderState.CONFIRMED else "envoyer le bon de commande signé"


def _initial_prolongation(order: Order, at: datetime.datetime) -> dict[str, Any]:
    days = [
        entitlement.temporary_until
        for entitlement in list_entitlements(order)
        if entitlement.temporary_until is not None
    ]
    last = min((entitlement.last_day for entitlement in list_entitlements(order)), default=date_in_paris(at))
    return {"until": min(max([date_in_paris(at), *days]) + _PROLONGATION, last)}


def _explain_cancellation(order: Order, _at: datetime.datetime) -> list[str]:
    held = Seat.objects.filter(subscription__key__entitlement__order_line__order=order, holder__isnull=False).count()
    sentences = ["Les droits ouverts par cette commande s'arrêtent aussitôt. Rien n'est supprimé."]
    if held:
        sentences.append(f"Ils servent aujourd'hui à {pluralize(held, 'enseignant')}.")
    if order.state in (OrderState.CONFIRMED, OrderState.PAID):
        rest = ", pour ce qu'il en reste" if order.credited else ""
        sentences.append(f"Un avoir annule la facture {order.invoices.current().get()}{rest}.")
    received = get_amount_received(order)
    if received > 0:
        sentences.append(f"{euros(received)} reçus seront à rembourser, depuis « Règlements ».")
    if order.state == OrderState.LAPSED:
        sentences.append(
            "Elle a eu ses droits temporaires sans bon de commande : une fois annulée, elle n'empêche plus l'acheteur "
            "d'en ouvrir d'autres."
        )
    return [*sentences, "Une commande annulée ne se rétablit pas."]


def _cancel(order: Order, *, reason: str, by: User, at: datetime.datetime) -> str:
    billing_operations.cancel(order_id=order.pk, reason=reason, by=by, at=at)
    return f"{order} annulée."


def _suspend(order: Order, *, cause: str, by: User, at: datetime.datetime) -> str:
    operations.suspend(order_id=order.pk, cause=SuspensionCause(cause), by=by, at=at)
    return "Droits suspendus. « Rétablir » les rend."


def _explain_early_start(order: Order, at: datetime.datetime) -> list[str]:
    [entitlement] = list_entitlements(order)
    until, sooner = entitlement.provisional_until, rights.get_end_once_started(entitlement, date_in_paris(at))
    consequence = (
        f"Ses {PROVISIONAL_DAYS} jours commencent aujourd'hui : le bon de commande signé, attendu jusqu'au "
        f"{long_date(until)}, ne l'est plus que jusqu'au {long_date(sooner)}. L'acheteur le lit dans l'e-mail."
        if until is not None and sooner is not None and sooner < until
        else "L'acheteur reçoit un e-mail."
    )
    return [
        f"Ses licences, utilisables en classe à partir du {long_date(entitlement.first_day)}, le sont dès aujourd'hui.",
        consequence,
        "Un premier jour ne se recule pas.",
    ]


def _has_start_to_come(order: Order) -> bool:
    return order.state != OrderState.CANCELLED and rights.has_start_to_come(order, date_in_paris(timezone.now()))


def _start_early(order: Order, *, by: User, at: datetime.datetime) -> str:
    operations.start_early(order_id=order.pk, by=by, at=at)
    return "Licences utilisables dès aujourd'hui ; l'acheteur en reçoit un e-mail."


def _restore(order: Order, *, by: User, at: datetime.datetime) -> str:
    operations.restore(order_id=order.pk, by=by, at=at)
    return "Droits rétablis."


def _has_entitlement(order: Order, *, suspended: bool) -> bool:
    return order.state != OrderState.CANCELLED and any(
        (entitlement.suspended_at is not None) == suspended for entitlement in list_entitlements(order)
    )


#: In the usual order of use: the first available one is the primary button.
ORDER_ACTIONS: tuple[AdminAction[Order], ...] = (
    AdminAction(
        path="ouvrir",
        label="Ouvrir les droits",
        is_available=lambda order: order.state == OrderState.IN_REVIEW,
        explanation=_explain_opening,
        run=_open_rights,
    ),
    AdminAction(
        path="refuser",
        label="Refuser la commande",
        is_available=lambda order: order.state == OrderState.IN_REVIEW,
        explanation=_explain_refusal,
        run=_refuse,
        form=ReasonForm,
        primary=False,
    ),
    AdminAction(
        path="confirmer",
        label="Confirmer le bon de commande et facturer",
        is_available=lambda order: order.state in AWAITING_PURCHASE_ORDER,
        # Refused, and nothing was sent anew: there is nothing to confirm yet.
        is_held_back=lambda order: get_waiting_scan(order) is None and list_refused_scans(order).exists(),
        explanation=_explain_confirmation,
        run=_confirm,
    ),
    *MONEY_ACTIONS,
    *CREDIT_ACTIONS,
    AdminAction(
        path="refuser-le-bon",
        label="Refuser le document déposé",
        is_available=lambda order: order.state in AWAITING_PURCHASE_ORDER and get_waiting_scan(order) is not None,
        explanation=_explain_scan_refusal,
        run=_refuse_scan,
        form=ReasonForm,
    ),
    *PAYER_ACTIONS,
    AdminAction(
        path="recevoir",
        label="Enregistrer le bon reçu par courrier",
        # An order whose invoice lacks nothing is confirmed directly instead.
        is_available=lambda order: (
            order.state in AWAITING_PURCHASE_ORDER
            and get_waiting_scan(order) is None
            and bool(payers.check_order(order).missing)
        ),
        explanation=_explain_posted_scan,
        run=_receive_scan,
        form=PostedScanForm,
    ),
    AdminAction(
        path="retablir",
        label="Rétablir les droits",
        is_available=lambda order: _has_entitlement(order, suspended=True),
        explanation=lambda _order, _at: ["Tout reprend où il en était, dans la limite des dates affichées."],
        run=_restore,
    ),
    AdminAction(
        path="prolonger",
        label="Prolonger les droits",
        is_available=lambda order: order.state in _BEFORE_PAYMENT,
        explanation=_explain_prolongation,
        run=_prolong,
        form=ProlongationForm,
        initial=_initial_prolongation,
    ),
    VAT_CORRECTION,
    AdminAction(
        path="commencer",
        label="Rendre utilisable dès aujourd'hui",
        is_available=_has_start_to_come,
        explanation=_explain_early_start,
        run=_start_early,
        primary=False,
    ),
    AdminAction(
        path="suspendre",
        label="Suspendre les droits",
        is_available=lambda order: _has_entitlement(order, suspended=False),
        explanation=lambda _order, _at: [
            _SUSPENSION,
            "« Rétablir » rend tout, aussitôt ; un règlement aussi, si c'est lui qui manque.",
        ],
        run=_suspend,
        form=SuspensionForm,
        initial=lambda order, _at: {
            "cause": SuspensionCause.UNPAID if order.state in OWED_STATES else SuspensionCause.OPERATOR
        },
        primary=False,
    ),
    AdminAction(
        path="annuler",
        label="Annuler la commande",
        is_available=lambda order: order.state in (*_BEFORE_PAYMENT, OrderState.PAID),
        explanation=_explain_cancellation,
        run=_cancel,
        form=ReasonForm,
        primary=False,
    ),
)
