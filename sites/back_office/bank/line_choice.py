"""The page of one line: choose its orders by hand, set it aside, take it back; or read what it was booked as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from accounts.second_factor import get_operator
from core.formatting import add_nonbreaking_spaces, euros, long_date
from licensing.bank import operations
from licensing.bank.books import BookedOrder, find_invoice_numbers, load_books, load_orders, search_orders
from licensing.bank.exceptions import BadShares
from licensing.bank.matching import ChosenMatch, PaymentShare, parse_key, propose_for_lines
from licensing.bank.models import LineState, StatementLine
from licensing.bank.operations import list_releasable
from licensing.billing.queries import parse_amount
from licensing.exceptions import LicensingError
from sites.back_office.bank.forms import SetAsideForm
from sites.back_office.bank.line_views import build_booked_views, build_line_views, describe_order

#: Orders that are kept on the page: a deposit of cheques.
MAX_ORDERS = 100
#: What the page's buttons send as « faire ».
SEARCH, BOOK, SET_ASIDE, TAKE_BACK = "chercher", "enregistrer", "mettre-de-cote", "reprendre"


@dataclass
class OrderChoice:
    """An order that can be ticked, with the amount that it receives."""

    order: BookedOrder
    is_ticked: bool
    amount: str

    @property
    def label(self) -> str:
        return describe_order(self.order)

    @property
    def status(self) -> str:
        """What is due for it, in French."""
        if self.order.due:
            return f"{euros(self.order.due)} à régler"
        return "annulée : tout sera à rendre" if self.order.state == "cancelled" else "déjà réglée : tout sera en trop"

    @property
    def url(self) -> str:
        return reverse("admin:orders_order_change", args=[self.order.pk])


class LineChoicePages(ModelAdmin):
    """The page of one line, beside that of all."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page before the model's own."""
        urls: list[URLPattern] = super().get_urls()
        page = self.admin_site.admin_view(self.choice_page)
        return [path("<int:pk>/choisir/", page, name="bank_statementline_choice"), *urls]

    def choice_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the line and what it may be; by POST, do what the button says."""
        line = get_object_or_404(StatementLine.objects.select_related("statement", "decided_by"), pk=pk)
        asked = request.POST.get("faire", "") if request.method == "POST" else ""
        aside = SetAsideForm(request.POST if asked == SET_ASIDE else None)
        error = ""
        if asked in (BOOK, TAKE_BACK) or (asked == SET_ASIDE and aside.is_valid()):
            try:
                message = self._run(request, line, asked, aside)
            except LicensingError as refusal:
                error = add_nonbreaking_spaces(refusal.sentence)
            else:
                messages.success(request, add_nonbreaking_spaces(message))
                if asked == TAKE_BACK:
                    return redirect("admin:bank_statementline_choice", pk)
                return redirect("admin:bank_statementline_reconciliation")
        line.refresh_from_db()
        is_waiting = line.state == LineState.WAITING
        [view] = build_line_views([line], {}) if is_waiting else [None]
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": f"{line} : {euros(line.amount)}",
            "line": line,
            "view": view,
            "is_waiting": is_waiting,
            "choices": list(_list_choices(request, line)) if is_waiting and line.amount > 0 else [],
            "query": request.POST.get("recherche", ""),
            "rest_reason": request.POST.get("motif_du_reste", ""),
            "error": error,
            "aside": aside,
            "booked": build_booked_views(line),
            "decision": _describe_decision(line),
            "can_be_taken_back": not is_waiting
            and (line.state == LineState.DEBIT or bool(line.set_aside_amount or list_releasable(line))),
            "back": reverse("admin:bank_statementline_reconciliation"),
        }
        status = 422 if error or aside.errors else 200
        return render(request, "back_office/bank/line_choice.html", context, status=status)

    def _run(self, request: HttpRequest, line: StatementLine, asked: str, aside: SetAsideForm) -> str:
        by, at = get_operator(request), timezone.now()
        if asked == TAKE_BACK:
            operations.take_line_back(line_id=line.pk, by=by, at=at)
            return f"{line} : à voir de nouveau."
        if asked == SET_ASIDE:
            operations.set_line_aside(line_id=line.pk, reason=aside.cleaned_data["reason"], by=by, at=at)
            return f"{line} : mise de côté."
        rest_reason = request.POST.get("motif_du_reste", "")[:300]
        booked = operations.book_line(
            line_id=line.pk, chosen=_read_chosen(request), by=by, at=at, rest_reason=rest_reason
        )
        return f"{line} : {euros(booked.booked_amount)} enregistrés."


def _read_chosen(request: HttpRequest) -> ChosenMatch:
    """Return what was chosen: a proposal, or orders that were ticked. Raises `BadShares`."""
    if key := request.POST.get("choix", ""):
        chosen = parse_key(key)
        if chosen is None:
            raise BadShares("Ce choix n'est pas de ceux de la page : choisissez de nouveau.")
        return chosen
    shares = []
    for pk in _read_ids(request, "commande"):
        typed = request.POST.get(f"montant_{pk}", "")
        amount, due = parse_amount(typed), parse_amount(request.POST.get(f"reste_{pk}", ""))
        if amount is None or due is None:
            raise BadShares(f"Commande n° {pk} : « {typed[:30]} » n'est pas un montant. Écrivez « 199,00 ».")
        shares.append(PaymentShare(pk, amount, due))
    return ChosenMatch(tuple(shares))


def _list_choices(request: HttpRequest, line: StatementLine) -> Iterator[OrderChoice]:
    """Yield the orders to tick: those ticked so far, those of the search, those of the proposals.

    Those that the search names by their invoices' numbers are ticked.
    """
    ticked, kept = _read_ids(request, "commande"), _read_ids(request, "gardees")
    query = request.POST.get("recherche", "") if request.POST.get("faire") == SEARCH else ""
    found = search_orders(query) if query.strip() else []
    if find_invoice_numbers(query):
        ticked += [order.pk for order in found]
    proposals = propose_for_lines([line], load_books([line]))[line.pk]
    proposed = [share.order_id for one in proposals for share in one.shares]
    ids = list(dict.fromkeys([*ticked, *(order.pk for order in found), *kept, *proposed]))[:MAX_ORDERS]
    orders = {order.pk: order for order in load_orders(ids)}
    left = line.open_amount
    for pk in ids:
        if pk not in orders:
            continue
        proposed_amount = min(orders[pk].due or left, left) if left > 0 else Decimal(0)
        typed = request.POST.get(f"montant_{pk}", "")[:30] or f"{proposed_amount:.2f}".replace(".", ",")
        if pk in ticked:
            left -= parse_amount(typed) or Decimal(0)
        yield OrderChoice(orders[pk], pk in ticked, typed)


def _read_ids(request: HttpRequest, name: str) -> list[int]:
    texts = request.POST.getlist(name)[:MAX_ORDERS]
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < len(str(2**63))]


def _describe_decision(line: StatementLine) -> str:
    """Return what was decided of the line, by whom and when; empty where nothing was."""
    if line.state == LineState.DEBIT:
        return "Ligne au débit : rien n'est à enregistrer. Si elle reprend un règlement, remettez-la à voir."
    if line.decided_at is None or line.state == LineState.WAITING:
        return ""
    parts = [f"{euros(line.booked_amount)} enregistrés"] if line.booked_amount else []
    if line.set_aside_amount:
        parts.append(f"{euros(line.set_aside_amount)} mis de côté ({line.reason})")
    return add_nonbreaking_spaces(
        f"{' ; '.join(parts)}, par {line.decided_by} le {long_date(timezone.localdate(line.decided_at))}."
    )
