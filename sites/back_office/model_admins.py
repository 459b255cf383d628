"""Model admins: read-only, as only operations write; and with actions on one row, each behind a confirmation page.

What differs by values alone is declared: pages of an admin's own, columns that format a value, filters by choices.

Optimistic locking: the page carries the id of the order's last event; the order is locked and that id compared before
the operation runs, so that a double click runs it once.
"""

import datetime
import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline

from accounts.models import User
from accounts.second_factor import get_operator
from core.calendar import date_in_paris
from core.exceptions import DomainError
from core.formatting import add_nonbreaking_spaces
from core.text_templates import read_text_template
from licensing.orders.exceptions import BadAmount, BadReference, InvalidOrderDate, NoReason
from licensing.orders.order_events import apply_if_unchanged, get_order_version
from sites.back_office.forms import use_admin_widgets


class ReadOnlyAdminMixin:
    """For a ModelAdmin or an inline: forbids adding, changing and deleting."""

    # Counting a table of a million keys takes a second.
    show_full_result_count: ClassVar[bool] = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Return False."""
        return False

    has_change_permission = has_delete_permission = has_add_permission


#: Route below the model's, method, and name in the admin's namespace.
type Pages = tuple[tuple[str, str, str], ...]


class PagesAdmin(ModelAdmin):
    """Model admins with pages of their own beside those of the model."""

    #: Those of base classes are there as well.
    pages: Pages = ()

    def get_urls(self) -> list[URLPattern]:
        """Put the pages before the model's own."""
        view = self.admin_site.admin_view
        declared = [page for kind in type(self).__mro__ for page in vars(kind).get("pages", ())]
        own = [path(route, view(getattr(self, method)), name=name) for route, method, name in declared]
        return [*own, *super().get_urls()]

    def render_page(
        self, request: HttpRequest, template: str, title: str, *, status: int = 200, **context: Any
    ) -> HttpResponse:
        """Render a page within the admin's layout."""
        frame = self.admin_site.each_context(request) | {"opts": self.opts, "title": title}
        return render(request, f"back_office/{template}", frame | context, status=status)


class FixedRowsAdmin(PagesAdmin):
    """Rows that are corrected here, and neither added nor deleted."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Return False."""
        return False


class SingleRowAdmin(FixedRowsAdmin):
    """A table of one row, under primary key 1: created once, then edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether there is none yet."""
        return not self.model._default_manager.exists()  # noqa: SLF001 - documented

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: Any) -> None:
        """Save under primary key 1."""
        obj.pk = 1
        super().save_model(request, obj, form, change)


class ReadOnlyAdmin(ReadOnlyAdminMixin, PagesAdmin):
    """Rows that are looked at, and changed by actions at most."""


class ReadOnlyInline(ReadOnlyAdminMixin, TabularInline):
    """Read-only rows without a title: one of their columns identifies them."""

    extra = 0
    show_title = False


def column(
    description: str,
    source: str | Callable[[Any], object],
    formatted: Callable[[Any], object] = lambda value: value,
    *,
    ordering: str | None = None,
    empty_value: str | None = None,
) -> Callable[[Any, Any], Any]:
    """Return a column of an admin: an attribute of the row, named with dots, or what a function makes of the row.

    `formatted` gets the value, unless it is None; then the column shows `empty_value`.
    """
    read = operator.attrgetter(source) if isinstance(source, str) else source

    @admin.display(description=description, ordering=ordering, empty_value=empty_value)
    def show(_admin: object, row: Any) -> Any:
        value = read(row)
        return None if value is None else formatted(value)

    return show


class FurtherSearchAdmin(ModelAdmin):
    """A search by fields that finds more than these say."""

    def search_further(self, term: str) -> Q | None:
        """Return the condition of what else a term means; None for nothing."""
        raise NotImplementedError

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by the fields, and further."""
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, search_term)
        further = self.search_further(search_term) if search_term.strip() else None
        if further is None:
            return found
        return queryset.filter(Q(pk__in=found[0].order_by().values("pk")) | further), False


def link_to(name: str, pk: object, text: object) -> SafeString:
    """Return a link of the admin to a page of a row."""
    return format_html('<a class="underline" href="{}">{}</a>', reverse(f"admin:{name}", args=[pk]), text)


def choice_filter(
    title: str, parameter: str, choices: Mapping[str, str], keep: Callable[[Any, str], QuerySet[Any]]
) -> type[admin.SimpleListFilter]:
    """Return a filter of a list by one of these choices; it keeps all rows for what is none of them."""

    class ChoiceFilter(admin.SimpleListFilter):
        def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
            """Return the choices."""
            return list(choices.items())

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            """Keep the rows of the choice."""
            chosen = self.value()
            return keep(queryset, chosen) if chosen is not None and chosen in choices else queryset

    ChoiceFilter.title, ChoiceFilter.parameter_name = title, parameter
    return ChoiceFilter


#: What a template about a row may name as of a day, beside the row and `today`: names, and functions of the row.
type Readers[Row: Model] = Callable[[datetime.date], Mapping[str, Callable[[Row], Any]]]


def read_sentences[Row: Model](
    row: Row, page: str, readers: Readers[Row], at: datetime.datetime
) -> dict[str, list[str]]:
    """Return the sentences of the template `back_office/<model>/<page>.txt` about a row, by label, "" for none.

    They are plain text, and a label that the template lacks has none. The template names the row as its model
    (`order`), `today` and the readers; one of these is called when it is first named, and not again. Raises
    `NameError` where the template writes another name; in a condition that is false.
    """
    model, today = str(row._meta.model_name), date_in_paris(at)  # noqa: SLF001 - documented
    values = {name: functools.cache(functools.partial(read, row)) for name, read in readers(today).items()}
    return read_text_template(f"back_office/{model}/{page}.txt", {model: row, "today": today, **values})


class ConfirmationForm(forms.Form):
    """An empty form: the action only needs a confirmation."""


@dataclass(frozen=True, kw_only=True)
class AdminAction[Row: Model]:
    """One action that the operator can take on a row; `back_office/<model>/<path>.txt` explains its effect."""

    path: str
    #: The button's label.
    label: str
    is_available: Callable[[Row], bool]
    #: The operation (`call`), called with `by`, `at` and the form's fields; returns the success message.
    run: Callable[..., str]
    form: type[forms.Form] = ConfirmationForm
    #: What that template may name beside the row.
    readers: Readers[Row] = field(default=lambda _today: {})
    initial: Callable[[Row, datetime.datetime], dict[str, Any]] = field(default=lambda _row, _at: {})
    #: The ids of other orders that the operation locks, of the form's fields.
    get_other_orders: Callable[[dict[str, Any]], tuple[int, ...]] = field(default=lambda _typed: ())
    #: Whether it may be the page's primary button: destructive actions never are.
    primary: bool = True
    #: Whether nothing calls for it now: it is then offered without being the primary button.
    is_held_back: Callable[[Row], bool] = field(default=lambda _row: False)
    #: Whether it is listed first, because the others depend on it.
    is_priority: Callable[[Row], bool] = field(default=lambda _row: False)

    def explain(self, row: Row, at: datetime.datetime) -> dict[str, list[str]]:
        """Return the sentences that explain the effect, and as "notice" those beside the button."""
        return read_sentences(row, self.path, self.readers, at)


def call(
    operation: Callable[..., Any], id_name: str, message: str | Callable[[Any, Any, dict[str, Any]], str]
) -> Callable[..., str]:
    """Return the `run` of an action that calls an operation with the row's id, as `id_name`, and the form's fields.

    `message`: what it says, or a function of the row, of what the operation returned and of the form's fields.
    """

    def run(row: Model, *, by: User, at: datetime.datetime, **typed: Any) -> str:
        done = operation(**{id_name: row.pk}, **typed, by=by, at=at)
        return message if isinstance(message, str) else message(row, done, typed)

    return run


def format_sentences(sentences: Iterable[str]) -> list[str]:
    """Return French sentences with their non-breaking spaces."""
    return [add_nonbreaking_spaces(sentence) for sentence in sentences]


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


class ActionAdmin[Row: Model](ReadOnlyAdmin):
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
        page = path("<int:pk>/faire/<slug:action_path>/", self.admin_site.admin_view(self.action_page), name=name)
        return [page, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the row with its status, its available actions and its links."""
        row = self.get_object(request, object_id)
        context: dict[str, Any] = {} if row is None else self._row_context(row)
        response: HttpResponse = super().change_view(request, object_id, form_url, context | (extra_context or {}))
        return response

    def _row_context(self, row: Row) -> dict[str, Any]:
        return {
            "status_sentences": format_sentences(self.status_sentences(row)),
            "admin_actions": [
                (act.label, self.page_url("action", row.pk, act.path), act.primary and not act.is_held_back(row))
                for act in sorted(self.admin_actions, key=lambda act: not act.is_priority(row))
                if act.is_available(row)
            ],
            "links": self.links(row),
        }

    def action_page(self, request: HttpRequest, pk: int, action_path: str) -> HttpResponse:
        """Explain the action's effect; by POST, run it."""
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        act = next((act for act in self.admin_actions if act.path == action_path), None)
        if act is None:
            raise Http404
        at = timezone.now()
        if not act.is_available(row):
            # Mostly the second of a double click: the first has run the action.
            sentence = f"Rien de plus n'a été fait : « {act.label} » n'est plus à faire."
            messages.info(request, add_nonbreaking_spaces(sentence))
            return redirect(self.page_url("change", row.pk))
        form = use_admin_widgets(act.form(request.POST or None, request.FILES or None, initial=act.initial(row, at)))
        order_id, version = self.get_order_id(row), request.POST.get("page_version", "")
        if request.method == "POST" and form.is_valid():
            by = get_operator(request)
            message = apply_action(act, row, form=form, order_id=order_id, version=version, by=by, at=at)
            if message is not None:
                messages.success(request, add_nonbreaking_spaces(message))
                return redirect(self.get_next_url(request, row, act, form.cleaned_data))
        sentences = act.explain(row, at)
        return self.render_page(
            request,
            "sales/ask.html",
            f"{row} – {act.label}",
            status=422 if form.is_bound else 200,
            explanation=format_sentences(sentences[""]),
            form=form,
            notice=format_sentences(sentences["notice"]),
            submit_label=act.label,
            page_version=get_order_version(order_id),
            back=self.page_url("change", row.pk),
        )
