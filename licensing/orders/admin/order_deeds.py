"""What the operator may do with an order, each with the page that says what it means."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from licensing.catalogue.operations import day_in_france
from licensing.orders import operations, preflight
from licensing.orders.admin.deeds import Deed
from licensing.orders.admin.forms import PaymentForm, PostedForm, ReasonForm, ReferencesForm, UntilForm
from licensing.orders.admin.order_situation import if_refused, sources_of, waiting_scan
from licensing.orders.models import Order, OrderState, Payer, PaymentMethod
from licensing.orders.operations.billing import was_rejected
from licensing.orders.operations.placing import PROVISIONAL_DAYS
from licensing.orders.operations.receiving import LARGEST_SCAN
from licensing.subscriptions.models import Seat
from web.typography import day, euros, plural

if TYPE_CHECKING:
    from decimal import Decimal

    from django.core.files.uploadedfile import UploadedFile

    from accounts.models import User

_AWAITED = (OrderState.PLACED, OrderState.LAPSED)
_BEFORE_PAYMENT = (*_AWAITED, OrderState.CONFIRMED)
#: Who pays by mandat, most likely; a cheque comes from the others.
_BY_MANDATE = (Payer.COLLECTIVITY, Payer.TOWN_HALL)
#: What is proposed when rights are prolonged.
_A_MONTH = datetime.timedelta(days=30)
_PAUSED = "L'acheteur, ses enseignants et leurs élèves ne peuvent plus s'en servir. Rien n'est supprimé."

_UNKNOWN = (
    "Ce payeur n'est pas parmi nos organismes publics : voyez sur son bon de commande s'il porte un code service ou un "
    "numéro d'engagement."
)


def _confirmation(order: Order, at: datetime.datetime) -> list[str]:
    until = day_in_france(at) + datetime.timedelta(days=PROVISIONAL_DAYS)
    scan, judged = waiting_scan(order), preflight.of_order(order)
    if judged.missing:
        # Nothing else is true until then.
        return [
            "Il manque encore de quoi établir la facture, qui serait refusée. "
            + " ".join(one.sentence for one in judged.missing),
            "Revenez sans rien faire, complétez les références du payeur, puis confirmez.",
        ]
    told = [f"Le bon de commande signé « {scan.filename} » est accepté : l'avez-vous regardé ?"] if scan else []
    told.append(
        f"La facture de {euros(order.total_ttc)} est émise au nom de « {order.bill_name} » "
        f"({', '.join(_references(order)) or 'sans SIRET'}), sous le numéro suivant. Elle ne changera plus."
    )
    if order.state == OrderState.LAPSED:
        told.append("Les droits, qui avaient pris fin, reprennent aussitôt.")
    told.append(
        f"Les droits courent dans l'attente du règlement. S'il n'est pas venu le {day(until)}, rien ne s'arrête de "
        "soi-même : la décision vous revient."
    )
    if judged.note:
        told.append(_UNKNOWN)
    return [*told, "L'acheteur reçoit un e-mail."]


def _references(order: Order) -> list[str]:
    named = (("SIRET", order.siret), ("service", order.service_code), ("engagement", order.engagement_number))
    return [f"{name} {value}" for name, value in named if value]


def _confirm(order: Order, *, by: User, at: datetime.datetime) -> str:
    invoice = operations.confirm(order_id=order.pk, by=by, at=at)
    return f"Facture {invoice.number} émise : {euros(invoice.total_ttc)}, à régler pour le {day(invoice.due_on)}."


def _posted(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        "Le bon signé est là, mais sa facture ne peut pas encore être émise.",
        "Gardez-le ici, et complétez ses références quand vous les aurez.",
        "Les droits, qui ont pris fin, reprendront une fois la commande confirmée."
        if order.state == OrderState.LAPSED
        else "Le compte à rebours s'arrête aussitôt : rien n'est plus coupé faute de bon de commande.",
    ]


def _receive(order: Order, *, scan: UploadedFile[bytes], by: User, at: datetime.datetime) -> str:
    # One byte more than is taken tells a file that is too large; no more of it is read.
    content = scan.read(LARGEST_SCAN + 1)
    operations.receive_scan(order_id=order.pk, filename=scan.name or "", content=content, by=by, at=at)
    return "Bon de commande signé enregistré : le compte à rebours est arrêté."


def _refusing(order: Order, at: datetime.datetime) -> list[str]:
    told = ["L'acheteur reçoit votre motif par e-mail, et peut déposer un autre document."]
    if order.state == OrderState.PLACED:
        days = [source.unpaid_until for source in sources_of(order) if source.unpaid_until is not None]
        told += [if_refused(until, day_in_france(at)) for until in days]
    return told


def _refuse_scan(order: Order, *, reason: str, by: User, at: datetime.datetime) -> str:
    scan = waiting_scan(order)
    # Gone meanwhile: the operation says so.
    operations.refuse_scan(scan_id=scan.pk if scan else 0, reason=reason, by=by, at=at)
    return "Document refusé ; l'acheteur en reçoit le motif."


def _record_payment(
    order: Order,
    *,
    method: str,
    amount: Decimal,
    received_on: datetime.date,
    reference: str,
    by: User,
    at: datetime.datetime,
) -> str:
    operations.record_payment(
        order_id=order.pk, method=method, amount=amount, received_on=received_on, reference=reference, by=by, at=at
    )
    left = operations.balance(order)
    if left > 0:
        return f"{euros(amount)} enregistrés ; {euros(left)} restent à régler."
    return f"{euros(amount)} enregistrés : la commande est réglée, ses droits sont fermes."


def _payment(order: Order, _at: datetime.datetime) -> list[str]:
    return [
        f"{euros(operations.balance(order))} sont attendus pour cette commande.",
        "Une fois tout reçu, elle est réglée, ses droits deviennent fermes et reprennent s'ils étaient suspendus.",
    ]


def _prolong(order: Order, *, until: datetime.date, by: User, at: datetime.datetime) -> str:
    operations.prolong(order_id=order.pk, until=until, by=by, at=at)
    return f"Droits prolongés jusqu'au {day(until)} inclus."


def _prolonging(order: Order, _at: datetime.datetime) -> list[str]:
    told = [f"L'acheteur a jusqu'à ce jour pour {_owed(order)} ; un e-mail le lui dit."]
    if order.state == OrderState.LAPSED:
        told.append("Les droits, qui avaient pris fin, reprennent aussitôt, et l'acheteur sera relancé de nouveau.")
    if any(source.suspended_at for source in sources_of(order)):
        told.append("Vous aviez suspendu ces droits : prolonger ne les rétablit pas, « Rétablir » le fait.")
    return told


def _owed(order: Order) -> str:
    return "régler" if order.state == OrderState.CONFIRMED else "envoyer le bon de commande signé"


def _further(order: Order, at: datetime.datetime) -> dict[str, Any]:
    days = [source.temporary_until for source in sources_of(order) if source.temporary_until is not None]
    last = min((source.last_day for source in sources_of(order)), default=day_in_france(at))
    return {"until": min(max([day_in_france(at), *days]) + _A_MONTH, last)}


def _cancelling(order: Order, _at: datetime.datetime) -> list[str]:
    held = Seat.objects.filter(subscription__key__source__order_line__order=order, holder__isnull=False).count()
    told = ["Les droits ouverts par cette commande s'arrêtent aussitôt. Rien n'est supprimé."]
    if held:
        told.append(f"Ils servent aujourd'hui à {plural(held, 'enseignant')}.")
    if order.state in (OrderState.CONFIRMED, OrderState.PAID):
        told.append(f"Un avoir annule la facture {operations.live_invoice(order)}.")
    received = operations.received(order)
    if received > 0:
        told.append(f"{euros(received)} reçus seront à rembourser, depuis « Règlements ».")
    if order.state == OrderState.LAPSED:
        told.append(
            "Elle a eu ses droits temporaires sans bon de commande : une fois annulée, elle n'empêche plus l'acheteur "
            "d'en ouvrir d'autres."
        )
    return [*told, "Une commande annulée ne se rétablit pas."]


def _cancel(order: Order, *, reason: str, by: User, at: datetime.datetime) -> str:
    operations.cancel(order_id=order.pk, reason=reason, by=by, at=at)
    return f"{order} annulée."


def _complete(
    order: Order, *, siret: str, service_code: str, engagement_number: str, by: User, at: datetime.datetime
) -> str:
    operations.complete(
        order_id=order.pk,
        siret=siret,
        service_code=service_code,
        engagement_number=engagement_number,
        by=by,
        at=at,
    )
    return "Références enregistrées : la facture les portera."


def _lacking(order: Order, _at: datetime.datetime) -> list[str]:
    judged = preflight.of_order(order)
    told = [one.sentence for one in judged.missing] or ["Rien ne manque, d'après ce que nous savons de ce payeur."]
    return [*told, _UNKNOWN] if judged.note else told


def _suspend(order: Order, *, by: User, at: datetime.datetime) -> str:
    operations.suspend(order_id=order.pk, by=by, at=at)
    return "Droits suspendus. « Rétablir » les rend."


def _restore(order: Order, *, by: User, at: datetime.datetime) -> str:
    operations.restore(order_id=order.pk, by=by, at=at)
    return "Droits rétablis."


def _in_use(order: Order, *, suspended: bool) -> bool:
    return order.state != OrderState.CANCELLED and any(
        (source.suspended_at is not None) == suspended for source in sources_of(order)
    )


#: In the order in which an order mostly meets them: the first that is possible is the filled button.
DEEDS: tuple[Deed[Order], ...] = (
    Deed(
        path="confirmer",
        label="Confirmer le bon de commande et facturer",
        possible=lambda order: order.state in _AWAITED,
        says=_confirmation,
        do=_confirm,
    ),
    Deed(
        path="reglement",
        label="Enregistrer un règlement",
        possible=lambda order: order.state == OrderState.CONFIRMED,
        says=_payment,
        do=_record_payment,
        form=PaymentForm,
        initial=lambda order, at: {
            "amount": operations.balance(order),
            "received_on": day_in_france(at),
            "method": PaymentMethod.TRANSFER if order.payer in _BY_MANDATE else PaymentMethod.CHEQUE,
        },
    ),
    Deed(
        path="refuser-le-bon",
        label="Refuser le document déposé",
        possible=lambda order: order.state in _AWAITED and waiting_scan(order) is not None,
        says=_refusing,
        do=_refuse_scan,
        form=ReasonForm,
    ),
    Deed(
        path="completer",
        label="Compléter les références du payeur",
        possible=lambda order: order.state in _AWAITED or was_rejected(order),
        first=lambda order: bool(preflight.of_order(order).missing) or was_rejected(order),
        says=_lacking,
        do=_complete,
        form=ReferencesForm,
        initial=lambda order, _at: {
            "siret": order.siret,
            "service_code": order.service_code,
            "engagement_number": order.engagement_number,
        },
    ),
    Deed(
        path="recevoir",
        label="Enregistrer le bon reçu par courrier",
        # Once its invoice lacks nothing it is confirmed at once.
        possible=lambda order: (
            order.state in _AWAITED and waiting_scan(order) is None and bool(preflight.of_order(order).missing)
        ),
        says=_posted,
        do=_receive,
        form=PostedForm,
    ),
    Deed(
        path="retablir",
        label="Rétablir les droits",
        possible=lambda order: _in_use(order, suspended=True),
        says=lambda _order, _at: ["Tout reprend où il en était, dans la limite des dates affichées."],
        do=_restore,
    ),
    Deed(
        path="prolonger",
        label="Prolonger les droits",
        possible=lambda order: order.state in _BEFORE_PAYMENT,
        says=_prolonging,
        do=_prolong,
        form=UntilForm,
        initial=_further,
    ),
    Deed(
        path="suspendre",
        label="Suspendre les droits",
        possible=lambda order: _in_use(order, suspended=False),
        says=lambda _order, _at: [_PAUSED, "« Rétablir » rend tout, aussitôt ; un règlement aussi."],
        do=_suspend,
        main=False,
    ),
    Deed(
        path="annuler",
        label="Annuler la commande",
        possible=lambda order: order.state in (*_BEFORE_PAYMENT, OrderState.PAID),
        says=_cancelling,
        do=_cancel,
        form=ReasonForm,
        main=False,
    ),
)
