"""Admin actions on orders, those on their money among them, with the explanations of their confirmation pages."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import euros, long_date, number, percent, pluralize
from licensing.books.billing import invoicing
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import Invoice, InvoiceRoute
from licensing.books.billing.queries import get_amount_received, get_balance
from licensing.entitlements.models import Seat, SuspensionCause
from licensing.orders import billing_details, operations, payers, purchase_orders, rights
from licensing.orders.billing_details import find_expected_treatment
from licensing.orders.exceptions import BadAmount
from licensing.orders.models import OWED_STATES, Order, OrderKind, OrderLine, OrderState, Payer
from licensing.orders.purchase_orders import MAX_SCAN_BYTES
from licensing.orders.rights import PROVISIONAL_DAYS
from licensing.orders.settlement import PaymentMethod
from licensing.orders.vat import VatTreatment
from licensing.payments import operations as payment_operations
from licensing.payments.credits import credit_in_part, demand_refunded_part, price_licences
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
from sites.back_office.model_admins import AdminAction, call
from sites.back_office.order_status import (
    AWAITING_PURCHASE_ORDER,
    describe_refusal_effect,
    describe_unknown_buyer,
    get_waiting_scan,
    list_entitlements,
    list_references,
    list_refused_scans,
)


def describe_unknown_payer(order: Order) -> str:
    """Return which references a public payer may ask and the order has not, in a sentence."""
    references = {"code service": order.service_code, "numéro d'engagement": order.engagement_number}
    lacking = [name for name, value in references.items() if not value]
    if len(lacking) == 1:
        what = f"Le {lacking[0]} manque, et ce payeur public peut le demander."
    else:
        what = f"Le {' et le '.join(lacking)} manquent, et ce payeur public peut les demander."
    return f"{what} Voyez le bon signé : la facture ne changera plus."


def _explain_missing_references(order: Order, _at: datetime.datetime) -> list[str]:
    checked = payers.check_order(order)
    sentences = [one.sentence for one in checked.missing] or [
        "Rien ne manque, d'après ce que nous savons de ce payeur."
    ]
    return [*sentences, describe_unknown_payer(order)] if checked.note else sentences


def _correct(order: Order, *, by: User, at: datetime.datetime, **details: str) -> str:
    billing_operations.correct_billing_details(
        order_id=order.pk, billing=billing_details.BillingDetails(**details), by=by, at=at
    )
    return "Facturation corrigée : la facture la portera."


def _explain_correction(order: Order, _at: datetime.datetime) -> list[str]:
    rejected = order.invoices.rejected().first()
    return [
        (
            "La facture le dira ainsi, une fois émise."
            if rejected is None
            else f"{rejected} reste telle qu'elle est : refaites-la ensuite sous un nouveau numéro, depuis sa fiche."
        ),
        "Le devis et le bon de commande déjà établis restent tels quels. L'acheteur reçoit un e-mail.",
    ]


_PAYER_ACTIONS: tuple[AdminAction[Order], ...] = (
    AdminAction(
        path="completer",
        label="Compléter les références du payeur",
        is_available=lambda order: order.state in AWAITING_PURCHASE_ORDER or order.invoices.rejected().exists(),
        is_priority=lambda order: bool(payers.check_order(order).missing) or order.invoices.rejected().exists(),
        explanation=_explain_missing_references,
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
    AdminAction(
        path="corriger-le-payeur",
        label="Corriger le nom et l'adresse du payeur",
        is_available=billing_operations.is_correctable,
        explanation=_explain_correction,
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


def _explain_credit(order: Order, _at: datetime.datetime) -> list[str]:
    line = order.lines.select_related("entitlement__collectivity").get()
    takeable = rights.count_takeable(line)
    invoice = order.invoices.current().get()
    sentences = (
        [f"{euros(get_balance(order))} ont été rendus sur la carte, chez le prestataire : l'avoir dit pourquoi."]
        if _lacks_credit(order)
        else []
    )
    sentences += [
        f"La facture {invoice} est de {euros(invoice.total_ttc)} TTC"
        + (f", dont {euros(order.credited)} déjà repris." if order.credited else ".")
    ]
    if line.remaining > 1:
        sentences.append(
            f"Sur {pluralize(line.remaining, 'licence')}, {number(takeable)} au plus peuvent être reprises. Une "
            f"licence vaut {euros(price_licences(line, 1))} TTC, à proportion."
        )
    if order.payments.filter(card__isnull=False).exists() and not _lacks_credit(order):
        sentences.append("Ce que la carte a payé au-delà de ce qui reste dû est rendu aussitôt.")
    elif not _lacks_credit(order):
        sentences.append("Ce qui est payé au-delà de ce qui reste dû devient un trop-perçu, à rendre ou à reporter.")
    return [*sentences, "Pour tout reprendre, annulez la commande. L'acheteur reçoit l'avoir par e-mail."]


def _credit(
    order: Order, *, licences: int | None, amount: Decimal | None, reason: str, by: User, at: datetime.datetime
) -> str:
    note = credit_in_part(order_id=order.pk, licences=licences or 0, amount=amount, reason=reason, by=by, at=at)
    return f"Avoir {note} établi : {euros(note.total_ttc)}."


def _initial_credit(order: Order, _at: datetime.datetime) -> dict[str, Any]:
    return {"amount": get_balance(order), "reason": "Remboursement sur la carte."}


def _explain_demand(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        f"{euros(get_balance(order))} ont été rendus chez le prestataire, et la commande les doit toujours.",
        "Elle redevient à régler : ses droits courent jusqu'à leur échéance, puis la décision vous revient.",
        "L'acheteur reçoit un e-mail.",
    ]


_CREDIT_ACTIONS: tuple[AdminAction[Order], ...] = (
    AdminAction(
        path="etablir-l-avoir",
        label="Établir l'avoir",
        is_available=lambda order: _lacks_credit(order) and _is_creditable(order),
        explanation=_explain_credit,
        run=_credit,
        form=_PartialCreditForm,
        initial=_initial_credit,
        is_priority=_lacks_credit,
    ),
    AdminAction(
        path="reste-du",
        label="Le reste est dû",
        is_available=_lacks_credit,
        explanation=_explain_demand,
        run=call(
            demand_refunded_part,
            "order_id",
            lambda order, *_: f"{euros(get_balance(order))} sont de nouveau à régler ; l'acheteur en reçoit un e-mail.",
        ),
        primary=False,
        is_priority=_lacks_credit,
    ),
    AdminAction(
        path="avoir-partiel",
        label="Établir un avoir partiel",
        is_available=lambda order: _is_creditable(order) and not _lacks_credit(order),
        explanation=_explain_credit,
        run=_credit,
        form=_PartialCreditForm,
        primary=False,
    ),
)


#: Payers that most likely pay by mandat administratif; the others pay by cheque.
_BY_MANDATE = (Payer.COLLECTIVITY, Payer.TOWN_HALL)


def _explain_payment(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        *_explain_missing_purchase_order(order),
        f"{euros(get_balance(order))} sont attendus pour cette commande.",
        "Une fois tout reçu, elle est réglée et ses droits deviennent fermes.",
        "Ils reprennent s'ils étaient suspendus faute de règlement.",
    ]


def _explain_missing_purchase_order(order: Order) -> list[str]:
    if order.state not in AWAITING_PURCHASE_ORDER:
        return []
    missing = [one.sentence for one in payers.check_order(order).missing]
    return [
        (
            "Son bon de commande signé n'est pas confirmé. Le règlement en tient lieu : la facture est émise, et les"
            " droits reprennent s'ils avaient pris fin."
        ),
        *(["Il manque encore de quoi établir la facture : complétez-le d'abord.", *missing] if missing else []),
    ]


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


def _explain_excess(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        f"{order} n'attend plus de règlement. Ce qui est arrivé tout de même s'inscrit ici, comme trop-perçu.",
        "Il sera à rendre, ou à reporter sur une autre commande du même payeur.",
    ]


def _explain_refund(order: Order, _at: datetime.datetime) -> list[str]:
    surplus = euros(get_surplus(order))
    return [
        f"{surplus} sont arrivés en trop. Rien n'est viré d'ici : faites d'abord partir la somme de votre banque.",
        "Inscrivez-la ensuite ici : l'acheteur reçoit un e-mail.",
    ]


def _explain_move(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        f"{euros(get_surplus(order))} sont arrivés en trop. Ils peuvent régler une autre commande du même payeur.",
        "Deux mouvements s'inscrivent, une sortie ici et une entrée là. L'acheteur reçoit un e-mail.",
    ]


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
    AdminAction(
        path="reglement",
        label="Enregistrer un règlement",
        is_available=lambda order: order.state in OWED_STATES,
        explanation=_explain_payment,
        run=_record_payment,
        form=PaymentRecordForm,
        initial=_initial_payment,
    ),
    AdminAction(
        path="reporter-le-trop-percu",
        label="Reporter le trop-perçu",
        is_available=lambda order: get_surplus(order) > 0 and list_owed_orders(order).exists(),
        explanation=_explain_move,
        run=_move,
        form=SurplusMoveForm,
        initial=_initial_move,
        get_other_orders=lambda typed: (typed["target"],),
    ),
    AdminAction(
        path="rendre-le-trop-percu",
        label="Rendre le trop-perçu",
        is_available=lambda order: get_surplus(order) > 0,
        explanation=_explain_refund,
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
    AdminAction(
        path="reglement-en-trop",
        label="Enregistrer un règlement en trop",
        is_available=lambda order: (
            order.state in (OrderState.PAID, OrderState.CANCELLED) and order.placed_at is not None
        ),
        explanation=_explain_excess,
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


def _correct_vat(order: Order, **typed: Any) -> str:
    if order.invoices.rejected().exists():
        issued = billing_operations.reissue_with_vat(order_id=order.pk, **typed)
        return f"Facture {issued} émise avec cette TVA : {euros(issued.total_ht)} HT, {euros(issued.total_ttc)} TTC."
    corrected = billing_details.correct_vat(order_id=order.pk, **typed)
    return f"TVA enregistrée : la commande est de {euros(corrected.total_ht)} HT, {euros(corrected.total_ttc)} TTC."


VAT_CORRECTION = AdminAction[Order](
    path="tva",
    label="Corriger la TVA",
    is_available=billing_operations.is_correctable,
    explanation=_explain_vat_correction,
    run=_correct_vat,
    form=VatCorrectionForm,
    initial=lambda order, _at: {"treatment": order.vat_treatment, "vat_number": order.vat_number},
    primary=False,
)


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


def _explain_refusal(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        *describe_unknown_buyer(order),
        "La commande est annulée : elle n'a ouvert aucun droit, et n'en ouvrira pas.",
        "L'acheteur reçoit votre motif par e-mail.",
    ]


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
        days = [entitlement.unpaid_until for entitlement in list_entitlements(order)]
        sentences += [describe_refusal_effect(until, date_in_paris(at)) for until in days if until is not None]
    return sentences


def _refuse_scan(order: Order, *, reason: str, by: User, at: datetime.datetime) -> str:
    scan = get_waiting_scan(order)
    # Decided meanwhile: the operation raises for an unknown id.
    purchase_orders.refuse_scan(scan_id=scan.pk if scan else 0, reason=reason, by=by, at=at)
    return "Document refusé ; l'acheteur en reçoit le motif."


def _explain_prolongation(order: Order, _at: datetime.datetime) -> list[str]:
    awaited = "régler" if order.state == OrderState.CONFIRMED else "envoyer le bon de commande signé"
    sentences = [f"L'acheteur a jusqu'à ce jour pour {awaited} ; un e-mail le lui dit."]
    if order.state == OrderState.LAPSED:
        sentences.append(
            "Les droits, qui avaient pris fin, reprennent aussitôt, et l'acheteur sera relancé de nouveau."
        )
    if any(entitlement.suspended_at for entitlement in list_entitlements(order)):
        sentences.append("Vous aviez suspendu ces droits : prolonger ne les rétablit pas, « Rétablir » le fait.")
    return sentences


def _initial_prolongation(order: Order, at: datetime.datetime) -> dict[str, Any]:
    entitlements, today = list_entitlements(order), date_in_paris(at)
    days = [entitlement.temporary_until for entitlement in entitlements if entitlement.temporary_until is not None]
    last = min((entitlement.last_day for entitlement in entitlements), default=today)
    return {"until": min(max([today, *days]) + _PROLONGATION, last)}


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
        run=call(
            operations.open_reviewed_order,
            "order_id",
            "Droits temporaires ouverts ; l'acheteur en reçoit un e-mail.",
        ),
    ),
    AdminAction(
        path="refuser",
        label="Refuser la commande",
        is_available=lambda order: order.state == OrderState.IN_REVIEW,
        explanation=_explain_refusal,
        run=call(
            billing_operations.cancel, "order_id", lambda order, *_: f"{order} refusée ; l'acheteur en reçoit le motif."
        ),
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
    *_MONEY_ACTIONS,
    *_CREDIT_ACTIONS,
    AdminAction(
        path="refuser-le-bon",
        label="Refuser le document déposé",
        is_available=lambda order: order.state in AWAITING_PURCHASE_ORDER and get_waiting_scan(order) is not None,
        explanation=_explain_scan_refusal,
        run=_refuse_scan,
        form=ReasonForm,
    ),
    *_PAYER_ACTIONS,
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
        run=call(operations.restore, "order_id", "Droits rétablis."),
    ),
    AdminAction(
        path="prolonger",
        label="Prolonger les droits",
        is_available=lambda order: order.state in OWED_STATES,
        explanation=_explain_prolongation,
        run=call(
            purchase_orders.prolong,
            "order_id",
            lambda _order, _done, typed: f"Droits prolongés jusqu'au {long_date(typed['until'])} inclus.",
        ),
        form=ProlongationForm,
        initial=_initial_prolongation,
    ),
    VAT_CORRECTION,
    AdminAction(
        path="commencer",
        label="Rendre utilisable dès aujourd'hui",
        is_available=_has_start_to_come,
        explanation=_explain_early_start,
        run=call(
            operations.start_early,
            "order_id",
            "Licences utilisables dès aujourd'hui ; l'acheteur en reçoit un e-mail.",
        ),
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
        run=call(operations.suspend, "order_id", "Droits suspendus. « Rétablir » les rend."),
        form=SuspensionForm,
        initial=lambda order, _at: {
            "cause": SuspensionCause.UNPAID if order.state in OWED_STATES else SuspensionCause.OPERATOR
        },
        primary=False,
    ),
    AdminAction(
        path="annuler",
        label="Annuler la commande",
        is_available=lambda order: order.state in (*OWED_STATES, OrderState.PAID),
        explanation=_explain_cancellation,
        run=call(billing_operations.cancel, "order_id", lambda order, *_: f"{order} annulée."),
        form=ReasonForm,
        primary=False,
    ),
)
