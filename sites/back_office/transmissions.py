"""« Transmettre »: send the invoices of a route to its platform, and show what it did not take or does not answer."""

import datetime
import io
import tempfile
from dataclasses import dataclass
from typing import IO, Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from unfold.decorators import action

from accounts.second_factor import get_operator
from core import formatting
from core.calendar import date_in_paris
from core.formatting import add_nonbreaking_spaces
from licensing.books.billing import invoicing
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.invoicing import MAX_BATCH_SIZE
from licensing.books.billing.models import Invoice, InvoiceKind, InvoiceRoute
from licensing.books.billing.transmission import operations, platforms
from licensing.books.billing.transmission.models import Transmission, TransmissionState
from licensing.books.billing.transmission.operations import request_transmissions
from licensing.orders.models import ZERO
from sites.back_office.model_admins import ConfirmationForm, Pages, PagesAdmin, format_sentences

#: How each platform is named after « à ».
PLATFORM_NAMES = {InvoiceRoute.CHORUS_PRO: "Chorus Pro", InvoiceRoute.PLATFORM: "la plateforme agréée"}
#: How many transmissions a list of the page shows.
_MAX_SHOWN = 50


class TransmissionPages(PagesAdmin):
    """The confirmation page of « Transmettre », under the page of what is to be deposited."""

    pages: Pages = (("a-deposer/<str:route>/transmettre/", "transmit_page", "billing_invoice_transmit"),)

    def transmit_page(self, request: HttpRequest, route: str) -> HttpResponse:
        """Ask for a confirmation; by POST, ask for the invoices to be sent."""
        if not platforms.is_configured(route):
            raise Http404("no platform for this route")
        listed = list_chosen_invoices(request, InvoiceRoute(route))
        name = PLATFORM_NAMES[InvoiceRoute(route)]
        if request.method == "POST":
            asked = request_transmissions(
                invoice_ids=[invoice.pk for invoice in listed], by=get_operator(request), at=timezone.now()
            )
            messages.success(request, _describe_request(asked, name))
            return redirect("admin:billing_invoice_batch")
        if not listed:
            messages.info(request, "Ces documents sont déjà partis : plus rien n'est à transmettre.")
            return redirect("admin:billing_invoice_batch")
        return self.render_page(
            request,
            "sales/ask.html",
            f"Transmettre à {name}",
            explanation=format_sentences(_explain(list(listed), name)),
            form=ConfirmationForm(),
            submit_label=f"Transmettre à {name}",
            page_version="",
            back=reverse("admin:billing_invoice_batch"),
        )


def list_chosen_invoices(request: HttpRequest, route: InvoiceRoute) -> QuerySet[Invoice]:
    """Return the invoices that the page listed, less those deposited or transmitted since."""
    waiting = invoicing.list_undeposited(route)
    return waiting.filter(pk__in=read_invoice_ids(request)).defer("xml")[:MAX_BATCH_SIZE]


def read_invoice_ids(request: HttpRequest) -> list[int]:
    """Return the ids of the invoices that the page listed: later ones wait for the next batch."""
    joined = request.POST.get("factures") or request.GET.get("factures") or ""
    return [int(number) for number in joined.split("-")[:MAX_BATCH_SIZE] if number.isdecimal()]


def describe_progress(at: datetime.datetime) -> dict[str, Any]:
    """Return the page's lists of what needs a look, and of what is on its way."""
    refused = [_describe(one) for one in operations.list_refused()[:_MAX_SHOWN]]
    silent = [_describe(one, is_late=True) for one in operations.list_silent(at)[:_MAX_SHOWN]]
    under_way = operations.list_under_way(at)
    return {
        "problems": [*refused, *silent],
        "has_refused": bool(refused),
        "has_silent": bool(silent),
        "under_way": [_describe(one) for one in under_way[:_MAX_SHOWN]],
        "under_way_count": under_way.count(),
    }


def describe_transmission(transmission: Transmission, *, is_late: bool = False) -> str:
    """Return how far a transmission is, in a sentence; `is_late`: its platform has not answered for two days."""
    name = PLATFORM_NAMES[InvoiceRoute(transmission.route)]
    message = transmission.message
    if transmission.sent_at is None:
        if transmission.state == TransmissionState.REJECTED:
            # In words of its own: « Chorus Pro a refusé … ».
            return message
        return f"Départ vers {name} demandé le {_format_day(transmission.asked_at)}. {message}".strip()
    deposit = f"Transmission à {name} le {_format_day(transmission.sent_at)}, dépôt {transmission.reference}"
    if transmission.state == TransmissionState.REJECTED:
        return f"{deposit} : rejet. {message}"
    awaited = "sans réponse depuis" if is_late else "réponse attendue"
    return f"{deposit}{f' : {awaited}' if transmission.state == TransmissionState.SENT else ''}. {message}".strip()


def _format_day(moment: datetime.datetime) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT")


def _describe(transmission: Transmission, *, is_late: bool = False) -> tuple[Transmission, str, bool]:
    """Return a transmission, how far it is, and whether its invoice can be sent anew."""
    sentence = add_nonbreaking_spaces(describe_transmission(transmission, is_late=is_late))
    is_refused = transmission.state == TransmissionState.REJECTED and platforms.is_configured(transmission.route)
    return transmission, sentence, is_refused and transmission.invoice is not None


def _describe_request(asked: int, name: str) -> str:
    if not asked:
        return "Rien n'est parti : ces documents sont déjà en chemin ou déposés."
    counted = formatting.pluralize(asked, "document part", "documents partent")
    return add_nonbreaking_spaces(f"{counted} vers {name}. Sa réponse s'affiche ici et sur chaque facture.")


def _explain(listed: list[Invoice], name: str) -> list[str]:
    totals = dict.fromkeys(InvoiceKind, ZERO)
    for invoice in listed:
        totals[InvoiceKind(invoice.kind)] += invoice.total_ttc
    amounts = [
        f"{formatting.euros(total)} {label}"
        for kind, label in ((InvoiceKind.INVOICE, "de factures"), (InvoiceKind.CREDIT_NOTE, "d'avoirs"))
        if (total := totals[kind])
    ]
    counted = formatting.pluralize(len(listed), "document part", "documents partent")
    numbers = f"{listed[0]}" if len(listed) == 1 else f"de {listed[0]} à {listed[-1]}"
    return [
        f"{counted} vers {name} ({numbers}) : {' et '.join(amounts)}, TTC.",
        "Ce qui est transmis ne se reprend pas : une erreur se corrige par un avoir et une nouvelle facture.",
        "Leur état revient ensuite de lui-même. Ce qui est rejeté ou reste sans réponse s'affiche en premier.",
    ]


# « Factures à déposer »: what waits by route, to be transmitted or downloaded as one archive; its deposit is recorded.
#
# Downloading changes nothing: the operator records the deposit once the platform has accepted it.


class DepositBatchActions(PagesAdmin):
    """Actions of the invoice list."""

    actions_list = ("open_batch",)
    pages: Pages = (
        ("a-deposer/", "batch_page", "billing_invoice_batch"),
        ("a-deposer/<str:route>/fichier/", "batch_file", "billing_invoice_batch_file"),
        ("a-deposer/<str:route>/liste/", "batch_list", "billing_invoice_batch_list"),
    )

    @action(description="Factures à déposer", url_path="open-batch")
    def open_batch(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the batch page."""
        return redirect("admin:billing_invoice_batch")

    def batch_page(self, request: HttpRequest) -> HttpResponse:
        """List the invoices to deposit by route, with their archives; by POST, ask, then record the deposit."""
        if request.method == "POST":
            return self._record(request) if "confirmed" in request.POST else self._ask(request)
        batches = [_list_batch(route) for route in InvoiceRoute]
        return self.render_page(
            request,
            "sales/batch.html",
            "Factures à déposer",
            batches=[batch for batch in batches if batch.invoices],
            **describe_progress(timezone.now()),
            rejected=Invoice.objects.rejected().count(),
            back=reverse("admin:billing_invoice_changelist"),
        )

    def _ask(self, request: HttpRequest) -> HttpResponse:
        """Ask whether the invoices that the page listed were deposited: how many, what they are worth, and which."""
        waiting = invoicing.list_undeposited().filter(pk__in=read_invoice_ids(request))
        listed = list(waiting.select_related("order").defer("xml"))
        if not listed:
            messages.info(request, "Ces documents ne sont plus à déposer : rien n'a été noté.")
            return redirect("admin:billing_invoice_batch")
        places = sorted({PLATFORM_NAMES[invoice.route] for invoice in listed if invoice.route is not None})
        counted = formatting.pluralize(len(listed), "document comme déposé", "documents comme déposés")
        return self.render_page(
            request,
            "sales/deposit_question.html",
            f"Noter {counted} sur {formatting.join_words(places)} ?",
            invoices=listed,
            numbers=_join_ids(listed),
            submit_label=f"Noter {counted}",
        )

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
