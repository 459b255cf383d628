"""Invoices and credit notes as they were issued: never changed, followed on their platform, replaced if need be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from unfold.admin import TabularInline

from licensing.orders import desk, invoicing
from licensing.orders.admin import files
from licensing.orders.admin.batch import Batches
from licensing.orders.admin.deeds import Desk
from licensing.orders.admin.invoice_deeds import DEEDS, is_turned_down, last_status
from licensing.orders.models import Invoice, InvoiceKind, PlatformStatus
from web import typography
from web.read_only import ReadOnly

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern


class TurnedDownFilter(admin.SimpleListFilter):
    title = "ce qui attend"
    parameter_name = "attend"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return what waits."""
        return [("rejetees", "rejetée ou refusée, à refaire")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """Keep what waits."""
        return desk.turned_down(queryset) if self.value() == "rejetees" else queryset


class StatusInline(ReadOnly, TabularInline):
    model = PlatformStatus
    extra = 0
    show_title = False
    fields = ("at", "state", "reason", "by")
    ordering = ("-at", "-pk")


@admin.register(Invoice)
class InvoiceAdmin(Batches, Desk[Invoice]):
    """The series, without a gap."""

    list_display = ("number", "kind", "order", "payer", "money", "issued_on", "due_on", "platform")
    list_filter = (TurnedDownFilter, "kind", "year", "issued_on")
    list_select_related = ("order",)
    search_fields = ("number__iexact", "order__id__exact", "order__bill_name", "order__siret__startswith")
    search_help_text = "Numéro de facture ou de commande, nom ou SIRET du payeur"
    ordering = ("-year", "-sequence")
    readonly_fields = ("ht", "vat", "money")
    inlines = (StatusInline,)
    deeds = DEEDS

    def get_fields(self, request: HttpRequest, obj: Invoice | None = None) -> tuple[str, ...]:
        """Return what it says; a credit note says which invoice it cancels, and is not due."""
        note = obj is not None and obj.kind == InvoiceKind.CREDIT_NOTE
        return ("kind", "number", "order", "corrects" if note else "due_on", "issued_on", "ht", "vat", "money")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """Return the invoices with where they are on their platform; their long texts stay where they are."""
        invoices: QuerySet[Invoice] = super().get_queryset(request)
        return invoices.annotate(status=desk.last_status()).defer("xml", "facts")

    @admin.display(description="payeur")
    def payer(self, invoice: Invoice) -> str:
        """Return whom it was made out to."""
        return invoice.order.bill_name

    @admin.display(description="total TTC", ordering="total_ttc")
    def money(self, invoice: Invoice) -> str:
        """Return what it comes to."""
        return typography.euros(invoice.total_ttc)

    @admin.display(description="total HT")
    def ht(self, invoice: Invoice) -> str:
        """Return the total without VAT."""
        return typography.euros(invoice.total_ht)

    @admin.display(description="TVA")
    def vat(self, invoice: Invoice) -> str:
        """Return the VAT."""
        return typography.euros(invoice.total_vat)

    @admin.display(description="plateforme")
    def platform(self, invoice: Invoice) -> str:
        """Return where it is on its platform."""
        state = getattr(invoice, "status", None)
        return str(dict(PlatformStatus._meta.get_field("state").flatchoices).get(state, "–"))  # noqa: SLF001 - documented

    def situation(self, row: Invoice) -> list[str]:
        """Return whether it stands, and where it is."""
        credit = Invoice.objects.filter(corrects=row).first()
        told = [f"Annulée par l'avoir {credit}."] if credit else []
        last = last_status(row)
        if is_turned_down(row) and last is not None:
            told.append(f"{last.get_state_display()} : {last.reason} Elle est à refaire sous un nouveau numéro.")
        return told

    def links(self, row: Invoice) -> list[tuple[str, str]]:
        """Return the document, its data, and the order."""
        return [
            (f"{row} en PDF (Factur-X)", self.address("document", row.pk)),
            ("Ses données seules (XML)", self.address("data", row.pk)),
            (str(row.order), reverse("admin:orders_order_change", args=[row.order_id])),
        ]

    def get_urls(self) -> list[URLPattern]:
        """Add the documents before the model's own pages."""
        view = self.admin_site.admin_view
        own: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/document/", view(self.document), name="orders_invoice_document"),
            path("<int:pk>/donnees/", view(self.data), name="orders_invoice_data"),
            *own,
        ]

    def document(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Hand out the PDF as it was issued; made now where the worker has not come to it yet."""
        document = invoicing.document_of(get_object_or_404(Invoice, pk=pk), at=timezone.now())
        return files.answer(document.content, name=f"{document.number}.pdf", content_type="application/pdf")

    def data(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Hand out the XML that the PDF embeds."""
        invoice = get_object_or_404(Invoice, pk=pk)
        return files.answer(invoice.xml.encode(), name=f"{invoice.number}.xml", content_type="application/xml")
