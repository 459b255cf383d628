"""Signed purchase orders uploaded by buyers: viewed here, accepted or refused from their order's page."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin

from core.documents import build_file_response
from licensing.orders.models import PurchaseOrderScan
from sites.back_office.read_only import ReadOnlyAdminMixin


@admin.register(PurchaseOrderScan)
class PurchaseOrderScanAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Uploaded scans and the decisions on them."""

    list_display = ("filename", "order", "state", "received_at", "uploaded_by", "reason")
    list_filter = ("state",)
    list_select_related = ("order", "uploaded_by")
    search_fields = ("order__id__exact", "filename")
    search_help_text = "Numéro de commande, ou nom du fichier"
    ordering = ("-pk",)
    fields = (
        "file", "decision", "state", "received_at", "uploaded_by", "decided_at", "decided_by", "reason", "sha256"
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurchaseOrderScan]:
        """Return the scans without their content."""
        scans: QuerySet[PurchaseOrderScan] = super().get_queryset(request)
        return scans.defer("content")

    @admin.display(description="fichier")
    def file(self, scan: PurchaseOrderScan) -> str:
        """Link to the file."""
        return format_html(
            '<a class="underline" href="{}">{}</a>',
            reverse("admin:orders_purchaseorderscan_file", args=[scan.pk]),
            scan.filename,
        )

    @admin.display(description="commande")
    def decision(self, scan: PurchaseOrderScan) -> str:
        """Link to the order, where the scan is accepted or refused."""
        return format_html(
            '<a class="underline" href="{}">{}</a>',
            reverse("admin:orders_order_change", args=[scan.order_id]),
            scan.order,
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the file download before the model's own pages."""
        file = path(
            "<int:pk>/fichier/", self.admin_site.admin_view(self.file_view), name="orders_purchaseorderscan_file"
        )
        urls: list[URLPattern] = super().get_urls()
        return [file, *urls]

    def file_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the file as it was uploaded."""
        scan = get_object_or_404(PurchaseOrderScan, pk=pk)
        return build_file_response(scan.content, name=scan.filename, content_type=scan.content_type, inline=True)
