"""« Factures à déposer »: what waits by route, to be transmitted or downloaded as one archive; its deposit is recorded.

Downloading changes nothing: the operator records the deposit once the platform has accepted it.
"""

from __future__ import annotations

import datetime
import io
import tempfile
from dataclasses import dataclass
from typing import IO

from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action

from accounts.second_factor import get_operator
from core import formatting
from core.calendar import date_in_paris
from licensing.billing import invoicing
from licensing.billing import operations as billing_operations
from licensing.billing.invoicing import MAX_BATCH_SIZE
from licensing.billing.models import Invoice, InvoiceRoute
from licensing.billing.transmission import operations, platforms
from sites.back_office.sales.transmissions import (
    PLATFORM_NAMES,
    describe_progress,
    list_chosen_invoices,
    read_invoice_ids,
)


class DepositBatchActions(ModelAdmin):
    """Actions of the invoice list."""

    actions_list = ("open_batch",)

    def get_urls(self) -> list[URLPattern]:
        """Add the batch pages before the model's own."""
        view = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("a-deposer/", view(self.batch_page), name="billing_invoice_batch"),
            path("a-deposer/<str:route>/fichier/", view(self.batch_file), name="billing_invoice_batch_file"),
            path("a-deposer/<str:route>/liste/", view(self.batch_list), name="billing_invoice_batch_list"),
            *urls,
        ]

    @action(description="Factures à déposer", url_path="open-batch")
    def open_batch(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the batch page."""
        return redirect("admin:billing_invoice_batch")

    def batch_page(self, request: HttpRequest) -> HttpResponse:
        """List the invoices to deposit by route, with their archives; by POST, ask, then record the deposit."""
        if request.method == "POST":
            return self._record(request) if "confirmed" in request.POST else self._ask(request)
        batches = [_list_batch(route) for route in InvoiceRoute]
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": "Factures à déposer",
            "batches": [batch for batch in batches if batch.invoices],
            **describe_progress(timezone.now()),
            "rejected": Invoice.objects.rejected().count(),
            "back": reverse("admin:billing_invoice_changelist"),
        }
        return render(request, "back_office/sales/batch.html", context)

    def _ask(self, request: HttpRequest) -> HttpResponse:
        """Ask whether the invoices that the page listed were deposited: how many, what they are worth, and which."""
        waiting = invoicing.list_undeposited().filter(pk__in=read_invoice_ids(request))
        listed = list(waiting.select_related("order").defer("xml"))
        if not listed:
            messages.info(request, "Ces documents ne sont plus à déposer : rien n'a été noté.")
            return redirect("admin:billing_invoice_batch")
        places = sorted({PLATFORM_NAMES[invoice.route] for invoice in listed if invoice.route is not None})
        counted = formatting.pluralize(len(listed), "document comme déposé", "documents comme déposés")
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": f"Noter {counted} sur {formatting.join_words(places)} ?",
            "invoices": listed,
            "numbers": _join_ids(listed),
            "submit_label": f"Noter {counted}",
        }
        return render(request, "back_office/sales/deposit_question.html", context)

    def _record(self, request: HttpRequest) -> HttpResponse:
        done = billing_operations.record_deposit(
            invoice_ids=read_invoice_ids(request), by=get_operator(request), at=timezone.now()
        )
        counted = formatting.pluralize(done, "document noté comme déposé", "documents notés comme déposés")
        messages.success(
            request,
            format_html(
                "{}. Noté par erreur ? « Reprendre le dernier état » le défait, sur la fiche de chacun : "
                '<a class="underline" href="{}">voir les factures</a>.',
                counted,
                reverse("admin:billing_invoice_changelist"),
            ),
        )
        return redirect("admin:billing_invoice_batch")

    def batch_file(self, request: HttpRequest, route: str) -> FileResponse:
        """Return the archive of the invoices that the page listed and that are still to be deposited."""
        now, listed = timezone.now(), _listed_invoices(request, route)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
        invoicing.write_batch(file, listed, at=now)
        file.seek(0)
        return _as_attachment(file, f"{_file_stem(route, now)}.zip")

    def batch_list(self, request: HttpRequest, route: str) -> FileResponse:
        """Return the CSV list of the invoices of that archive: beside it, a platform would take it for an invoice."""
        content = invoicing.build_batch_list(_listed_invoices(request, route))
        return _as_attachment(io.BytesIO(content), f"{_file_stem(route, timezone.now())}.csv")


@dataclass(frozen=True)
class DepositBatch:
    """What waits to be deposited by one route."""

    route: InvoiceRoute
    invoices: list[Invoice]
    #: Those that the platform refused: sent anew one by one.
    refused: frozenset[int]
    #: How many more wait for the next batch.
    more: int
    #: Whether they are sent from here; else the operator deposits them.
    is_sent_from_here: bool

    @property
    def numbers(self) -> str:
        """The ids of its invoices, as the page's links and form carry them."""
        return _join_ids(self.invoices)

    @property
    def to_send(self) -> list[Invoice]:
        """Those that one click sends."""
        return [invoice for invoice in self.invoices if invoice.pk not in self.refused]

    @property
    def numbers_to_send(self) -> str:
        """The ids of those that one click sends."""
        return _join_ids(self.to_send)


def _join_ids(invoices: list[Invoice]) -> str:
    return "-".join(str(invoice.pk) for invoice in invoices)


def _list_batch(route: InvoiceRoute) -> DepositBatch:
    waiting = invoicing.list_undeposited(route)
    listed = list(waiting.select_related("order").defer("xml")[:MAX_BATCH_SIZE])
    more = waiting.count() - len(listed) if len(listed) == MAX_BATCH_SIZE else 0
    return DepositBatch(
        route=route,
        invoices=listed,
        refused=frozenset(operations.list_refused().values_list("invoice_id", flat=True)),
        more=more,
        is_sent_from_here=platforms.is_configured(route),
    )


def _listed_invoices(request: HttpRequest, route: str) -> QuerySet[Invoice]:
    """Return the invoices that the page listed, less those deposited since. Raises `Http404` for an unknown route."""
    if route not in InvoiceRoute.values:
        raise Http404("unknown route")
    return list_chosen_invoices(request, InvoiceRoute(route))


def _file_stem(route: str, at: datetime.datetime) -> str:
    return f"factures-{route.replace('_', '-')}-{date_in_paris(at)}"


def _as_attachment(file: IO[bytes], name: str) -> FileResponse:
    response = FileResponse(file, as_attachment=True, filename=name)
    response["Cache-Control"] = "no-store"
    return response
