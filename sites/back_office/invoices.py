"""Invoices and credit notes: immutable once issued, with their platform statuses; reissued if turned down."""

import datetime
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from core.documents import build_file_response
from core.formatting import euros
from licensing.books.billing import invoicing
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import (
    Invoice,
    InvoiceKind,
    PlatformStatus,
    latest_platform_status,
)
from licensing.books.billing.operations import list_next_states
from licensing.books.billing.queries import get_amount_received, get_balance, search_invoices
from licensing.books.billing.transmission import platforms
from licensing.books.billing.transmission.models import PENDING_STATES, TransmissionKind
from licensing.books.billing.transmission.operations import get_latest_transmission, give_up, list_silent
from licensing.orders import payers
from sites.back_office.forms import PlatformStatusForm, ReasonForm, TakingBackForm
from sites.back_office.model_admins import (
    ActionAdmin,
    AdminAction,
    Pages,
    ReadOnlyInline,
    call,
    choice_filter,
    column,
    read_sentences,
)
from sites.back_office.transmissions import DepositBatchActions, TransmissionPages, describe_transmission


def is_turned_down(invoice: Invoice) -> bool:
    """Whether the invoice was turned down and no credit note cancels it yet."""
    return Invoice.objects.rejected().filter(pk=invoice.pk).exists()


def _take_back(invoice: Invoice, *, reason: str, by: User, at: datetime.datetime) -> str:
    last = invoice.get_latest_status()
    if last is None:
        return f"{invoice} n'a pas d'état à reprendre."
    billing_operations.take_back_platform_status(status_id=last.pk, reason=reason, by=by, at=at)
    before = invoice.get_latest_status()
    return f"État repris. {invoice} : {before.get_state_display().lower() if before else 'sans état'}."


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


def is_to_deposit(invoice: Invoice) -> bool:
    """Return whether the invoice waits among « À déposer », and was not sent from there."""
    if invoice.route is None or get_latest_transmission(invoice) is not None:
        return False
    return invoicing.list_undeposited(invoice.route).filter(pk=invoice.pk).exists()


def _list_readers(_today: datetime.date) -> dict[str, Callable[[Invoice], Any]]:
    """Return what the sentences about an invoice are made of."""
    return {
        "balance": lambda invoice: get_balance(invoice.order),
        "check": lambda invoice: payers.check_order(invoice.order),
        "is_current": lambda invoice: (
            invoice.kind == InvoiceKind.INVOICE and Invoice.objects.current().filter(pk=invoice.pk).exists()
        ),
        "is_sent_from_here": lambda invoice: platforms.is_configured(invoice.route),
        "is_to_deposit": is_to_deposit,
        "is_turned_down": is_turned_down,
        "latest": lambda invoice: invoice.get_latest_status(),
        "notes": lambda invoice: invoice.credit_notes.defer("xml", "snapshot").order_by("pk"),
        "received": lambda invoice: get_amount_received(invoice.order),
        "transmission": _describe_latest_transmission,
    }


def _describe_latest_transmission(invoice: Invoice) -> str:
    """Return how the transmission went; empty where there was none, or its outcome was noted by hand."""
    sent = get_latest_transmission(invoice)
    if sent is None or (sent.state in PENDING_STATES and invoice.get_latest_status() is not None):
        return ""
    return describe_transmission(sent, is_late=list_silent(timezone.now()).contains(sent))


INVOICE_ACTIONS: tuple[AdminAction[Invoice], ...] = (
    AdminAction(
        path="refaire",
        label="Refaire sous un nouveau numéro",
        is_available=is_turned_down,
        readers=_list_readers,
        run=call(
            billing_operations.reissue_invoice,
            "invoice_id",
            lambda invoice, issued, _: (
                f"{invoice} annulée par l'avoir {invoice.get_cancelling_note()} ; facture {issued} émise."
            ),
        ),
        form=ReasonForm,
        initial=lambda invoice, _at: {"reason": getattr(invoice.get_latest_status(), "reason", "")},
    ),
    AdminAction(
        path="etat",
        label="Noter son état sur la plateforme",
        is_available=lambda invoice: bool(list_next_states(invoice)),
        run=call(
            billing_operations.record_platform_status,
            "invoice_id",
            lambda invoice, status, _: f"{invoice} : {status.get_state_display().lower()}.",
        ),
        form=PlatformStatusForm,
    ),
    AdminAction(
        path="ne-plus-attendre",
        label="Ne plus attendre la plateforme",
        is_available=_is_unanswered,
        run=_give_up,
        form=TakingBackForm,
        primary=False,
    ),
    AdminAction(
        path="reprendre",
        label="Reprendre le dernier état",
        is_available=lambda invoice: invoice.get_latest_status() is not None,
        readers=_list_readers,
        run=_take_back,
        form=TakingBackForm,
        primary=False,
    ),
)


TurnedDownFilter = choice_filter(
    "ce qui attend",
    "attend",
    {"rejetees": "rejetée ou refusée, à refaire", "litiges": "en litige, à répondre"},
    lambda invoices, waiting: invoices.rejected() if waiting == "rejetees" else invoices.disputed(),
)


class StatusInline(ReadOnlyInline):
    model = PlatformStatus
    fields = ("at", "described", "reason", "by")
    readonly_fields = ("described",)
    ordering = ("-at", "-pk")

    @admin.display(description="état")
    def described(self, status: PlatformStatus) -> str:
        """Return the state in French, or which one is taken back."""
        label = status.get_state_display()
        return f"« {label} » repris" if status.takes_back_id else label


@admin.register(Invoice)
class InvoiceAdmin(TransmissionPages, DepositBatchActions, ActionAdmin[Invoice]):
    """All invoices and credit notes, in one gapless series per year."""

    list_display = ("number", "kind", "order", "payer", "money", "issued_on", "due_on", "platform")
    list_filter = (TurnedDownFilter, "kind", "year", "issued_on")
    list_select_related = ("order",)
    search_fields = ("number",)  # enables the search field; `get_search_results` does the search
    search_help_text = "Numéro de facture (P2026 000010) ou de commande, montant TTC (1 234,50), nom ou SIRET du payeur"
    ordering = ("-year", "-sequence")
    readonly_fields = ("ht", "vat", "money")
    inlines = (StatusInline,)
    admin_actions = INVOICE_ACTIONS

    def get_fields(self, request: HttpRequest, obj: Invoice | None = None) -> tuple[str, ...]:
        """Return the fields; a credit note shows the invoice it corrects instead of a due date."""
        is_credit_note = obj is not None and obj.kind == InvoiceKind.CREDIT_NOTE
        other = "corrects" if is_credit_note else "due_on"
        return ("kind", "number", "order", "buyer_kind", other, "issued_on", "ht", "vat", "money")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """Return the invoices annotated with their platform status, without their large columns."""
        invoices: QuerySet[Invoice] = super().get_queryset(request)
        return invoices.annotate(status=latest_platform_status()).defer("xml", "snapshot")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        """Search by number, amount, order or client, as they are typed."""
        return (search_invoices(queryset, search_term) if search_term.strip() else queryset), False

    payer = column("payeur", "order.bill_name")
    money = column("total TTC", "total_ttc", euros, ordering="total_ttc")
    ht = column("total HT", "total_ht", euros)
    vat = column("TVA", "total_vat", euros)

    @admin.display(description="plateforme")
    def platform(self, invoice: Invoice) -> str:
        """Return the platform status in French."""
        state = getattr(invoice, "status", None)
        return str(dict(PlatformStatus._meta.get_field("state").flatchoices).get(state, "–"))  # noqa: SLF001 - documented

    def status_sentences(self, row: Invoice) -> list[str]:
        """Return who pays, whether they did, how to file it, what was taken back, and how the transmission went."""
        return read_sentences(row, "status", _list_readers, timezone.now())[""]

    def links(self, row: Invoice) -> list[tuple[str, str]]:
        """Return the links to the PDF, the XML, the order, its payments, and where it is to be filed."""
        batch = [("Factures à déposer", self.page_url("batch"))] if is_to_deposit(row) else []
        payments = reverse("admin:payments_payment_changelist")
        return [
            *batch,
            (f"{row} en PDF (Factur-X)", self.page_url("document", row.pk)),
            ("Ses données seules (XML)", self.page_url("data", row.pk)),
            (str(row.order), reverse("admin:orders_order_change", args=[row.order_id])),
            ("Ses règlements", f"{payments}?{urlencode({'order__id__exact': row.order_id})}"),
        ]

    pages: Pages = (
        ("<int:pk>/document/", "document", "billing_invoice_document"),
        ("<int:pk>/donnees/", "data", "billing_invoice_data"),
    )

    def document(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the issued PDF, rendering it now if the worker has not yet."""
        document = invoicing.get_or_create_document(get_object_or_404(Invoice, pk=pk), at=timezone.now())
        return build_file_response(
            document.content, name=f"{document.number}.pdf", content_type="application/pdf", inline=True
        )

    def data(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the XML that the PDF embeds."""
        invoice = get_object_or_404(Invoice, pk=pk)
        return build_file_response(
            invoice.xml.encode(), name=f"{invoice.number}.xml", content_type="application/xml", inline=True
        )
