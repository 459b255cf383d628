"""« À déposer »: download the invoices to deposit on a platform as one archive, then record their deposit.

Downloading changes nothing: the operator records the deposit once the platform has accepted it.
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

from core import formatting
from core.calendar import date_in_paris
from licensing.billing import invoicing
from licensing.billing import operations as billing_operations
from licensing.billing.invoicing.batch import MAX_BATCH_SIZE
from sites.back_office.site import get_operator

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.urls import URLPattern


class DepositBatchActions(ModelAdmin):
    """Actions of the invoice list."""

    actions_list = ("open_batch",)

    def get_urls(self) -> list[URLPattern]:
        """Add the batch pages before the model's own."""
        view = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("a-deposer/", view(self.batch_page), name="billing_invoice_batch"),
            path("a-deposer/fichier/", view(self.batch_file), name="billing_invoice_batch_file"),
            *urls,
        ]

    @action(description="À déposer", url_path="open-batch")
    def open_batch(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the batch page."""
        return redirect("admin:billing_invoice_batch")

    def batch_page(self, request: HttpRequest) -> HttpResponse:
        """List the invoices to deposit and link to their archive; by POST, record the deposit of those listed."""
        if request.method == "POST":
            done = billing_operations.record_deposit(
                invoice_ids=_invoice_ids(request), by=get_operator(request), at=timezone.now()
            )
            counted = formatting.pluralize(done, "facture ou avoir noté", "factures ou avoirs notés")
            messages.success(request, f"{counted} comme déposés.")
            return redirect("admin:billing_invoice_batch")
        waiting = invoicing.list_undeposited()
        listed = list(waiting.select_related("order").defer("xml")[:MAX_BATCH_SIZE])
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": "Factures à déposer",
            "invoices": listed,
            "more": waiting.count() - len(listed),
            "numbers": "-".join(str(invoice.pk) for invoice in listed),
            "back": reverse("admin:billing_invoice_changelist"),
        }
        return render(request, "back_office/sales/batch.html", context)

    def batch_file(self, request: HttpRequest) -> FileResponse:
        """Return the archive of the invoices that the page listed and that are still to be deposited."""
        now = timezone.now()
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
        invoicing.write_batch(
            file, invoicing.list_undeposited().filter(pk__in=_invoice_ids(request))[:MAX_BATCH_SIZE], at=now
        )
        file.seek(0)
        response = FileResponse(file, as_attachment=True, filename=f"factures-a-deposer-{date_in_paris(now)}.zip")
        response["Cache-Control"] = "no-store"
        return response


def _invoice_ids(request: HttpRequest) -> list[int]:
    """Return the ids of the invoices that the page listed: later ones wait for the next batch."""
    joined = request.POST.get("factures") or request.GET.get("factures") or ""
    return [int(number) for number in joined.split("-")[:MAX_BATCH_SIZE] if number.isdecimal()]
