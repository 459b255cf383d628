"""« Mes commandes »: the list of orders and the page of each, with its documents and progress."""

import datetime
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.requests import AuthenticatedRequest
from core.calendar import date_in_paris
from core.exceptions import DomainError
from licensing.books.billing import documents, invoicing
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import Invoice, InvoiceKind, PlatformStatus
from licensing.books.billing.queries import get_amount_received, has_rejected_invoice
from licensing.books.billing.snapshots import DAYS_TO_PAY
from licensing.catalogue import terms
from licensing.entitlements.models import Entitlement
from licensing.entitlements.wording import format_long_date, status_text
from licensing.orders import billing_details, payers, purchase_orders
from licensing.orders.exceptions import BadBilling
from licensing.orders.models import (
    UNSIGNED_STATES,
    ZERO,
    ContractWithdrawal,
    Order,
    OrderEvent,
    OrderKind,
    OrderLine,
    OrderState,
    PurchaseOrderScan,
    ScanState,
)
from licensing.orders.payers import MissingDetail, is_paid_by_buyer, list_order_references
from licensing.orders.purchase_orders import MAX_SCAN_BYTES
from licensing.orders.queries import can_withdraw, get_last_withdrawal_day, list_visible_orders
from licensing.orders.settlement import BY_PURCHASE_ORDER
from licensing.orders.templatetags.shop import beneficiary_label
from licensing.payments import card, card_providers
from licensing.payments.credits import withdraw_from_contract
from sites.portal.shop_forms import PROPOSE, PayerForm, PayerReferencesForm, ShopScanForm
from web.access import signed_in
from web.page_actions import RefusalsOn, page_action

#: The button of the second step.
_CONFIRM = "confirmer"


class ContractWithdrawalForm(forms.Form):
    """Who withdraws; the order and the address of the receipt are known."""

    name = forms.CharField(
        label="Vos nom et prénom",
        max_length=ContractWithdrawal._meta.get_field("name").max_length,  # noqa: SLF001 - documented
        widget=forms.TextInput({"autocomplete": "name"}),
    )


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page_action("orders_detail", "pk")
def withdraw(request: AuthenticatedRequest, pk: int) -> HttpResponse | str:
    """Show the declaration; by POST, show it again to be confirmed, or record it."""
    order = get_object_or_404(Order, pk=pk, kind=OrderKind.SHOP, placed_by=request.user)
    now = timezone.now()
    if not can_withdraw(order, at=now):
        # Mostly the second of a double click: the order's page says that it is cancelled.
        return redirect("orders_detail", pk=pk)
    initial = {"name": request.user.get_full_name()}
    form = ContractWithdrawalForm(request.POST if request.method == "POST" else None, initial=initial)
    confirming = form.is_valid() and request.POST.get("faire") != _CONFIRM
    if form.is_valid() and not confirming:
        with RefusalsOn(form):
            withdraw_from_contract(order_id=order.pk, name=form.cleaned_data["name"], by=request.user, at=now)
            return (
                "Vous avez renoncé au contrat : la commande est annulée. L'accusé de réception est envoyé à "
                f"{request.user.email}."
            )
    context = {
        "order": order,
        "line": order.lines.select_related("school_year").get(),
        "form": form,
        "confirming": confirming,
        "last_day": get_last_withdrawal_day(order),
        "received": get_amount_received(order),
    }
    status = 422 if form.is_bound and not confirming else 200
    return render(request, "portal/shop/contract_withdrawal.html", context, status=status)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page_action("orders_detail", "pk")
def correct(request: AuthenticatedRequest, pk: int) -> HttpResponse | str:
    """Show who pays; by POST, correct it."""
    order = get_object_or_404(list_visible_orders(request.user), pk=pk)
    if request.method != "POST" and not billing_operations.is_correctable(order):
        return redirect("orders_detail", pk=pk)
    initial = asdict(billing_details.prefill_billing_details(order))
    form = PayerForm(request.POST if request.method == "POST" else None, order=order, initial=initial)
    proposed, keeps_name = request.POST.get("faire") == PROPOSE, False
    if proposed:
        details, keeps_name = form.propose_details(), form.keeps_name
        form = PayerForm(order=order, initial=details)
    elif form.is_valid():
        try:
            billing_operations.correct_billing_details(
                order_id=order.pk, billing=form.billing, by=request.user, at=timezone.now()
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            return "Les informations de facturation sont corrigées."
    context = {"order": order, "form": form, "proposed": proposed, "keeps_name": keeps_name}
    return render(request, "portal/shop/correct.html", context, status=422 if form.is_bound else 200)


def _refuse_document(request: AuthenticatedRequest, refusal: DomainError, *, pk: int) -> HttpResponse:
    messages.error(request, refusal.sentence)
    is_draft = Order.objects.filter(pk=pk, state=OrderState.DRAFT).exists()
    return redirect("shop_order" if is_draft else "orders_detail", pk=pk)


@signed_in
@require_safe
@page_action(refused=_refuse_document)
def quote(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Return the order's quote as PDF."""
    order = get_object_or_404(list_visible_orders(request.user).exclude(quote_number=""), pk=pk)
    return documents.build_download(documents.get_or_create_quote(order, at=timezone.now()))


@signed_in
@require_safe
@page_action(refused=_refuse_document)
def purchase_order(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Return the purchase order to sign as PDF, for orders paid by cheque or mandat administratif."""
    order = get_object_or_404(
        list_visible_orders(request.user).exclude(state=OrderState.DRAFT),
        pk=pk,
        method__in=BY_PURCHASE_ORDER,
    )
    return documents.build_download(documents.get_or_create_purchase_order(order, at=timezone.now()))


@signed_in
@require_safe
def invoice(request: AuthenticatedRequest, pk: int, number: str) -> HttpResponse:
    """Return an invoice or a credit note of the order as PDF."""
    order = get_object_or_404(list_visible_orders(request.user), pk=pk)
    found = get_object_or_404(order.invoices, number=number)
    return documents.build_download(invoicing.get_or_create_document(found, at=timezone.now()))


@dataclass(frozen=True, kw_only=True)
class OrderProgress:
    """An order with everything its page shows. Lists are chronological."""

    order: Order
    line: OrderLine
    day: datetime.date
    entitlement: Entitlement | None
    #: Amount received, less refunds, in euros.
    received: Decimal = ZERO
    scans: list[PurchaseOrderScan] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    events: list[OrderEvent] = field(default_factory=list)
    #: Whether its invoice was rejected and is to be reissued.
    turned_down: bool = False

    @property
    def awaits_purchase_order(self) -> bool:
        return self.order.state in UNSIGNED_STATES

    @property
    def in_review(self) -> bool:
        """Whether the operator looks at the order before its rights open."""
        return self.order.state == OrderState.IN_REVIEW

    @property
    def awaits_money(self) -> bool:
        return self.awaits_purchase_order or self.order.state == OrderState.CONFIRMED

    @property
    def waiting_scan(self) -> PurchaseOrderScan | None:
        """The signed purchase order that waits to be checked."""
        last = self.scans[-1] if self.scans and self.awaits_purchase_order else None
        return last if last is not None and last.state == ScanState.WAITING else None

    @property
    def refused_scan(self) -> PurchaseOrderScan | None:
        """The last signed purchase order, if it was refused."""
        last = self.scans[-1] if self.scans and self.awaits_purchase_order else None
        return last if last is not None and last.state == ScanState.REFUSED else None

    @property
    def current_invoice(self) -> Invoice | None:
        """The invoice not cancelled by a credit note."""
        cancelled = {one.corrects_id for one in self.invoices if not one.is_partial}
        live = (one for one in self.invoices if one.kind == InvoiceKind.INVOICE and one.pk not in cancelled)
        return next(live, None)

    @property
    def credit(self) -> Invoice | None:
        """The last credit note."""
        return next((one for one in reversed(self.invoices) if one.kind == InvoiceKind.CREDIT_NOTE), None)

    @property
    def rejected(self) -> PlatformStatus | None:
        """The latest status of the current invoice, if it is a rejection."""
        return self.current_invoice.get_rejection() if self.current_invoice is not None else None

    @property
    def missing(self) -> list[MissingDetail]:
        """Details that the invoice, or its replacement, still needs."""
        return payers.check_order(self.order).missing if self.awaits_purchase_order or self.rejected else []

    @property
    def is_correctable(self) -> bool:
        """Whether who pays can still be corrected: no invoice yet, or a rejected one."""
        return self.awaits_purchase_order or self.rejected is not None

    @property
    def by_card(self) -> bool:
        """Whether the full price can be paid by card: nothing received, no rejection, licences not expired."""
        expired = self.entitlement is not None and self.entitlement.over_on(self.day)
        fully_due = self.awaits_money and not self.received and not self.order.credited
        return fully_due and self.rejected is None and not (self.awaits_purchase_order and expired)

    @property
    def balance(self) -> Decimal:
        """Amount still due, in euros."""
        return self.order.owed - self.received

    @property
    def surplus(self) -> Decimal:
        """Amount paid in excess, in euros; negative where some is still due."""
        return -self.balance

    @property
    def temporary(self) -> datetime.date | None:
        """The last day of temporary rights; None if they are firm or suspended."""
        return self.entitlement.temporary_until if self.entitlement is not None and not self.is_suspended else None

    @property
    def is_suspended(self) -> bool:
        return self.entitlement is not None and self.entitlement.suspended_on(self.day)

    @property
    def rights(self) -> str:
        """A sentence on how long the licences are valid; empty if there are none."""
        if self.entitlement is None or self.order.state == OrderState.CANCELLED:
            return ""
        if self.entitlement.over_on(self.day):
            return f"Ces licences ont pris fin le {format_long_date(self.entitlement.last_day)}."
        sentence = status_text(self.entitlement, self.day, under_review=self.waiting_scan is not None)
        return sentence or f"Licences valables jusqu'au {format_long_date(self.entitlement.last_day)} inclus."


def list_unsigned_progress(user: User, *, at: datetime.datetime) -> list[OrderProgress]:
    """Return the orders visible to a user that are being checked or wait for their signed purchase order."""
    return list_progress(list_visible_orders(user).filter(state__in=UNSIGNED_STATES), at=at)


def get_progress(order: Order, *, at: datetime.datetime) -> OrderProgress:
    """Return an order with everything its page shows."""
    line = order.lines.select_related("school_year", "entitlement").get()
    return OrderProgress(
        order=order,
        line=line,
        day=date_in_paris(at),
        entitlement=line.entitlement,
        received=get_amount_received(order),
        scans=list(order.scans.defer("content").order_by("pk")),
        invoices=list(order.invoices.defer("xml", "snapshot").order_by("pk")),
        events=list(order.events.order_by("at", "pk")),
        turned_down=order.invoices.rejected().exists(),
    )


def list_progress(orders: QuerySet[Order], *, at: datetime.datetime) -> list[OrderProgress]:
    """Return the orders of a list, in a fixed number of queries."""
    annotated = list(orders.prefetch_related("placed_by__affiliations").annotate(turned_down=has_rejected_invoice()))
    lines = {
        line.order_id: line
        for line in OrderLine.objects.filter(order__in=annotated).select_related("school_year", "entitlement")
    }
    waiting = PurchaseOrderScan.objects.filter(order__in=annotated, state=ScanState.WAITING).defer("content")
    scans = {scan.order_id: [scan] for scan in waiting}
    return [
        OrderProgress(
            order=order,
            line=lines[order.pk],
            day=date_in_paris(at),
            entitlement=lines[order.pk].entitlement,
            scans=scans.get(order.pk, []),
            turned_down=vars(order)["turned_down"],
        )
        for order in annotated
    ]


@signed_in
@require_safe
@never_cache
def order_list(request: AuthenticatedRequest) -> HttpResponse:
    """List the user's orders and those of the schools they lead, latest first."""
    progress = list_progress(list_visible_orders(request.user), at=timezone.now())
    return render(request, "portal/shop/list.html", {"progress": progress})


@signed_in
@require_safe
@never_cache
def detail(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Show an order's status, next step and deadline."""
    order = _get_order(request, pk)
    if order.placed_at is None and order.placed_by_id == request.user.pk:
        return redirect("shop_order", pk=pk)
    return _render(request, order)


@signed_in
@require_POST
@page_action("orders_detail", "pk")
def upload_scan(request: AuthenticatedRequest, pk: int) -> HttpResponse | str:
    """Receive the upload of the signed purchase order."""
    order = _get_order(request, pk)
    form = ShopScanForm(request.POST, request.FILES)
    if not form.is_valid():
        return _render(request, order, status=422, scan_form=form)
    file = form.cleaned_data["file"]
    with RefusalsOn(form, "file"):
        purchase_orders.receive_scan(
            order_id=order.pk,
            filename=file.name,
            # One byte over the limit is enough to detect a file that is too large.
            content=file.read(MAX_SCAN_BYTES + 1),
            by=request.user,
            at=timezone.now(),
        )
        return "Le bon de commande signé est déposé : nous le vérifions, puis la facture est émise."
    return _render(request, order, status=409, scan_form=form)


def _refuse(request: AuthenticatedRequest, refusal: DomainError, *, pk: int) -> HttpResponse:
    return _render(request, _get_order(request, pk), status=409, refusal=refusal)


@signed_in
@require_POST
@page_action("orders_detail", "pk", refused=_refuse)
def complete(request: AuthenticatedRequest, pk: int) -> HttpResponse | str:
    """Complete the references that the invoice of a public payer or a business will carry."""
    order = _get_order(request, pk)
    form = PayerReferencesForm(request.POST, shown=list_order_references(order), initial={})
    if not form.is_valid():
        return _render(request, order, status=422, references_form=form)
    try:
        billing_operations.complete_billing_details(
            order_id=order.pk, **form.cleaned_data, by=request.user, at=timezone.now()
        )
    except BadBilling as refusal:
        form.add_refusal(refusal)
        return _render(request, order, status=422, references_form=form)
    return "Les informations de facturation sont enregistrées."


@signed_in
@require_POST
@page_action(refused=_refuse)
def pay_by_card(request: AuthenticatedRequest, pk: int) -> HttpResponse:
    """Start the card payment of an order placed with another payment method."""
    order = _get_order(request, pk)
    payment = card.start_attempt(order_id=order.pk, by=request.user, at=timezone.now())
    return redirect(payment.get_process_url())


def _get_order(request: AuthenticatedRequest, pk: int) -> Order:
    return get_object_or_404(list_visible_orders(request.user), pk=pk)


def _render(request: AuthenticatedRequest, order: Order, *, status: int = 200, **overrides: Any) -> HttpResponse:
    order.refresh_from_db(from_queryset=Order.objects.select_related("school", "placed_by"))
    now = timezone.now()
    progress = get_progress(order, at=now)
    withdrawable = order.placed_by_id == request.user.pk and can_withdraw(order, at=now)
    context = {
        "progress": progress,
        "order": order,
        "beneficiary": beneficiary_label(order),
        "days_to_pay": DAYS_TO_PAY,
        "own_payment": is_paid_by_buyer(order),
        "line": progress.line,
        "terms_address": terms.get_terms_url(order.terms_version or terms.CURRENT),
        "withdrawal_until": get_last_withdrawal_day(order) if withdrawable else None,
        "scan_form": ShopScanForm(),
        "references_form": PayerReferencesForm(
            shown=list_order_references(order),
            initial={
                "siret": order.siret,
                "siren": order.siren,
                "service_code": order.service_code,
                "engagement_number": order.engagement_number,
            },
        ),
        "by_card": progress.by_card and order.placed_by_id == request.user.pk and card_providers.is_available(),
        **overrides,
    }
    return render(request, "portal/shop/detail.html", context, status=status)
