"""« Acheter des licences »: the price of a volume, before an order is drafted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Sum
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods

from collectivities.models import SchoolInRemit
from licensing.catalogue import pricing
from licensing.catalogue.operations import day_in_france
from licensing.exceptions import Refused
from licensing.orders import operations
from licensing.orders.models import Seller
from licensing.orders.views.office import BUYERS, own
from licensing.orders.views.office.forms import VolumeForm
from web.access import opened

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from django.http import HttpResponse

    from licensing.catalogue.models import PriceBand
    from licensing.catalogue.pricing import Priced
    from licensing.orders.views.office import OfficeRequest


@dataclass(frozen=True, slots=True)
class LargerVolume:
    """A larger volume that costs less than the requested one: the first of the next price band."""

    priced: Priced

    @property
    def units(self) -> int:
        return self.priced.quantity


@opened(BUYERS)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: OfficeRequest) -> HttpResponse:
    """Show the price of a volume (`?licences=n`); by POST, draft the order."""
    now = timezone.now()
    data = request.POST if request.method == "POST" else request.GET
    form = VolumeForm(data if "licences" in data else None)
    status = 200
    context: dict[str, Any] = {}
    if form.is_bound and not form.is_valid():
        status = 422
    elif form.is_bound:
        try:
            if request.method == "POST":
                return redirect("purchases:detail", pk=_create_draft(request, form, now))
            context = _price_context(form.cleaned_data["licences"], day_in_france(now))
        except Refused as refusal:
            form.add_error("licences", str(refusal))
            status = 409
    # Nothing can be ordered before the seller is described: no price is shown until then.
    bands = pricing.bands_on(day_in_france(now)) if Seller.objects.exists() else []
    context |= {
        "form": form,
        "htmx": bool(request.htmx),
        "bands": bands,
        "year": bands[0].school_year if bands else None,
    }
    if request.htmx:
        template = "orders/office/_price.html"
    else:
        template = "orders/office/new.html"
        context["classes"] = SchoolInRemit.objects.aggregate(all=Sum("classes"))["all"]
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _create_draft(request: OfficeRequest, form: VolumeForm, now: datetime.datetime) -> int:
    order = operations.draft_for_collectivity(
        collectivity=own(), units=form.cleaned_data["licences"], by=request.member.user, at=now
    )
    return order.pk


def _price_context(units: int, day: datetime.date) -> dict[str, Any]:
    priced = pricing.for_volume(units, day)
    return {"priced": priced, "better": _find_larger_volume(priced, pricing.bands_on(day), day)}


def _find_larger_volume(priced: Priced, bands: Sequence[PriceBand], day: datetime.date) -> LargerVolume | None:
    """Return the larger volume that costs less, so that nobody pays more for fewer licences; None if there is none."""
    next_band = next((band for band in bands if band.from_units > priced.quantity), None)
    if next_band is None:
        return None
    larger = pricing.for_volume(next_band.from_units, day)
    return LargerVolume(larger) if larger.amounts.ht < priced.amounts.ht else None
