"""From the price of a volume to the order: draft, quote, billing details with the preflight check, terms of sale."""

import datetime
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db.models import Count, Sum
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.models import PortfolioSchool
from collectivities.queries import get_current_collectivity
from core import formatting
from core.calendar import date_in_paris
from licensing.books.billing import operations as billing_operations
from licensing.catalogue import pricing, terms
from licensing.catalogue.models import SchoolYear
from licensing.catalogue.pricing import PricedLine
from licensing.entitlements.wording import describe_start
from licensing.orders import billing_details, operations, payers, rights
from licensing.orders import queries as order_offers
from licensing.orders.billing_details import FRANCE
from licensing.orders.models import Order, OrderState, Payer
from licensing.orders.operations import compute_basket_fingerprint
from licensing.pools.positions import list_pool_positions
from sites.office.purchases import (
    BillingCodesForm,
    BillingForm,
    OrderForm,
    VolumeForm,
    get_purchase,
)
from web.page_actions import RefusalsOn, page_action


@office(Capability.BUY_LICENCES)
@require_http_methods(["GET", "HEAD", "POST"])
def new_purchase(request: OfficeHttpRequest) -> HttpResponse:
    """Show the price of a volume (`?licences=n`) for a school year (`&annee=2028`); by POST, draft the order."""
    now = timezone.now()
    data = request.POST if request.method == "POST" else request.GET
    # Nothing can be ordered before the seller is described: no price is shown until then.
    years = order_offers.list_years_to_order(date_in_paris(now))
    year = order_offers.choose_year(years, data.get("annee", ""))
    form = VolumeForm(data if "licences" in data else None)
    status = 422 if form.is_bound else 200
    context: dict[str, Any] = {}
    if form.is_valid():
        status = 409
        with RefusalsOn(form, "licences"):
            if request.method == "POST":
                draft = operations.create_collectivity_draft(
                    collectivity=get_current_collectivity(),
                    units=form.cleaned_data["licences"],
                    by=request.member.user,
                    at=now,
                    ends_in=year.ends_on.year if year else None,
                )
                messages.success(request, f"La commande n° {draft.pk} est préparée : rien n'est encore commandé.")
                return redirect("purchases:detail", pk=draft.pk)
            context = _price_context(form.cleaned_data["licences"], date_in_paris(now), year)
            status = 200
    context |= {
        "form": form,
        "htmx": bool(request.htmx),
        "bands": pricing.list_bands(year),
        "years": years,
        "year": year,
    }
    if request.htmx:
        template = "office/purchases/_price.html"
    else:
        template = "office/purchases/new.html"
        context |= PortfolioSchool.objects.aggregate(
            counted_schools=Count("classes"), schools=Count("pk"), classes=Sum("classes")
        )
        context["bought"], context["free"] = _count_licences(year) if year else (0, 0)
    return render(request, template, context, status=status)


def _count_licences(year: SchoolYear) -> tuple[int, int]:
    """Return the office's licences that run until the end of the school year, and how many of them are free."""
    positions = [
        one for one in list_pool_positions() if one.last_day == year.ends_on and not one.entitlement.cancelled_at
    ]
    return sum(one.bought for one in positions), sum(one.free for one in positions)


def _price_context(units: int, day: datetime.date, year: SchoolYear | None) -> dict[str, Any]:
    priced = pricing.price_volume(units, day, year.ends_on.year if year else None)
    vat = billing_details.find_collectivity_vat(get_current_collectivity(), priced.product)
    return {
        "priced": priced.at_rate(vat.rate),
        "vat_reason": vat.reason,
        "better": _find_larger_volume(priced, day, rate=vat.rate),
    }


def _find_larger_volume(priced: PricedLine, day: datetime.date, *, rate: Decimal) -> PricedLine | None:
    """Return the larger volume that costs less, so that nobody pays more for fewer licences; None if there is none."""
    year = priced.school_year
    next_band = next((band for band in pricing.list_bands(year) if band.from_units > priced.quantity), None)
    if next_band is None:
        return None
    larger = pricing.price_volume(next_band.from_units, day, year.ends_on.year)
    return larger.at_rate(rate) if larger.amounts.ht < priced.amounts.ht else None


@office(Capability.BUY_LICENCES)
@require_POST
@page_action("purchases:detail", "pk")
def quote(request: OfficeHttpRequest, pk: int) -> str:
    """Create the quote; its PDF is then linked from the order's page."""
    order = operations.issue_quote(order_id=get_purchase(pk).pk, by=request.member.user, at=timezone.now())
    valid = f", valable jusqu'au {formatting.long_date(order.quote_until)} inclus" if order.quote_until else ""
    return f"Devis {order.quote_number} établi{valid}."


@office(Capability.BUY_LICENCES)
@require_http_methods(["GET", "HEAD", "POST"])
@page_action("purchases:detail", "pk")
def order(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Show the billing form; by POST, place the order; by htmx GET, render the preflight of the current codes."""
    draft = get_purchase(pk)
    if draft.state != OrderState.DRAFT:
        return redirect("purchases:detail", pk=pk)
    form = OrderForm.for_order(draft, request.POST or None)
    if request.htmx and request.method != "POST":
        return _render_preflight(request)
    status = 422 if request.method == "POST" else 200
    if form.is_valid():
        with RefusalsOn(form):
            placed = operations.place(
                order_id=draft.pk,
                billing=form.billing(),
                terms_version=form.cleaned_data["terms_version"],
                basket=request.POST.get("panier"),
                by=request.member.user,
                at=timezone.now(),
            )
            return _describe_next_step(placed)
        status = 409
    # What the page shows is what its address will cost.
    line = draft.lines.select_related("school_year", "product").get()
    postal_code = str(form["postal_code"].value() or "")
    billing_details.preview_vat(draft, line, country=FRANCE, postal_code=postal_code, vat_number="")
    context = {
        "order": draft,
        "lines": [line],
        "basket_fingerprint": compute_basket_fingerprint(draft, line),
        "form": form,
        "preflight": _run_preflight(form),
        "terms": terms.get_terms_url(),
    }
    return render(request, "office/purchases/checkout.html", context, status=status)


@office(Capability.BUY_LICENCES)
@require_http_methods(["GET", "HEAD", "POST"])
@page_action("purchases:detail", "pk")
def complete(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Complete or correct the billing details of an order whose invoice is not issued yet, or was rejected."""
    placed_order = get_purchase(pk)
    form = BillingForm.for_order(placed_order, request.POST or None)
    if request.htmx and request.method != "POST":
        return _render_preflight(request)
    status = 422 if request.method == "POST" else 200
    if form.is_valid():
        with RefusalsOn(form):
            billing_operations.correct_billing_details(
                order_id=placed_order.pk, billing=form.billing(), by=request.member.user, at=timezone.now()
            )
            return "Informations de facturation enregistrées."
        status = 409
    context = {"order": placed_order, "form": form, "preflight": _run_preflight(form)}
    return render(request, "office/purchases/complete.html", context, status=status)


@office(Capability.BUY_LICENCES)
@require_http_methods(["GET", "HEAD", "POST"])
@page_action("purchases:detail", "pk")
def discard(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Ask for confirmation; by POST, discard the draft."""
    draft = get_purchase(pk)
    if request.method != "POST":
        if draft.state != OrderState.DRAFT:
            return redirect("purchases:detail", pk=pk)
        return render(request, "office/purchases/discard.html", {"order": draft})
    operations.discard_draft(order_id=draft.pk, by=request.member.user, at=timezone.now())
    messages.success(request, f"La commande n° {pk} est abandonnée : rien n'a été commandé.")
    return redirect("purchases:list")


def _run_preflight(form: BillingCodesForm) -> payers.Preflight:
    return payers.check_billing(payer=Payer.COLLECTIVITY, school=None, **form.codes())


def _render_preflight(request: OfficeHttpRequest) -> HttpResponse:
    preflight = _run_preflight(BillingCodesForm(request.GET))
    return render(request, "office/purchases/_preflight.html", {"preflight": preflight})


def _describe_next_step(placed: Order) -> str:
    licences = sum(placed.lines.values_list("quantity", flat=True))
    start = describe_start(rights.get_entitlement(placed), date_in_paris(timezone.now()))
    usable = formatting.pluralize(licences, "licence est utilisable", "licences sont utilisables")
    return f"Commande passée : {usable} {start or 'tout de suite'}. Il reste à nous adresser le bon de commande signé."
