"""Operations on orders that issue, cancel or follow invoices. Each locks the order first."""

import datetime
from collections.abc import Callable, Collection

from django.db import transaction

from accounts.models import User
from core import formatting
from core.exceptions import Refusal
from licensing.books.billing.invoicing import (
    issue_credit_note,
    issue_invoice,
    issue_partial_credit_note,
    lock_undeposited,
)
from licensing.books.billing.models import (
    PAYING_STATES,
    REASONED_STATES,
    REJECTED_STATES,
    Invoice,
    InvoiceKind,
    PlatformState,
    PlatformStatus,
)
from licensing.books.billing.queries import get_amount_received
from licensing.orders import billing_details, order_events, payers, rights
from licensing.orders.exceptions import BadBilling, NoReason
from licensing.orders.models import UNSIGNED_STATES, Order, OrderKind, OrderLine, OrderState, ScanState
from licensing.orders.order_events import lock_order


@transaction.atomic
def confirm(*, order_id: int, by: User, at: datetime.datetime, by_payment: bool = False) -> Invoice:
    """Confirm that the signed purchase order was received, by post or as a scan; issue the invoice and return it.

    `by_payment`: it was not, and a payment that has been recorded stands for it. A lapsed order gets its rights back.
    Idempotent. Raises `Refusal`.
    """
    order = lock_order(order_id)
    if order.state == OrderState.CONFIRMED:
        return order.invoices.current().get()
    if order.state not in (OrderState.PLACED, OrderState.LAPSED):
        raise order.refuse_state("Aucun bon de commande n'est attendu.")
    missing = payers.check_order(order).missing
    if missing:
        raise Refusal(
            "incomplete_for_invoice",
            f"La facture ne peut pas encore être émise. {' '.join(one.sentence for one in missing)}",
        )
    scan = order.scans.defer("content").filter(state=ScanState.WAITING).first()
    order.scans.filter(state=ScanState.WAITING).update(state=ScanState.ACCEPTED, decided_at=at, decided_by=by)
    if scan is not None:
        order.received_at = scan.received_at
    elif not by_payment:
        order.received_at = at
    order.change(state=OrderState.CONFIRMED, confirmed_at=at, received_at=order.received_at)
    invoice = issue_invoice(order, at=at)
    was_suspended = rights.is_suspended(order, at=at)
    rights.await_payment(order, until=get_rights_end(order, invoice))
    # A suspension by the operator stays in force.
    resumed = was_suspended and not rights.is_suspended(order, at=at)
    order_events.record(
        order,
        "confirmed",
        f"{'règlement' if by_payment else 'bon de commande'} reçu, facture {invoice.number} émise"
        f" ({formatting.euros(invoice.total_ttc)}).",
        by=by,
        at=at,
        email=order_events.INVOICED,
        invoice=invoice.pk,
        resumed=resumed,
    )
    return invoice


def get_rights_end(order: Order, invoice: Invoice) -> datetime.date:
    """Return the last day of rights for an unpaid invoice; after it the operator decides.

    Never shortens rights that the operator prolonged.
    """
    days = (rights.get_entitlement(order).temporary_until, order.prolonged_until)
    until = rights.get_provisional_end(order, invoice.issued_on)
    return max([until, *(day for day in days if day is not None)])


@transaction.atomic
def cancel(
    *,
    order_id: int,
    reason: str,
    by: User | None,
    at: datetime.datetime,
    notification: str = order_events.CANCELLED,
) -> Order:
    """Cancel an order: issue a credit note if it was invoiced, withdraw its rights; return it. Nothing is deleted.

    `by` is None when the card provider refunded it. `notification`: the kind of the buyer's e-mail. Payments are
    refunded separately. Idempotent. Raises `NoReason` or `Refusal`.
    """
    reason = reason.strip()
    if not reason:
        raise NoReason("Dites pourquoi cette commande est annulée : l'acheteur le lira, et les livres le gardent.")
    order = lock_order(order_id)
    if order.state == OrderState.CANCELLED:
        return order
    if order.kind == OrderKind.GRANT:
        raise Refusal("not_in_this_state", "Une dotation ne s'annule pas : suspendez-la.")
    invoice = order.invoices.current().first()
    credit = issue_credit_note(invoice, at=at, reason=reason) if invoice is not None else None
    if OrderLine.objects.filter(order=order, entitlement__isnull=False).exists():
        rights.withdraw(order, at=at)
    order.scans.filter(state=ScanState.WAITING).update(
        state=ScanState.REFUSED, reason="Commande annulée.", decided_at=at, decided_by=by
    )
    order.change(state=OrderState.CANCELLED, cancelled_at=at, cancellation_reason=reason)
    summary = f"annulée ({reason})" + (f" ; avoir {credit.number} émis." if credit is not None else ".")
    was_placed = order.placed_at is not None
    order_events.record(order, "cancelled", summary, by=by, at=at, email=notification if was_placed else "")
    return order


@transaction.atomic
def reissue_invoice(
    *,
    invoice_id: int,
    reason: str,
    by: User,
    at: datetime.datetime,
    change: Callable[[Order], None] | None = None,
) -> Invoice:
    """Cancel an invoice rejected by a platform or its addressee, issue another under a new number; return it.

    Its partial credit notes are issued anew on the other, to the cent. `change`: what is done to the order between
    both, while no invoice of it counts.

    Raises `NoReason` or `Refusal`.
    """
    reason = reason.strip()
    if not reason:
        raise NoReason("Dites pourquoi la facture est refaite : l'avoir le porte.")
    order = lock_order(Invoice.objects.values_list("order_id", flat=True).get(pk=invoice_id))
    invoice = Invoice.objects.get(pk=invoice_id)
    if invoice.kind != InvoiceKind.INVOICE or invoice.get_cancelling_note() is not None:
        raise Refusal("not_in_this_state", f"{invoice} est déjà annulée par un avoir.")
    if order.state not in (OrderState.CONFIRMED, OrderState.PAID):
        raise order.refuse_state("Sa facture ne se refait pas.")
    _check_not_being_paid(order, invoice)
    missing = payers.check_order(order).missing
    if missing:
        raise Refusal("incomplete_for_invoice", " ".join(one.sentence for one in missing))
    credit = issue_credit_note(invoice, at=at, reason=reason, replaced=True)
    if change is not None:
        change(order)
    issued = issue_invoice(order, at=at)
    for note in invoice.credit_notes.filter(is_partial=True).order_by("pk"):
        issue_partial_credit_note(
            issued,
            ttc=note.total_ttc,
            licences=note.snapshot["corrects"]["licences"],
            reason=note.snapshot["corrects"]["reason"],
            # An invoice that states what was paid in all gives the part back.
            goes_back=bool(issued.snapshot["paid_on"]),
            at=at,
        )
    if order.state == OrderState.CONFIRMED:
        rights.await_payment(order, until=get_rights_end(order, issued))
    order_events.record(
        order,
        "reinvoiced",
        f"facture {invoice.number} annulée par l'avoir {credit.number}, refaite sous le numéro {issued.number}.",
        by=by,
        at=at,
        email=order_events.INVOICED,
        invoice=issued.pk,
    )
    return issued


def _check_not_being_paid(order: Order, invoice: Invoice) -> None:
    """Raise `Refusal` where the payer pays this invoice, or has paid a part of it: under its number."""
    last = invoice.get_latest_status()
    if last is not None and last.state in PAYING_STATES:
        raise Refusal(
            "not_in_this_state",
            f"{invoice} est « {last.get_state_display().lower()} » : elle ne se refait pas. Si cet état est faux, "
            "reprenez-le d'abord.",
        )
    received = get_amount_received(order)
    if 0 < received < order.owed:
        raise Refusal(
            "not_in_this_state",
            f"{formatting.euros(received)} sont déjà reçus sous le numéro {invoice} : elle ne se refait pas avant "
            "d'être entièrement réglée.",
        )


@transaction.atomic
def reissue_with_vat(
    *,
    order_id: int,
    treatment: str,
    exemption: str = "",
    vat_number: str = "",
    reason: str,
    by: User,
    at: datetime.datetime,
) -> Invoice:
    """Reissue an order's rejected invoice with the VAT that `correct_vat` would give it; return the new invoice.

    Both happen at once: an order has never another VAT than its invoice. Raises what `correct_vat` and
    `reissue_invoice` do; `Refusal` also where nothing would change, or the total would although something was
    paid, or credited in part.
    """
    order = lock_order(order_id)
    rejected = order.invoices.rejected().first()
    if rejected is None:
        raise Refusal(
            "not_in_this_state", f"{order} n'a pas de facture rejetée : après la facture, seul un avoir corrige la TVA."
        )

    def change(order: Order) -> None:
        before, received = order.total_ttc, get_amount_received(order)
        applied = billing_details.apply_correction(
            order, treatment=treatment, exemption=exemption, vat_number=vat_number, reason=reason, by=by, at=at
        )
        if not applied:
            raise Refusal("not_in_this_state", f"{order} a déjà cette TVA : refaites sa facture telle quelle.")
        if order.credited and order.total_ttc != before:
            raise Refusal(
                "not_in_this_state",
                f"{formatting.euros(order.credited)} sont repris par un avoir partiel, et le total changerait : annulez"
                " la commande, et passez-en une autre.",
            )
        if received > 0 and order.total_ttc != before:
            raise Refusal(
                "not_in_this_state",
                f"{formatting.euros(received)} sont reçus, et le total passerait de {formatting.euros(before)} à"
                f" {formatting.euros(order.total_ttc)} : annulez la commande, et passez-en une autre.",
            )

    return reissue_invoice(invoice_id=rejected.pk, reason=reason, by=by, at=at, change=change)


# Statuses of invoices on Chorus Pro or an approved platform, as recorded by the operator.
#
# Append-only: a status recorded by mistake is taken back by another row. A rejected invoice is replaced by
# `reissue_invoice`: a credit note, and an invoice under a new number.

_ANY = frozenset(PlatformState) - {PlatformState.COMPLETED}
# Allowed transitions: steps may be skipped, never reverted; only a new invoice follows a rejection. A completed invoice
# goes on from where it was when it was suspended.
_TRANSITIONS: dict[str, frozenset[PlatformState]] = {
    "": _ANY,
    PlatformState.DEPOSITED: _ANY - {PlatformState.DEPOSITED},
    PlatformState.RECEIVED: _ANY - {PlatformState.DEPOSITED, PlatformState.RECEIVED},
    PlatformState.APPROVED: frozenset(
        {
            PlatformState.IN_PAYMENT,
            PlatformState.COLLECTED,
            PlatformState.DISPUTED,
            PlatformState.REFUSED,
            PlatformState.SUSPENDED,
        }
    ),
    # Settled between buyer and seller, or given up.
    PlatformState.DISPUTED: _ANY - {PlatformState.DEPOSITED, PlatformState.RECEIVED, PlatformState.DISPUTED},
    PlatformState.IN_PAYMENT: frozenset({PlatformState.COLLECTED}),
    PlatformState.SUSPENDED: REJECTED_STATES | {PlatformState.COMPLETED},
    # Addressed anew on Chorus Pro, it is deposited again under its number.
    PlatformState.TO_RECYCLE: REJECTED_STATES | {PlatformState.DEPOSITED},
    PlatformState.COLLECTED: frozenset(),
    PlatformState.REJECTED: frozenset(),
    PlatformState.REFUSED: frozenset(),
}


def list_next_states(invoice: Invoice) -> frozenset[PlatformState]:
    """Return the states that may follow the invoice's latest one; nearly all when there is none yet."""
    statuses = PlatformStatus.objects.effective().filter(invoice=invoice)
    states = list(statuses.in_order().values_list("state", flat=True))
    while states and states[-1] == PlatformState.COMPLETED:
        # It completes the suspension just before.
        del states[-2:]
    return _TRANSITIONS[states[-1] if states else ""]


@transaction.atomic
def record_platform_status(
    *, invoice_id: int, state: str, reason: str = "", by: User | None, at: datetime.datetime
) -> PlatformStatus:
    """Record the status of an invoice or credit note on its platform; return it. Idempotent.

    Raises `NoReason` where the state needs one, or `Refusal` for a transition that is not allowed, or for an invoice
    « encaissée » that is not paid.
    """
    new_state, reason = PlatformState(state), " ".join(reason.split())
    order = lock_order(Invoice.objects.values_list("order_id", flat=True).get(pk=invoice_id))
    invoice = Invoice.objects.defer("xml", "snapshot").get(pk=invoice_id)
    last = invoice.get_latest_status()
    if last is not None and last.state == new_state:
        return last
    if new_state in REASONED_STATES and not reason:
        raise NoReason("Recopiez le motif que donne la plateforme : il dit ce qu'il faut corriger.")
    if new_state not in list_next_states(invoice):
        raise Refusal(
            "invalid_status",
            f"{invoice.number} {f'est « {last.get_state_display()} »' if last else 'n’a pas encore d’état'} : "
            f"elle ne peut pas être « {new_state.label} ».",
        )
    if new_state == PlatformState.COLLECTED and not (
        invoice.kind == InvoiceKind.INVOICE and order.state == OrderState.PAID
    ):
        raise Refusal("invalid_status", f"{invoice.number} n'est pas réglée : enregistrez d'abord son règlement.")
    return save_status(order, PlatformStatus(invoice=invoice, state=new_state, reason=reason, at=at, by=by))


def save_status(order: Order, status: PlatformStatus) -> PlatformStatus:
    """Save a new status of an order's invoice, whatever the one before, and record the event; return it."""
    status.save(force_insert=True)
    suffix = f" : {status.reason}" if status.reason else "."
    summary = f"{status.invoice.get_kind_display()} {status.invoice.number} – {status.get_state_display().lower()}"
    order_events.record(order, f"platform_{status.state}", f"{summary}{suffix}", by=status.by, at=status.at)
    return status


@transaction.atomic
def take_back_platform_status(*, status_id: int, reason: str, by: User, at: datetime.datetime) -> PlatformStatus:
    """Take back the latest status of an invoice, recorded by mistake; return the row that does. Idempotent.

    The invoice is then as it was before. Raises `NoReason`, or `Refusal` if another status followed, or if the
    invoice was cancelled since.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise NoReason("Dites pourquoi cet état est repris : il reste dans l'historique, avec ce motif.")
    order = lock_order(PlatformStatus.objects.values_list("invoice__order_id", flat=True).get(pk=status_id))
    status = (
        PlatformStatus.objects.select_related("invoice").defer("invoice__xml", "invoice__snapshot").get(pk=status_id)
    )
    known = PlatformStatus.objects.filter(takes_back=status).first()
    if known is not None:
        return known
    invoice = status.invoice
    if invoice.get_latest_status() != status:
        raise Refusal("invalid_status", f"{invoice.number} : seul son dernier état se reprend.")
    if status.state in REJECTED_STATES and invoice.get_cancelling_note() is not None:
        raise Refusal(
            "invalid_status", f"{invoice.number} est annulée par un avoir depuis ce rejet : il ne se reprend plus."
        )
    taking_back = PlatformStatus.objects.create(
        invoice=invoice, state=status.state, reason=reason, takes_back=status, at=at, by=by
    )
    summary = (
        f"{invoice.get_kind_display()} {invoice.number} – état « {status.get_state_display().lower()} » repris, noté "
        f"par erreur : {reason}"
    )
    order_events.record(order, "platform_taken_back", summary, by=by, at=at)
    return taking_back


@transaction.atomic
def record_deposit(*, invoice_ids: Collection[int], by: User, at: datetime.datetime) -> int:
    """Record a batch of invoices as deposited; return how many were to be deposited still."""
    recorded = 0
    for invoice in lock_undeposited(invoice_ids):
        record_platform_status(invoice_id=invoice.pk, state=PlatformState.DEPOSITED, by=by, at=at)
        recorded += 1
    return recorded


def is_correctable(order: Order) -> bool:
    """Return whether what the next invoice says can change: none is issued yet, or the current one was rejected."""
    return order.state in UNSIGNED_STATES or order.invoices.rejected().exists()


@transaction.atomic
def complete_billing_details(
    *,
    order_id: int,
    siret: str,
    service_code: str,
    engagement_number: str,
    siren: str | None = None,
    by: User,
    at: datetime.datetime,
) -> Order:
    """Complete the references an invoice needs, before it is issued or after a rejection; return the order.

    `siren`: of a business without a SIRET; None to leave it as it is. Raises `Refusal` or `BadBilling`.
    """
    order = lock_order(order_id)
    if order.state != OrderState.DRAFT:
        _check_correctable(order)
    columns = ("siret", "siren", "service_code", "engagement_number")
    before = [getattr(order, column) for column in columns]
    billing_details.set_invoice_references(
        order, siret=siret, siren=siren, service_code=service_code, engagement_number=engagement_number
    )
    if before == [getattr(order, column) for column in columns]:
        return order
    order.save(update_fields=columns)
    order_events.record(order, "completed", "informations de facturation complétées.", by=by, at=at)
    return order


@transaction.atomic
def correct_billing_details(
    *, order_id: int, billing: billing_details.BillingDetails, by: User, at: datetime.datetime
) -> Order:
    """Correct who pays a placed order, before its invoice or after it was rejected; return the order.

    Documents stay as issued: the quote is not made anew, and the purchase order gets another rank. The VAT follows the
    new place. Notifies the buyer when another person corrects. Idempotent. Raises `Refusal` or `BadBilling`.
    """
    order = lock_order(order_id)
    _check_correctable(order)
    before = billing_details.read_billing_details(order)
    billing_details.set_billing_details(order, billing)
    after = billing_details.read_billing_details(order)
    changed = [column for column in billing_details.BILLING_COLUMNS if before[column] != after[column]]
    if not changed:
        return order
    treatment = order.vat_treatment
    _tax_by_new_place(order)
    order.save(update_fields=[*changed, "vat_treatment", "total_ht", "total_vat", "total_ttc"])
    # Without the values: an account that is closed later must not leave its address here.
    labels = ", ".join(str(Order._meta.get_field(column).verbose_name) for column in changed)  # type: ignore[union-attr]  # noqa: SLF001 - documented
    vat = "" if order.vat_treatment == treatment else f" ; TVA : {order.get_vat_treatment_display()}"
    order_events.record(order, "corrected", f"informations de facturation corrigées : {labels}{vat}.", by=by, at=at)
    if by != order.placed_by:
        order_events.notify_buyer(order, order_events.CORRECTED, at=at)
    return order


def _tax_by_new_place(order: Order) -> None:
    """Tax an order by its payer's place, unless the operator chose otherwise; never otherwise than it was invoiced."""
    if order.vat_correction:
        return
    if order.invoices.exists() and billing_details.find_expected_treatment(order) != order.vat_treatment:
        raise BadBilling(
            "Cette adresse changerait la TVA d'une commande déjà facturée : annulez-la, et passez-en une autre.",
            "postal_code",
        )
    billing_details.apply_vat_of_payer(order)


def _check_correctable(order: Order) -> None:
    if order.state == OrderState.CANCELLED:
        raise Refusal("not_in_this_state", "Cette commande est annulée : il n'y a plus rien à facturer.")
    if not is_correctable(order):
        raise Refusal(
            "not_in_this_state",
            "La facture est émise : ce qu'elle dit ne change plus. Écrivez-nous s'il faut la refaire.",
        )
