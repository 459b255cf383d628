"""From the draft to the order: the quote, the billing details with the pre-flight, the general terms of sale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST

from licensing.catalogue import terms
from licensing.exceptions import Refused
from licensing.orders import operations, preflight
from licensing.orders.exceptions import BadBilling
from licensing.orders.models import OrderState, Payer
from licensing.orders.views.office import BUYERS, purchase
from licensing.orders.views.office.forms import CODES, CodesForm, OrderForm
from web import typography
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpResponse

    from licensing.orders.models import Order
    from licensing.orders.views.office import OfficeRequest


@opened(BUYERS)
@require_POST
def quote(request: OfficeRequest, pk: int) -> HttpResponse:
    """Establish the quote, whose PDF is then on the order's page."""
    order = purchase(pk)
    try:
        order = operations.quote(order_id=order.pk, by=request.member.user, at=timezone.now())
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        valid = f", valable jusqu'au {typography.day(order.quote_until)} inclus" if order.quote_until else ""
        messages.success(request, f"Devis {order.quote_number} établi{valid}.")
    return redirect("purchases:detail", pk=pk)


@opened(BUYERS)
@require_http_methods(["GET", "HEAD", "POST"])
def order(request: OfficeRequest, pk: int) -> HttpResponse:
    """Ask whom to bill; by POST, place the order. To htmx, say what the invoice would lack with the codes as typed."""
    draft = purchase(pk)
    if draft.state != OrderState.DRAFT:
        return redirect("purchases:detail", pk=pk)
    form = OrderForm.of(draft, request.POST or None)
    if request.htmx and request.method != "POST":
        return _checked(request, CodesForm(request.GET))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                placed = operations.place(
                    order_id=draft.pk,
                    billing=form.billing(),
                    terms_version=form.cleaned_data["terms_version"],
                    by=request.member.user,
                    at=timezone.now(),
                )
            except Refused as refusal:
                _told(form, refusal)
                status = 409
            else:
                messages.success(request, _what_now(placed))
                return redirect("purchases:detail", pk=pk)
    context = {
        "order": draft,
        "lines": draft.lines.select_related("school_year").order_by("pk"),
        "form": form,
        "preflight": _judged(form),
        "terms": terms.address(),
    }
    return render(request, "orders/office/order.html", context, status=status)


@opened(BUYERS)
@require_http_methods(["GET", "HEAD", "POST"])
def complete(request: OfficeRequest, pk: int) -> HttpResponse:
    """Complete the codes of an order whose invoice is not issued yet."""
    found = purchase(pk)
    initial = {name: getattr(found, name) for name in CODES}
    initial["siret"] = preflight.spelled(found.siret) if found.siret else ""
    form = CodesForm(request.POST or None, initial=initial)
    if request.htmx and request.method != "POST":
        return _checked(request, CodesForm(request.GET))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                operations.complete(order_id=found.pk, **form.cleaned_data, by=request.member.user, at=timezone.now())
            except Refused as refusal:
                _told(form, refusal)
                status = 409
            else:
                messages.success(request, "Informations de facturation enregistrées.")
                return redirect("purchases:detail", pk=pk)
    context = {"order": found, "form": form, "preflight": _judged(form)}
    return render(request, "orders/office/complete.html", context, status=status)


@opened(BUYERS)
@require_http_methods(["GET", "HEAD", "POST"])
def discard(request: OfficeRequest, pk: int) -> HttpResponse:
    """Ask, then put a draft aside."""
    draft = purchase(pk)
    if request.method != "POST":
        if draft.state != OrderState.DRAFT:
            return redirect("purchases:detail", pk=pk)
        return render(request, "orders/office/discard.html", {"order": draft})
    try:
        operations.discard(order_id=draft.pk, by=request.member.user, at=timezone.now())
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("purchases:detail", pk=pk)
    messages.success(request, f"La commande n° {pk} est abandonnée : rien n'a été commandé.")
    return redirect("purchases:list")


def _judged(form: CodesForm) -> preflight.Preflight:
    return preflight.of(payer=Payer.COLLECTIVITY, school=None, **form.codes())


def _checked(request: OfficeRequest, form: CodesForm) -> HttpResponse:
    """Answer with the list of what is missing alone, as the fields stand."""
    response = render(request, "orders/office/_preflight.html", {"preflight": _judged(form)})
    patch_vary_headers(response, ["HX-Request"])
    return response


def _told(form: CodesForm, refusal: Refused) -> None:
    """Say the refusal beside the field that it is about, where there is one."""
    about = refusal.field if isinstance(refusal, BadBilling) and refusal.field in form.fields else None
    form.add_error(about, typography.spaced(str(refusal)))


def _what_now(placed: Order) -> str:
    licences = sum(placed.lines.values_list("quantity", flat=True))
    opened_lot = typography.plural(licences, "licence est utilisable", "licences sont utilisables")
    return f"Commande passée : {opened_lot} tout de suite. Il reste à nous adresser le bon de commande signé."
