"""The portal's public pages: home, search of offices, static and legal pages."""

from collections.abc import Callable

from django.conf import settings
from django.db.models import Q, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.generic import TemplateView

from core.calendar import date_in_paris
from core.foreign_values import cut_search
from licensing.catalogue.models import Seller
from licensing.catalogue.operations import get_product_summary
from licensing.orders import queries, siret_numbers
from schools.models import Fold
from tenants.models import Collectivity
from web.access import public_page

MIN_SEARCH_LENGTH = 2
MAX_OFFICES = 20


def static_page(template: str) -> Callable[..., HttpResponse]:
    """Return the view of a static page."""
    return public_page(TemplateView.as_view(template_name=f"portal/{template}.html"))


@public_page
def home(request: HttpRequest) -> HttpResponse:
    """Show the portal's home page."""
    price = queries.find_price_of_one_class(date_in_paris(timezone.now()))
    return render(request, "portal/home.html", {"summary": get_product_summary(), "price": price})


@public_page
def legal(request: HttpRequest) -> HttpResponse:
    """Show the legal notice: publisher, seller and privacy policy."""
    seller = Seller.objects.first()
    siret = siret_numbers.format_with_spaces(seller.siret) if seller is not None else ""
    content = {"seller": seller, "seller_siret": siret, "pupils_kept_days": settings.PUPILS_KEPT_DAYS}
    return render(request, "portal/legal.html", content)


@public_page
def office_search(request: HttpRequest) -> HttpResponse:
    """List the offices whose name or host name matches the search.

    Links instead of a redirect, as `form-action` forbids the form to redirect to another host.
    """
    text = cut_search(request.GET.get("q", ""))
    searched = len(text) >= MIN_SEARCH_LENGTH
    found = []
    if searched:
        words = Q()
        for word in text.split():
            words &= Q(folded__contains=Fold(Value(word))) | Q(slug__contains=word.lower())
        offices = Collectivity.objects.annotate(folded=Fold("name")).filter(words).order_by("folded")[:MAX_OFFICES]
        found = [
            {"name": office.name, "kind": office.get_kind_display(), "url": office.office_url()} for office in offices
        ]
    return render(request, "portal/office_search.html", {"text": text, "searched": searched, "offices": found})
