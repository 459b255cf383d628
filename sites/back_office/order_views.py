"""One order that waits: what was ordered beside the signed purchase order, what to do with it, and the next one."""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.csp import CSP
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override

from accounts.second_factor import get_operator
from core.documents import build_file_response
from core.formatting import add_nonbreaking_spaces, euros, pluralize
from licensing.books.billing.queries import get_amount_received
from licensing.orders import payers
from licensing.orders.models import Order, OrderState, PurchaseOrderScan, ScanState
from licensing.orders.order_events import get_order_version
from licensing.payments.models import Payment, ReversalReason
from licensing.payments.queries import list_payments_left
from sites.back_office.model_admins import AdminAction, apply_action
from sites.back_office.order_actions import ORDER_ACTIONS, describe_deposit, describe_order
from sites.back_office.order_status import (
    AWAITING_PURCHASE_ORDER,
    describe_unknown_payer,
    list_references,
    list_refused_scans,
)
from sites.back_office.waiting import TO_CHECK, TO_COLLECT, WaitingItem, build_list, get_client, order_url

_ACTIONS = {one.path: one for one in ORDER_ACTIONS}
#: Items among which the next one is looked for.
_MANY = 200
#: A page that shows a scan in a frame of our own; and the scan, which no other site may show and which loads nothing.
_PAGE_POLICY: dict[str, Any] = {**settings.SECURE_CSP, "frame-src": [CSP.SELF]}
_SCAN_POLICY: dict[str, Any] = {"default-src": [CSP.NONE], "frame-ancestors": [CSP.SELF]}


@dataclass(frozen=True)
class OrderStep:
    """What comes next for an order: the act that goes on with it, the one that refuses, and what is completed before.

    The first two have their button. `checks`: what is to be looked at before.
    """

    action: AdminAction[Order]
    label: str
    refusal: AdminAction[Order] | None = None
    refusal_label: str = ""
    completion: AdminAction[Order] | None = None
    checks: Callable[[Order], str] = field(default=lambda _order: "")


def _describe_checks(order: Order) -> str:
    """Return what a signed purchase order has to say to be the order's."""
    licences = pluralize(sum(line.quantity for line in order.lines.all()), "licence")
    return f"Vérifiez : la signature, « {order.bill_name} » pour payeur, {licences}, {euros(order.total_ttc)} TTC."


_REVIEW = OrderStep(_ACTIONS["ouvrir"], "Ouvrir les droits", _ACTIONS["refuser"], "Refuser la commande")
_CHECK = OrderStep(
    _ACTIONS["confirmer"],
    "Conforme : facturer",
    _ACTIONS["refuser-le-bon"],
    "Refuser ce document",
    completion=_ACTIONS["completer"],
    checks=_describe_checks,
)
_COLLECT = OrderStep(_ACTIONS["reglement"], "Encaisser")


def find_step(order: Order, scan: PurchaseOrderScan | None) -> OrderStep | None:
    """Return what comes next for an order whose latest scan this is; None if nothing is for the operator to do."""
    if order.state == OrderState.IN_REVIEW:
        return _REVIEW
    if order.state in AWAITING_PURCHASE_ORDER and scan is not None and scan.state == ScanState.WAITING:
        return _CHECK
    return _COLLECT if order.state == OrderState.CONFIRMED else None


@csp_override(_PAGE_POLICY)
def show_order(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Show an order of the list `slug`; by POST, take its next step or refuse it."""
    if slug not in (TO_CHECK, TO_COLLECT):
        raise Http404
    orders = Order.objects.sales().select_related("collectivity", "school", "placed_by")
    order = get_object_or_404(orders, pk=pk)
    scan = order.scans.defer("content").order_by("-pk").first()
    step, at = find_step(order, scan), timezone.now()
    mistake = _find_mistake(order, request.GET.get("reprendre", "")) if step is _COLLECT else None
    offered = {act.path: act for act in (step.action, step.refusal, step.completion) if act is not None} if step else {}
    forms_shown = {path: _build_form(act, order, at=at) for path, act in offered.items()}
    if mistake is not None:
        typed = ("method", "amount", "received_on", "reference")
        forms_shown[_COLLECT.action.path].initial.update({name: getattr(mistake, name) for name in typed})
    if request.method == "POST":
        act, version = offered.get(request.POST.get("act", "")), request.POST.get("page_version", "")
        if act is None:
            # Mostly the second of a double click: the first has done it.
            messages.info(request, "Rien de plus n'a été fait : ce n'est plus à faire.")
            return redirect(order_url(slug, pk))
        form = forms_shown[act.path] = _build_form(act, order, at=at, request=request)
        by = get_operator(request)
        done = (
            apply_action(act, order, form=form, order_id=pk, version=version, by=by, at=at) if form.is_valid() else None
        )
        if done is not None:
            messages.success(request, add_nonbreaking_spaces(done))
            return redirect(order_url(slug, pk))
    following = _find_next(slug, pk, at)
    # What was just invoiced is seldom paid already: the next to check comes before its payment.
    is_secondary = step is _COLLECT and slug == TO_CHECK and following is not None
    context = {
        **_describe(order, scan, at),
        "slug": slug,
        "step": step,
        "next": following,
        "mistake": mistake,
        "is_secondary": is_secondary and mistake is None and request.method != "POST",
        "page_version": get_order_version(pk),
        **_describe_step(order, step, forms_shown, at),
    }
    return render(request, "back_office/order.html", context, status=422 if request.method == "POST" else 200)


def _find_mistake(order: Order, payment_id: str) -> Payment | None:
    """Return the payment that was recorded by mistake and reversed, to record it anew; None if it is none."""
    if not payment_id.isdecimal():
        return None
    mistaken = order.payments.filter(taken_back__reversal_reason=ReversalReason.MISTAKE)
    return mistaken.filter(pk=payment_id).first()


def _build_form(
    act: AdminAction[Order], order: Order, *, at: datetime.datetime, request: HttpRequest | None = None
) -> forms.Form:
    return act.form(request.POST if request else None, initial=act.initial(order, at))


def _describe(order: Order, scan: PurchaseOrderScan | None, at: datetime.datetime) -> dict[str, Any]:
    invoice = order.invoices.current().defer("xml").first()
    return {
        "order": order,
        "client": get_client(order),
        "scan": scan,
        "lines": list(order.lines.order_by("pk")),
        "references": list_references(order),
        "invoice": invoice,
        "deposit_at": describe_deposit(invoice) if invoice else "",
        "received": get_amount_received(order),
        "payments": list_payments_left(order),
        "refused_before": list(list_refused_scans(order).exclude(pk=scan.pk)) if scan else [],
        "status": describe_order(order, "status", at),
    }


def _describe_step(
    order: Order, step: OrderStep | None, forms_shown: dict[str, forms.Form], at: datetime.datetime
) -> dict[str, Any]:
    if step is None:
        return {}
    refusal, completion = step.refusal, step.completion
    bound = next((form for form in forms_shown.values() if form.is_bound), None)
    # Nothing is invoiced without what is missing; what is unknown is asked beside the button.
    checked = payers.check_order(order) if completion else None
    missing = [one.sentence for one in checked.missing] if checked else []
    unknown_payer = describe_unknown_payer(order)
    asks = missing or (checked is not None and checked.note)
    return {
        "form": forms_shown[step.action.path],
        "checks": step.checks(order),
        "explanation": [one for one in step.action.explain(order, at)[""] if one != unknown_payer],
        "refusal_form": forms_shown[refusal.path] if refusal else None,
        "refusal_explanation": refusal.explain(order, at)[""] if refusal else [],
        "failed_form": bound,
        "missing": missing,
        "unknown_payer": unknown_payer,
        "completion_form": forms_shown[completion.path] if completion and asks else None,
    }


def _find_next(slug: str, order_id: int, at: datetime.datetime) -> WaitingItem | None:
    """Return what comes after the order in its list, else the oldest of the others."""
    items, here = build_list(slug, at, limit=_MANY).items, order_url(slug, order_id)
    urls = [item.url for item in items]
    later = items[urls.index(here) + 1 :] if here in urls else items
    return next((item for item in (*later, *items) if item.url != here), None)


@xframe_options_sameorigin
@csp_override(_SCAN_POLICY)
def show_scan(_request: HttpRequest, pk: int) -> HttpResponse:
    """Return a signed purchase order as it was uploaded, for the frame beside its order."""
    scan = get_object_or_404(PurchaseOrderScan, pk=pk)
    return build_file_response(scan.content, name=scan.filename, content_type=scan.content_type, inline=True)
