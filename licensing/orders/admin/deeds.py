"""An action on a row of the desk: a page that says what will happen, then one operation.

Nothing is done twice. The page carries what the order had been through when it was shown; the order is locked and
compared before the operation, so that the second of two clicks finds what the first has done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import Max, Model
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from licensing.exceptions import Refused
from licensing.orders.models import Order, OrderEvent
from web.read_only import ReadOnly
from web.typography import spaced

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

    from accounts.models import User


class ChangedMeanwhile(Refused):
    code = "changed_meanwhile"


class NothingToAsk(forms.Form):
    """For what needs a « oui » alone."""


@dataclass(frozen=True, kw_only=True)
class Deed[Row: Model]:
    """What the operator may do with a row."""

    path: str
    #: What the button says.
    label: str
    possible: Callable[[Row], bool]
    #: The sentences that say what will happen.
    says: Callable[[Row, datetime.datetime], list[str]]
    #: The operation, called with `by`, `at` and the form's fields; returns what to tell once it is done.
    do: Callable[..., str]
    form: type[forms.Form] = NothingToAsk
    initial: Callable[[Row, datetime.datetime], dict[str, Any]] = field(default=lambda _row, _at: {})
    #: Whether it may be the card's filled button: what takes something away never is.
    main: bool = True
    #: Whether it stands before the others: they wait for it.
    first: Callable[[Row], bool] = field(default=lambda _row: False)


def operator(request: HttpRequest) -> User:
    """Return who is at the admin: its pages let nobody else in."""
    return cast("User", request.user)


def been_through(order_id: int) -> str:
    """Return what tells whether anything happened to an order since: every operation writes an event."""
    return str(OrderEvent.objects.filter(order=order_id).aggregate(last=Max("pk"))["last"] or 0)


class Desk[Row: Model](ReadOnly, ModelAdmin):
    """Rows that operations write: read here, and changed by their deeds alone."""

    deeds: tuple[Deed[Row], ...] = ()
    change_form_outer_before_template = "orders/admin/card.html"

    def order_of(self, row: Row) -> int:
        """Return the number of the order that the row belongs to."""
        return int(row.order_id)  # type: ignore[attr-defined]  # Order itself overrides this

    def situation(self, row: Row) -> list[str]:
        """Return the sentences that say where the row stands and what is expected."""
        return []

    def links(self, row: Row) -> list[tuple[str, str]]:
        """Return what can be opened from the row's card: (label, address)."""
        return []

    def address(self, name: str, *args: object) -> str:
        """Return the address of one of this admin's own pages."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def get_urls(self) -> list[URLPattern]:
        """Add the page of the deeds before the model's own."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_deed"
        own: list[URLPattern] = super().get_urls()
        return [path("<int:pk>/faire/<slug:named>/", self.admin_site.admin_view(self.deed_page), name=name), *own]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the card, and on it what can be done."""
        row = self.get_object(request, object_id)
        shown: dict[str, Any] = {} if row is None else self._above(row)
        answer: HttpResponse = super().change_view(request, object_id, form_url, shown | (extra_context or {}))
        return answer

    def _above(self, row: Row) -> dict[str, Any]:
        return {
            "situation": [spaced(sentence) for sentence in self.situation(row)],
            "deeds": [
                (deed.label, self.address("deed", row.pk, deed.path), deed.main)
                for deed in sorted(self.deeds, key=lambda deed: not deed.first(row))
                if deed.possible(row)
            ],
            "links": self.links(row),
        }

    def deed_page(self, request: HttpRequest, pk: int, named: str) -> HttpResponse:
        """Say what will happen; on « oui », do it."""
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        deed = next((one for one in self.deeds if one.path == named), None)
        if deed is None:
            raise Http404
        at = timezone.now()
        if not deed.possible(row):
            # Mostly the second of two clicks: what it asked for has been done.
            messages.info(request, spaced(f"Rien de plus n'a été fait : « {deed.label} » n'est plus à faire."))
            return redirect(self.address("change", row.pk))
        form = deed.form(request.POST or None, request.FILES or None, initial=deed.initial(row, at))
        if request.method == "POST" and form.is_valid():
            try:
                told = self._do(deed, row, seen=request.POST.get("seen", ""), by=operator(request), at=at, form=form)
            except Refused as refusal:
                field = getattr(refusal, "field", None)
                form.add_error(field if field in form.fields else None, refusal.sentence)
            else:
                messages.success(request, spaced(told))
                return redirect(self.address("change", row.pk))
        return self._ask(request, deed, row, form=form, at=at)

    def _do(self, deed: Deed[Row], row: Row, *, seen: str, by: User, at: datetime.datetime, form: forms.Form) -> str:
        number = self.order_of(row)
        with transaction.atomic():
            Order.objects.locked().get(pk=number)
            if been_through(number) != seen:
                raise ChangedMeanwhile(
                    "Cette commande a changé depuis que la page est affichée : rien n'a été fait. "
                    "Relisez-la, puis recommencez si c'est encore à faire."
                )
            return deed.do(row, by=by, at=at, **form.cleaned_data)

    def _ask(
        self, request: HttpRequest, deed: Deed[Row], row: Row, *, form: forms.Form, at: datetime.datetime
    ) -> HttpResponse:
        frame = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": f"{row} – {deed.label}",
            "says": [spaced(sentence) for sentence in deed.says(row, at)],
            "form": form,
            "verb": deed.label,
            "seen": been_through(self.order_of(row)),
            "back": self.address("change", row.pk),
        }
        status = 422 if form.is_bound else 200
        return render(request, "orders/admin/ask.html", frame, status=status)
