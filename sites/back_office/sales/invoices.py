"""Invoices and credit notes: immutable once issued, with their platform statuses; reissued if turned down."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import TabularInline

from core import formatting
from core.calendar import date_in_paris
from core.documents import build_file_response
from licensing.billing import invoicing
from licensing.billing.models import Invoice, InvoiceKind, InvoiceQuerySet, PlatformStatus, latest_platform_status
from licensing.billing.queries import search_invoices
from licensing.billing.transmission.models import PENDING_STATES
from licensing.billing.transmission.operations import get_latest_transmission, list_silent
from sites.back_office.read_only import ReadOnlyAdminMixin
from sites.back_office.sales import invoice_status
from sites.back_office.sales.admin_actions import ActionAdmin
from sites.back_office.sales.deposit_batch import DepositBatchActions
from sites.back_office.sales.invoice_actions import INVOICE_ACTIONS, is_turned_down
from sites.back_office.sales.transmissions import TransmissionPages, describe_transmission


class TurnedDownFilter(admin.SimpleListFilter):
    title = "ce qui attend"
    parameter_name = "attend"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the choices."""
        return [("rejetees", "rejetée ou refusée, à refaire"), ("litiges", "en litige, à répondre")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """Keep the invoices to reissue, or those that their buyer disputes."""
        invoices = cast("InvoiceQuerySet", queryset)
        kept = {"rejetees": invoices.rejected, "litiges": invoices.disputed}.get(self.value() or "")
        return kept() if kept else queryset


class StatusInline(ReadOnlyAdminMixin, TabularInline):
    model = PlatformStatus
    extra = 0
    show_title = False
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
        return (
            "kind",
            "number",
            "order",
            "buyer_kind",
            "corrects" if is_credit_note else "due_on",
            "issued_on",
            "ht",
            "vat",
            "money",
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """Return the invoices annotated with their platform status, without their large columns."""
        invoices: QuerySet[Invoice] = super().get_queryset(request)
        return invoices.annotate(status=latest_platform_status()).defer("xml", "snapshot")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        """Search by number, amount, order or client, as they are typed."""
        return (search_invoices(queryset, search_term) if search_term.strip() else queryset), False

    @admin.display(description="payeur")
    def payer(self, invoice: Invoice) -> str:
        """Return the billed name."""
        return invoice.order.bill_name

    @admin.display(description="total TTC", ordering="total_ttc")
    def money(self, invoice: Invoice) -> str:
        """Return the total, VAT included."""
        return formatting.euros(invoice.total_ttc)

    @admin.display(description="total HT")
    def ht(self, invoice: Invoice) -> str:
        """Return the total, VAT excluded."""
        return formatting.euros(invoice.total_ht)

    @admin.display(description="TVA")
    def vat(self, invoice: Invoice) -> str:
        """Return the VAT."""
        return formatting.euros(invoice.total_vat)

    @admin.display(description="plateforme")
    def platform(self, invoice: Invoice) -> str:
        """Return the platform status in French."""
        state = getattr(invoice, "status", None)
        return str(dict(PlatformStatus._meta.get_field("state").flatchoices).get(state, "–"))  # noqa: SLF001 - documented

    def status_sentences(self, row: Invoice) -> list[str]:
        """Return who pays, whether they did, how to file it, what was taken back, and how the transmission went."""
        notes = row.credit_notes.defer("xml", "snapshot").order_by("pk")
        sentences = [
            f"{'Reprise en partie' if one.is_partial else 'Annulée'} par l'avoir {one}, de {self.money(one)}."
            for one in notes
        ]
        if row.corrects is not None:
            sentences = [f"{'Avoir partiel' if row.is_partial else 'Avoir'} sur la facture {row.corrects}."]
        sent, last = get_latest_transmission(row), row.get_latest_status()
        # What was noted by hand is no longer awaited.
        if sent is not None and not (last is not None and sent.state in PENDING_STATES):
            is_late = list_silent(timezone.now()).contains(sent)
            sentences.append(describe_transmission(sent, is_late=is_late))
        if is_turned_down(row) and last is not None:
            sentences.append(f"{last.get_state_display()} : {formatting.end_sentence(last.reason)}")
            sentences.append(
                "Elle est à refaire sous un nouveau numéro : corrigez d'abord le payeur, depuis la commande."
            )
        payment = invoice_status.describe_payment(row, date_in_paris(timezone.now()))
        first = [invoice_status.describe_payer(row), payment, invoice_status.describe_deposit(row)]
        return [*filter(None, first), *sentences]

    def links(self, row: Invoice) -> list[tuple[str, str]]:
        """Return the links to the PDF, the XML, the order, its payments, and where it is to be filed."""
        batch = [("Factures à déposer", self.page_url("batch"))] if invoice_status.is_to_deposit(row) else []
        payments = reverse("admin:payments_payment_changelist")
        return [
            *batch,
            (f"{row} en PDF (Factur-X)", self.page_url("document", row.pk)),
            ("Ses données seules (XML)", self.page_url("data", row.pk)),
            (str(row.order), reverse("admin:orders_order_change", args=[row.order_id])),
            ("Ses règlements", f"{payments}?{urlencode({'order__id__exact': row.order_id})}"),
        ]

    def get_urls(self) -> list[URLPattern]:
        """Add the PDF and XML downloads before the model's own pages."""
        view = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/document/", view(self.document), name="billing_invoice_document"),
            path("<int:pk>/donnees/", view(self.data), name="billing_invoice_data"),
            *urls,
        ]

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
