"""« Transmettre »: send the invoices of a route to its platform, and show what it did not take or does not answer."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from unfold.admin import ModelAdmin

from accounts.second_factor import get_operator
from core import formatting
from core.formatting import add_nonbreaking_spaces
from licensing.billing import invoicing
from licensing.billing.invoicing import MAX_BATCH_SIZE
from licensing.billing.models import Invoice, InvoiceKind, InvoiceRoute
from licensing.billing.transmission import operations, platforms
from licensing.billing.transmission.models import Transmission, TransmissionState
from licensing.billing.transmission.operations import request_transmissions
from licensing.orders.models import ZERO
from sites.back_office.sales.admin_actions import ConfirmationForm

#: How each platform is named after « à ».
PLATFORM_NAMES = {InvoiceRoute.CHORUS_PRO: "Chorus Pro", InvoiceRoute.PLATFORM: "la plateforme agréée"}
#: How many transmissions a list of the page shows.
_MAX_SHOWN = 50


@dataclass(frozen=True)
class TransmissionLine:
    """A transmission as the page lists it."""

    number: str
    sentence: str
    #: The page of its invoice, and that which sends it anew; empty where there is none.
    url: str = ""
    again_url: str = ""


class TransmissionPages(ModelAdmin):
    """The confirmation page of « Transmettre », under the page of what is to be deposited."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page before the model's own."""
        urls: list[URLPattern] = super().get_urls()
        view = self.admin_site.admin_view(self.transmit_page)
        return [path("a-deposer/<str:route>/transmettre/", view, name="billing_invoice_transmit"), *urls]

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
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": f"Transmettre à {name}",
            "explanation": [add_nonbreaking_spaces(sentence) for sentence in _explain(list(listed), name)],
            "form": ConfirmationForm(),
            "submit_label": f"Transmettre à {name}",
            "page_version": "",
            "back": reverse("admin:billing_invoice_batch"),
        }
        return render(request, "back_office/sales/ask.html", context)


def list_chosen_invoices(request: HttpRequest, route: InvoiceRoute) -> QuerySet[Invoice]:
    """Return the invoices that the page listed, less those deposited or transmitted since."""
    waiting = invoicing.list_undeposited(route)
    return waiting.filter(pk__in=read_invoice_ids(request)).defer("xml")[:MAX_BATCH_SIZE]


def read_invoice_ids(request: HttpRequest) -> list[int]:
    """Return the ids of the invoices that the page listed: later ones wait for the next batch."""
    joined = request.POST.get("factures") or request.GET.get("factures") or ""
    return [int(number) for number in joined.split("-")[:MAX_BATCH_SIZE] if number.isdecimal()]


def describe_progress(at: datetime.datetime) -> dict[str, object]:
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


def _describe(transmission: Transmission, *, is_late: bool = False) -> TransmissionLine:
    invoice = transmission.invoice
    sentence = add_nonbreaking_spaces(describe_transmission(transmission, is_late=is_late))
    if invoice is None:
        return TransmissionLine(str(transmission), sentence)
    is_refused = transmission.state == TransmissionState.REJECTED and platforms.is_configured(transmission.route)
    again = reverse("admin:billing_invoice_transmit", args=[transmission.route])
    return TransmissionLine(
        invoice.number,
        sentence,
        url=reverse("admin:billing_invoice_change", args=[invoice.pk]),
        again_url=f"{again}?factures={invoice.pk}" if is_refused else "",
    )


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
