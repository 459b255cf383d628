"""« À déposer »: the invoices that wait for a platform, as one archive; then the note that they were deposited.

Downloading changes nothing: the operator says himself that the deposit went through.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action

from licensing.catalogue.operations import day_in_france
from licensing.orders import invoicing, operations
from licensing.orders.admin.deeds import operator
from licensing.orders.invoicing.batch import LARGEST_BATCH
from web import typography

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.urls import URLPattern


class Batches(ModelAdmin):
    """The list's own action on invoices."""

    actions_list = ("open_batch",)

    def get_urls(self) -> list[URLPattern]:
        """Add the batch before the model's own pages."""
        view = self.admin_site.admin_view
        own: list[URLPattern] = super().get_urls()
        return [
            path("a-deposer/", view(self.batch_page), name="orders_invoice_batch"),
            path("a-deposer/fichier/", view(self.batch_file), name="orders_invoice_batch_file"),
            *own,
        ]

    @action(description="À déposer", url_path="open-batch")
    def open_batch(self, request: HttpRequest) -> HttpResponse:
        """Lead to the page."""
        return redirect("admin:orders_invoice_batch")

    def batch_page(self, request: HttpRequest) -> HttpResponse:
        """Show what waits and lead to the archive; on « oui », note the deposit of what was shown."""
        if request.method == "POST":
            done = operations.record_deposit(invoice_ids=_numbers(request), by=operator(request), at=timezone.now())
            told = typography.plural(done, "facture ou avoir noté", "factures ou avoirs notés")
            messages.success(request, f"{told} comme déposés.")
            return redirect("admin:orders_invoice_batch")
        waiting = invoicing.to_deposit()
        shown = list(waiting.select_related("order").defer("xml")[:LARGEST_BATCH])
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": "Factures à déposer",
            "invoices": shown,
            "more": waiting.count() - len(shown),
            "numbers": "-".join(str(invoice.pk) for invoice in shown),
            "back": reverse("admin:orders_invoice_changelist"),
        }
        return render(request, "orders/admin/batch.html", context)

    def batch_file(self, request: HttpRequest) -> FileResponse:
        """Hand out the archive of what the page showed and still waits."""
        now = timezone.now()
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
        invoicing.write_batch(file, invoicing.to_deposit().filter(pk__in=_numbers(request))[:LARGEST_BATCH], at=now)
        file.seek(0)
        answer = FileResponse(file, as_attachment=True, filename=f"factures-a-deposer-{day_in_france(now)}.zip")
        answer["Cache-Control"] = "no-store"
        return answer


def _numbers(request: HttpRequest) -> list[int]:
    """Return the invoices that the page showed: what came in since waits for the next batch."""
    sent = request.POST.get("factures") or request.GET.get("factures") or ""
    return [int(number) for number in sent.split("-")[:LARGEST_BATCH] if number.isdecimal()]
