"""Admin actions on orders, those on their money among them. `back_office/order/` explains each, by its path."""

from __future__ import annotations

import datetime
import functools
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import euros, long_date
from licensing.books.billing import invoicing
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import Invoice, InvoiceRoute
from licensing.books.billing.queries import get_balance
from licensing.entitlements.models import SuspensionCause
from licensing.orders import billing_details, operations, payers, purchase_orders, rights
from licensing.orders.exceptions import BadAmount
from licensing.orders.models import OWED_STATES, Order, OrderLine, OrderState, Payer
from licensing.orders.purchase_orders import MAX_SCAN_BYTES
from licensing.orders.settlement import PaymentMethod
from licensing.orders.vat import VatTreatment
from licensing.payments import operations as payment_operations
from licensing.payments.credits import credit_in_part, demand_refunded_part
from licensing.payments.queries import get_surplus, list_owed_orders
from sites.back_office.forms import (
    FEW_LINES,
    AmountField,
    BillingReferencesForm,
    ExcessPaymentForm,
    PayerCorrectionForm,
    PaymentRecordForm,
    PostedScanForm,
    ProlongationForm,
    ReasonForm,
    SurplusMoveForm,
    SurplusRefundForm,
    SuspensionForm,
)
from sites.back_office.model_admins import AdminAction, call, read_sentences
from sites.back_office.order_status import (
    AWAITING_PURCHASE_ORDER,
    get_waiting_scan,
    list_entitlements,
    list_order_readers,
    list_refused_scans,
)


def describe_order(order: Order, page: str, at: datetime.datetime) -> list[str]:
    """Return the sentences of a template of `back_office/order/` about an order."""
    return read_sentences(order, page, list_order_readers, at)[""]


order_action = functools.partial(AdminAction[Order], readers=list_order_readers)


def _correct(order: Order, *, by: User, at: datetime.datetime, **details: str) -> str:
    billing_operations.correct_billing_details(
        order_id=order.pk, billing=billing_details.BillingDetails(**details), by=by, at=at
    )
    return "Facturation corrigée : la facture la portera."


_PAYER_ACTIONS: tuple[AdminAction[Order], ...] = (
    order_action(
        path="completer",
        label="Compléter les références du payeur",
        is_available=lambda order: order.state in AWAITING_PURCHASE_ORDER or order.invoices.rejected().exists(),
        is_priority=lambda order: bool(payers.check_order(order).missing) or order.invoices.rejected().exists(),
        run=call(
            billing_operations.complete_billing_details,
            "order_id",
            "Références enregistrées : la facture les portera.",
        ),
        form=BillingReferencesForm,
        initial=lambda order, _at: {
            "siret": order.siret,
            "siren": order.siren,
            "service_code": order.service_code,
            "engagement_number": order.engagement_number,
        },
    ),
    order_action(
        path="corriger-le-payeur",
        label="Corriger le nom et l'adresse du payeur",
        is_available=billing_operations.is_correctable,
        run=_correct,
        form=PayerCorrectionForm,
        initial=lambda order, _at: asdict(billing_details.prefill_billing_details(order)),
        primary=False,
    ),
)


class _PartialCreditForm(forms.Form):
    """How many licences are taken back, for how much, and why."""

    licences = forms.IntegerField(
        label="Licences à reprendre",
        required=False,
        min_value=0,
        max_value=10**6,
        help_text="Vide\xa0: aucune, le prix seul est réduit.",
    )
    amount = AmountField(
        label="Montant TTC de l'avoir, en euros",
        required=False,
        min_value=0,
        help_text="Vide\xa0: le prix de ces licences, à proportion.",
    )
    reason = forms.CharField(label="Motif", max_length=500, widget=FEW_LINES, help_text="L'avoir le porte tel quel.")


def _lacks_credit(order: Order) -> bool:
    """Whether a part of a paid order was refunded in the provider's dashboard, and nothing says why yet."""
    return order.state == OrderState.PAID and get_balance(order) > 0


def _is_creditable(order: Order) -> bool:
    return order.state in (OrderState.CONFIRMED, OrderState.PAID) and not order.invoices.rejected().exists()


def _credit(
    order: Order, *, licences: int | None, amount: Decimal | None, reason: str, by: User, at: datetime.datetime
) -> str:
    note = credit_in_part(order_id=order.pk, licences=licences or 0, amount=amount, reason=reason, by=by, at=at)
    return f"Avoir {note} établi : {euros(note.total_ttc)}."


def _initial_credit(order: Order, _at: datetime.datetime) -> dict[str, Any]:
    return {"amount": get_balance(order), "reason": "Remboursement sur la carte."}


_CREDIT_ACTIONS: tuple[AdminAction[Order], ...] = (
    order_action(
        path="etablir-l-avoir",
        label="Établir l'avoir",
        is_available=lambda order: _lacks_credit(order) and _is_creditable(order),
        run=_credit,
        form=_PartialCreditForm,
        initial=_initial_credit,
        is_priority=_lacks_credit,
    ),
    order_action(
        path="reste-du",
        label="Le reste est dû",
        is_available=_lacks_credit,
        run=call(
            demand_refunded_part,
            "order_id",
            lambda order, *_: f"{euros(get_balance(order))} sont de nouveau à régler ; l'acheteur en reçoit un e-mail.",
        ),
        primary=False,
        is_priority=_lacks_credit,
    ),
    order_action(
        path="avoir-partiel",
        label="Établir un avoir partiel",
        is_available=lambda order: _is_creditable(order) and not _lacks_credit(order),
        run=_credit,
        form=_PartialCreditForm,
        primary=False,
    ),
)


#: Payers that most likely pay by mandat administratif; the others pay by cheque.
_BY_MANDATE = (Payer.COLLECTIVITY, Payer.TOWN_HALL)


def _record_payment(order: Order, *, amount: Decimal, in_excess: bool = True, **typed: Any) -> str:
    due = get_balance(order)
    if amount > due and not in_excess:
        raise BadAmount(
            f"Il reste {euros(due)} à régler ; vous avez saisi {euros(amount)}. Si c'est bien ce qui est arrivé, cochez"
            " la case : le trop-perçu sera à rendre."
        )
    payment_operations.record_payment(order_id=order.pk, amount=amount, **typed)
    order.refresh_from_db()
    if order.state == OrderState.CONFIRMED:
        return f"{euros(amount)} enregistrés ; {euros(get_balance(order))} restent à régler."
    surplus = get_surplus(order)
    if surplus > 0:
        return f"{euros(amount)} enregistrés ; {euros(surplus)} de trop-perçu, à rendre ou à reporter."
    return f"{euros(amount)} enregistrés : la commande est réglée, ses droits sont fermes."


def _initial_payment(order: Order, at: datetime.datetime) -> dict[str, Any]:
    return {
        "amount": get_balance(order) if order.state in OWED_STATES else None,
        "received_on": date_in_paris(at),
        "method": PaymentMethod.TRANSFER if order.payer in _BY_MANDATE else PaymentMethod.CHEQUE,
    }


def _initial_move(order: Order, _at: datetime.datetime) -> dict[str, Any]:
    owed, surplus = list(list_owed_orders(order)), get_surplus(order)
    return {
        "targets": [
            (other.pk, f"N° {other.pk} – {euros(get_balance(other))} à régler – {other.bill_name}") for other in owed
        ],
        "amount": min(surplus, get_balance(owed[0])) if owed else surplus,
    }


def _move(order: Order, *, target: int, amount: Decimal, by: User, at: datetime.datetime) -> str:
    payment_operations.move_surplus(order_id=order.pk, target_id=target, amount=amount, by=by, at=at)
    return f"{euros(amount)} reportés sur la commande n° {target}."


_MONEY_ACTIONS: tuple[AdminAction[Order], ...] = (
    order_action(
        path="reglement",
        label="Enregistrer un règlement",
        is_available=lambda order: order.state in OWED_STATES,
        run=_record_payment,
        form=PaymentRecordForm,
        initial=_initial_payment,
    ),
    order_action(
        path="reporter-le-trop-percu",
        label="Reporter le trop-perçu",
        is_available=lambda order: get_surplus(order) > 0 and list_owed_orders(order).exists(),
        run=_move,
        form=SurplusMoveForm,
        initial=_initial_move,
        get_other_orders=lambda typed: (typed["target"],),
    ),
    order_action(
        path="rendre-le-trop-percu",
        label="Rendre le trop-perçu",
        is_available=lambda order: get_surplus(order) > 0,
        run=call(
            payment_operations.give_back_surplus,
            "order_id",
            lambda _order, _done, typed: (
                f"{euros(typed['amount'])} de trop-perçu rendus ; l'acheteur en reçoit un e-mail."
            ),
        ),
        form=SurplusRefundForm,
        initial=lambda order, _at: {"amount": get_surplus(order)},
    ),
    order_action(
        path="reglement-en-trop",
        label="Enregistrer un règlement en trop",
        is_available=lambda order: (
            order.state in (OrderState.PAID, OrderState.CANCELLED) and order.placed_at is not None
        ),
        run=_record_payment,
        form=ExcessPaymentForm,
        initial=_initial_payment,
        primary=False,
    ),
)


class VatCorrectionForm(forms.Form):
    """How an order is to be taxed, and why."""

    treatment = forms.ChoiceField(label="Régime de TVA", choices=VatTreatment)
    exemption = forms.CharField(
        label="Mention de l'exonération",
        required=False,
        max_length=OrderLine._meta.get_field("vat_reason").max_length,  # noqa: SLF001 - documented API
        help_text="Pour une exonération sur justificatif seulement, avec l'article qui la donne. Toutes les pièces la "
        "portent.",
    )
    vat_number = forms.CharField(
        label="Numéro de TVA du payeur",
        required=False,
        max_length=25,
        help_text="Obligatoire pour un assujetti d'un autre État de l'Union\xa0; vérifiez-le sur VIES.",
    )
    reason = forms.CharField(
        label="Motif",
        max_length=500,
        help_text="Il reste inscrit à la commande, que l'acheteur peut lire.",
    )


def _correct_vat(order: Order, **typed: Any) -> str:
    if order.invoices.rejected().exists():
        issued = billing_operations.reissue_with_vat(order_id=order.pk, **typed)
        return f"Facture {issued} émise avec cette TVA : {euros(issued.total_ht)} HT, {euros(issued.total_ttc)} TTC."
    corrected = billing_details.correct_vat(order_id=order.pk, **typed)
    return f"TVA enregistrée : la commande est de {euros(corrected.total_ht)} HT, {euros(corrected.total_ttc)} TTC."


VAT_CORRECTION = order_action(
    path="tva",
    label="Corriger la TVA",
    is_available=billing_operations.is_correctable,
    run=_correct_vat,
    form=VatCorrectionForm,
    initial=lambda order, _at: {"treatment": order.vat_treatment, "vat_number": order.vat_number},
    primary=False,
)


#: Proposed prolongation of temporary rights.
_PROLONGATION = datetime.timedelta(days=30)


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


def _receive_scan(order: Order, *, scan: UploadedFile[bytes], by: User, at: datetime.datetime) -> str:
    # One byte over the limit is enough to detect a file that is too large.
    content = scan.read(MAX_SCAN_BYTES + 1)
    purchase_orders.receive_scan(order_id=order.pk, filename=scan.name or "", content=content, by=by, at=at)
    return "Bon de commande signé enregistré : le compte à rebours est arrêté."


def _refuse_scan(order: Order, *, reason: str, by: User, at: datetime.datetime) -> str:
    scan = get_waiting_scan(order)
    # Decided meanwhile: the operation raises for an unknown id.
    purchase_orders.refuse_scan(scan_id=scan.pk if scan else 0, reason=reason, by=by, at=at)
    return "Document refusé ; l'acheteur en reçoit le motif."


def _initial_prolongation(order: Order, at: datetime.datetime) -> dict[str, Any]:
    entitlements, today = list_entitlements(order), date_in_paris(at)
    days = [entitlement.temporary_until for entitlement in entitlements if entitlement.temporary_until is not None]
    last = min((entitlement.last_day for entitlement in entitlements), default=today)
    return {"until": min(max([today, *days]) + _PROLONGATION, last)}


def _has_start_to_come(order: Order) -> bool:
    return order.state != OrderState.CANCELLED and rights.has_start_to_come(order, date_in_paris(timezone.now()))


def _has_entitlement(order: Order, *, suspended: bool) -> bool:
    return order.state != OrderState.CANCELLED and any(
        (entitlement.suspended_at is not None) == suspended for entitlement in list_entitlements(order)
    )


#: In the usual order of use: the first available one is the primary button.
ORDER_ACTIONS: tuple[AdminAction[Order], ...] = (
    order_action(
        path="ouvrir",
        label="Ouvrir les droits",
        is_available=lambda order: order.state == OrderState.IN_REVIEW,
        run=call(
            operations.open_reviewed_order,
            "order_id",
            "Droits temporaires ouverts ; l'acheteur en reçoit un e-mail.",
        ),
    ),
    order_action(
        path="refuser",
        label="Refuser la commande",
        is_available=lambda order: order.state == OrderState.IN_REVIEW,
        run=call(
            billing_operations.cancel, "order_id", lambda order, *_: f"{order} refusée ; l'acheteur en reçoit le motif."
        ),
        form=ReasonForm,
        primary=False,
    ),
    order_action(
        path="confirmer",
        label="Confirmer le bon de commande et facturer",
        is_available=lambda order: order.state in AWAITING_PURCHASE_ORDER,
        # Refused, and nothing was sent anew: there is nothing to confirm yet.
        is_held_back=lambda order: get_waiting_scan(order) is None and list_refused_scans(order).exists(),
        run=_confirm,
    ),
    *_MONEY_ACTIONS,
    *_CREDIT_ACTIONS,
    order_action(
        path="refuser-le-bon",
        label="Refuser le document déposé",
        is_available=lambda order: order.state in AWAITING_PURCHASE_ORDER and get_waiting_scan(order) is not None,
        run=_refuse_scan,
        form=ReasonForm,
    ),
    *_PAYER_ACTIONS,
    order_action(
        path="recevoir",
        label="Enregistrer le bon reçu par courrier",
        # An order whose invoice lacks nothing is confirmed directly instead.
        is_available=lambda order: (
            order.state in AWAITING_PURCHASE_ORDER
            and get_waiting_scan(order) is None
            and bool(payers.check_order(order).missing)
        ),
        run=_receive_scan,
        form=PostedScanForm,
    ),
    order_action(
        path="retablir",
        label="Rétablir les droits",
        is_available=lambda order: _has_entitlement(order, suspended=True),
        run=call(operations.restore, "order_id", "Droits rétablis."),
    ),
    order_action(
        path="prolonger",
        label="Prolonger les droits",
        is_available=lambda order: order.state in OWED_STATES,
        run=call(
            purchase_orders.prolong,
            "order_id",
            lambda _order, _done, typed: f"Droits prolongés jusqu'au {long_date(typed['until'])} inclus.",
        ),
        form=ProlongationForm,
        initial=_initial_prolongation,
    ),
    VAT_CORRECTION,
    order_action(
        path="commencer",
        label="Rendre utilisable dès aujourd'hui",
        is_available=_has_start_to_come,
        run=call(
            operations.start_early,
            "order_id",
            "Licences utilisables dès aujourd'hui ; l'acheteur en reçoit un e-mail.",
        ),
        primary=False,
    ),
    order_action(
        path="suspendre",
        label="Suspendre les droits",
        is_available=lambda order: _has_entitlement(order, suspended=False),
        run=call(operations.suspend, "order_id", "Droits suspendus. « Rétablir » les rend."),
        form=SuspensionForm,
        initial=lambda order, _at: {
            "cause": SuspensionCause.UNPAID if order.state in OWED_STATES else SuspensionCause.OPERATOR
        },
        primary=False,
    ),
    order_action(
        path="annuler",
        label="Annuler la commande",
        is_available=lambda order: order.state in (*OWED_STATES, OrderState.PAID),
        run=call(billing_operations.cancel, "order_id", lambda order, *_: f"{order} annulée."),
        form=ReasonForm,
        primary=False,
    ),
)
