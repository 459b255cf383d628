"""The operator's view of orders, and « Ouvrir un lot ». Orders are read here, and changed by operations alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from licensing.exceptions import Refused
from licensing.orders import operations
from licensing.orders.forms import GrantForm
from licensing.orders.models import Order, OrderLine
from web import typography
from web.read_only import ReadOnly

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.urls import URLPattern

    from accounts.models import User


def _operator(request: HttpRequest) -> User:
    """Return who is at the admin: its pages let nobody else in."""
    return cast("User", request.user)


class LineInline(ReadOnly, TabularInline):
    model = OrderLine
    extra = 0
    fields = ("product", "school_year", "quantity")


@admin.register(Order)
class OrderAdmin(ReadOnly, ModelAdmin):
    """The seller's books, and the operator's grants."""

    list_display = ("__str__", "collectivity", "kind", "licences", "reason", "placed_at", "placed_by")
    list_select_related = ("collectivity", "placed_by")
    list_filter = ("kind", "placed_at")
    search_fields = ("collectivity__name", "collectivity__slug", "reason")
    ordering = ("-placed_at",)
    inlines: ClassVar = [LineInline]
    actions_list: ClassVar = ["open_pool"]
    actions: ClassVar = ["suspend", "restore"]

    def get_queryset(self, request: HttpRequest) -> object:
        """Return the orders with their lines, two queries whatever the page's length."""
        return super().get_queryset(request).prefetch_related("lines")

    @admin.display(description="licences")
    def licences(self, order: Order) -> str:
        """Return how many licences the order's lines count."""
        return typography.number(sum(line.quantity for line in order.lines.all()))

    def get_urls(self) -> list[URLPattern]:
        """Add the page of the grant before the model's own."""
        grant = path("ouvrir-un-lot/", self.admin_site.admin_view(self.grant), name="orders_order_grant")
        own: list[URLPattern] = super().get_urls()
        return [grant, *own]

    @action(description="Ouvrir un lot", url_path="open-pool", permissions=["grant"])
    def open_pool(self, request: HttpRequest) -> HttpResponse:
        """Lead to the form."""
        return HttpResponseRedirect(reverse("admin:orders_order_grant"))

    def has_grant_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Let those give who may add orders."""
        return request.user.has_perm("orders.add_order")

    @action(description="Suspendre", permissions=["grant"])
    def suspend(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        """Suspend the lots of the chosen orders, once the operator has read what that means."""
        if "confirmed" not in request.POST:
            return self._confirm(
                request,
                orders,
                "suspend",
                "Suspendre",
                "Plus rien ne sera attribué de ces lots, leurs clés ne s'activeront plus, et les licences activées "
                "seront en pause. Rien n'est perdu : « Rétablir » rend tout, aussitôt.",
            )
        done = sum(operations.suspend(order_id=order.pk, by=_operator(request), at=timezone.now()) for order in orders)
        messages.success(request, f"{typography.plural(done, 'lot suspendu', 'lots suspendus')}.")
        return None

    @action(description="Rétablir", permissions=["grant"])
    def restore(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        """Give back what was suspended, once the operator has read what that means."""
        if "confirmed" not in request.POST:
            return self._confirm(
                request, orders, "restore", "Rétablir", "Les lots suspendus de ces commandes reprennent où ils étaient."
            )
        done = sum(operations.restore(order_id=order.pk, by=_operator(request), at=timezone.now()) for order in orders)
        messages.success(request, f"{typography.plural(done, 'lot rétabli', 'lots rétablis')}.")
        return None

    def _confirm(
        self, request: HttpRequest, orders: QuerySet[Order], name: str, title: str, warning: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": Order._meta,  # noqa: SLF001 - what the admin's templates ask for
            "orders": orders,
            "action": name,
            "warning": warning,
        }
        return TemplateResponse(request, "orders/confirm.html", context)

    def grant(self, request: HttpRequest) -> HttpResponse:
        """Ask to whom, how many and why; then open the pool by the same operation as the command."""
        if not self.has_grant_permission(request):
            raise PermissionDenied
        form = GrantForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                pool = operations.grant(**form.cleaned_data, by=_operator(request), at=timezone.now())
            except Refused as refusal:
                form.add_error(None, str(refusal))
            else:
                given = typography.plural(pool.capacity, "licence")
                messages.success(
                    request, f"Lot « {pool.name} » ouvert pour {form.cleaned_data['collectivity']} : {given}."
                )
                return HttpResponseRedirect(reverse("admin:orders_order_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Ouvrir un lot de licences",
            "opts": Order._meta,  # noqa: SLF001 - what the admin's templates ask for
            "form": form,
        }
        return TemplateResponse(request, "orders/grant.html", context)
