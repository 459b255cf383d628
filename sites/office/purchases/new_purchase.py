"""« Acheter des licences »: the price of a volume, before an order is drafted."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db.models import Count, Sum
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from collectivities.access import OfficeHttpRequest
from collectivities.models import PortfolioSchool
from core.calendar import date_in_paris
from licensing.catalogue import pricing
from licensing.catalogue.models import SchoolYear
from licensing.catalogue.pricing import PricedLine
from licensing.exceptions import LicensingError
from licensing.orders import billing_details, operations
from licensing.orders import queries as order_offers
from licensing.pools.positions import list_pool_positions
from sites.office.purchases import BUYERS, get_current_collectivity
from sites.office.purchases.forms import VolumeForm
from web.access import require_policy


@dataclass(frozen=True, slots=True)
class LargerVolume:
    """A larger volume that costs less than the requested one: the first of the next price band."""

    priced: PricedLine

    @property
    def units(self) -> int:
        return self.priced.quantity


@require_policy(BUYERS)
@require_http_methods(["GET", "HEAD", "POST"])
def new_purchase(request: OfficeHttpRequest) -> HttpResponse:
    """Show the price of a volume (`?licences=n`) for a school year (`&annee=2028`); by POST, draft the order."""
    now = timezone.now()
    data = request.POST if request.method == "POST" else request.GET
    # Nothing can be ordered before the seller is described: no price is shown until then.
    years = order_offers.list_years_to_order(date_in_paris(now))
    year = order_offers.choose_year(years, data.get("annee", ""))
    form = VolumeForm(data if "licences" in data else None)
    status = 200
    context: dict[str, Any] = {}
    if form.is_bound and not form.is_valid():
        status = 422
    elif form.is_bound:
        try:
            if request.method == "POST":
                pk = _create_draft(request, form, year, now)
                messages.success(request, f"La commande n° {pk} est préparée : rien n'est encore commandé.")
                return redirect("purchases:detail", pk=pk)
            context = _price_context(form.cleaned_data["licences"], date_in_paris(now), year)
        except LicensingError as refusal:
            form.add_error("licences", str(refusal))
            status = 409
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


def _create_draft(request: OfficeHttpRequest, form: VolumeForm, year: SchoolYear | None, now: datetime.datetime) -> int:
    order = operations.create_collectivity_draft(
        collectivity=get_current_collectivity(),
        units=form.cleaned_data["licences"],
        by=request.member.user,
        at=now,
        ends_in=year.ends_on.year if year else None,
    )
    return order.pk


def _price_context(units: int, day: datetime.date, year: SchoolYear | None) -> dict[str, Any]:
    priced = pricing.price_volume(units, day, year.ends_on.year if year else None)
    vat = billing_details.find_collectivity_vat(get_current_collectivity(), priced.product)
    return {
        "priced": priced.at_rate(vat.rate),
        "vat_reason": vat.reason,
        "better": _find_larger_volume(priced, day, rate=vat.rate),
    }


def _find_larger_volume(priced: PricedLine, day: datetime.date, *, rate: Decimal) -> LargerVolume | None:
    """Return the larger volume that costs less, so that nobody pays more for fewer licences; None if there is none."""
    year = priced.school_year
    next_band = next((band for band in pricing.list_bands(year) if band.from_units > priced.quantity), None)
    if next_band is None:
        return None
    larger = pricing.price_volume(next_band.from_units, day, year.ends_on.year)
    return LargerVolume(larger.at_rate(rate)) if larger.amounts.ht < priced.amounts.ht else None
