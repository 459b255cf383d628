"""Model admins: read-only, as only operations write; and with actions on one row, each behind a confirmation page.

Optimistic locking: the page carries the id of the order's last event; the order is locked and that id compared before
the operation runs, so that a double click runs it once.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin

from accounts.models import User
from accounts.second_factor import get_operator
from core.exceptions import DomainError
from core.formatting import add_nonbreaking_spaces
from licensing.orders.exceptions import BadAmount, BadReference, InvalidOrderDate, NoReason
from licensing.orders.order_events import apply_if_unchanged, get_order_version


class ReadOnlyAdminMixin:
    """For a ModelAdmin or an inline: forbids adding, changing and deleting."""

    # Counting a table of a million keys takes a second.
    show_full_result_count: ClassVar[bool] = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Return False."""
        return False


class ConfirmationForm(forms.Form):
    """An empty form: the action only needs a confirmation."""


@dataclass(frozen=True, kw_only=True)
class AdminAction[Row: Model]:
    """One action that the operator can take on a row."""

    path: str
    #: The button's label.
    label: str
    is_available: Callable[[Row], bool]
    #: Sentences that explain the effect, shown before confirmation.
    explanation: Callable[[Row, datetime.datetime], list[str]]
    #: The operation, called with `by`, `at` and the form's fields; returns the success message.
    run: Callable[..., str]
    form: type[forms.Form] = ConfirmationForm
    #: Sentences beside the button: whether an e-mail leaves, and to whom.
    notice: Callable[[Row], list[str]] = field(default=lambda _row: [])
    initial: Callable[[Row, datetime.datetime], dict[str, Any]] = field(default=lambda _row, _at: {})
    #: The ids of other orders that the operation locks, of the form's fields.
    get_other_orders: Callable[[dict[str, Any]], tuple[int, ...]] = field(default=lambda _typed: ())
    #: Whether it may be the page's primary button: destructive actions never are.
    primary: bool = True
    #: Whether nothing calls for it now: it is then offered without being the primary button.
    is_held_back: Callable[[Row], bool] = field(default=lambda _row: False)
    #: Whether it is listed first, because the others depend on it.
    is_priority: Callable[[Row], bool] = field(default=lambda _row: False)


def apply_action[Row: Model](
    admin_action: AdminAction[Row],
    row: Row,
    *,
    form: forms.Form,
    order_id: int,
    version: str,
    by: User,
    at: datetime.datetime,
) -> str | None:
    """Run the action of a valid form, if the order is still at the page's `version`; return what the action says.

    None where it is refused: the form then says why.
    """
    try:
        return apply_if_unchanged(
            order_id=order_id,
            version=version,
            other_order_ids=admin_action.get_other_orders(form.cleaned_data),
            operation=functools.partial(admin_action.run, row, by=by, at=at, **form.cleaned_data),
        )
    except DomainError as refusal:
        form.add_error(_find_field(refusal, form), refusal.sentence)
        return None


#: The fields that refusals are about, by their names in the forms.
_REFUSED_FIELDS: dict[type[DomainError], tuple[str, ...]] = {
    BadAmount: ("amount",),
    BadReference: ("reference",),
    InvalidOrderDate: ("received_on", "until"),
    NoReason: ("text", "reason"),
}


def _find_field(refusal: DomainError, form: forms.Form) -> str | None:
    """Return the field beside which the refusal is shown; None if it is about none of the form's."""
    names = (getattr(refusal, "field", ""), *_REFUSED_FIELDS.get(type(refusal), ()))
    return next((name for name in names if name in form.fields), None)


class ActionAdmin[Row: Model](ReadOnlyAdminMixin, ModelAdmin):
    """Rows that operations write: read-only here, changed only by their admin actions."""

    admin_actions: tuple[AdminAction[Row], ...] = ()
    change_form_outer_before_template = "back_office/sales/card.html"

    def get_order_id(self, row: Row) -> int:
        """Return the id of the order that the row belongs to."""
        return int(row.order_id)  # type: ignore[attr-defined]  # Order itself overrides this

    def status_sentences(self, row: Row) -> list[str]:
        """Return sentences that describe the row's status and what is expected next."""
        return []

    def links(self, row: Row) -> list[tuple[str, str]]:
        """Return the related pages and documents, as (label, URL)."""
        return []

    def get_next_url(
        self, _request: HttpRequest, row: Row, _admin_action: AdminAction[Row], _typed: dict[str, Any]
    ) -> str:
        """Return the page that follows an action: the row's."""
        return self.page_url("change", row.pk)

    def page_url(self, name: str, *args: object) -> str:
        """Return the URL of one of this admin's own pages."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args)

    def get_urls(self) -> list[URLPattern]:
        """Add the confirmation page of the actions before the model's own pages."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_action"
        urls: list[URLPattern] = super().get_urls()
        return [
            path("<int:pk>/faire/<slug:action_path>/", self.admin_site.admin_view(self.action_page), name=name),
            *urls,
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the row with its status, its available actions and its links."""
        row = self.get_object(request, object_id)
        context: dict[str, Any] = {} if row is None else self._row_context(row)
        response: HttpResponse = super().change_view(request, object_id, form_url, context | (extra_context or {}))
        return response

    def _row_context(self, row: Row) -> dict[str, Any]:
        return {
            "status_sentences": [add_nonbreaking_spaces(sentence) for sentence in self.status_sentences(row)],
            "admin_actions": [
                (one.label, self.page_url("action", row.pk, one.path), one.primary and not one.is_held_back(row))
                for one in sorted(self.admin_actions, key=lambda one: not one.is_priority(row))
                if one.is_available(row)
            ],
            "links": self.links(row),
        }

    def action_page(self, request: HttpRequest, pk: int, action_path: str) -> HttpResponse:
        """Explain the action's effect; by POST, run it."""
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        admin_action = next((one for one in self.admin_actions if one.path == action_path), None)
        if admin_action is None:
            raise Http404
        at = timezone.now()
        if not admin_action.is_available(row):
            # Mostly the second of a double click: the first has run the action.
            messages.info(
                request,
                add_nonbreaking_spaces(f"Rien de plus n'a été fait : « {admin_action.label} » n'est plus à faire."),
            )
            return redirect(self.page_url("change", row.pk))
        form = admin_action.form(request.POST or None, request.FILES or None, initial=admin_action.initial(row, at))
        if request.method == "POST" and form.is_valid():
            message = apply_action(
                admin_action,
                row,
                form=form,
                order_id=self.get_order_id(row),
                version=request.POST.get("page_version", ""),
                by=get_operator(request),
                at=at,
            )
            if message is not None:
                messages.success(request, add_nonbreaking_spaces(message))
                return redirect(self.get_next_url(request, row, admin_action, form.cleaned_data))
        return self._render_confirmation(request, admin_action, row, form=form, at=at)

    def _render_confirmation(
        self, request: HttpRequest, admin_action: AdminAction[Row], row: Row, *, form: forms.Form, at: datetime.datetime
    ) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": f"{row} – {admin_action.label}",
            "explanation": [add_nonbreaking_spaces(sentence) for sentence in admin_action.explanation(row, at)],
            "form": form,
            "notice": [add_nonbreaking_spaces(sentence) for sentence in admin_action.notice(row)],
            "submit_label": admin_action.label,
            "page_version": get_order_version(self.get_order_id(row)),
            "back": self.page_url("change", row.pk),
        }
        status = 422 if form.is_bound else 200
        return render(request, "back_office/sales/ask.html", context, status=status)
