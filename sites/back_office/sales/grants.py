"""« Ouvrir un lot », « Suspendre », « Rétablir »: list actions that grant a pool, suspend orders and restore them."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action

from accounts.second_factor import get_operator
from core import formatting
from licensing.exceptions import LicensingError
from licensing.orders import operations
from licensing.orders.models import Order
from licensing.orders.operations import get_last_grant
from sites.back_office.sales.forms import GrantForm


class GrantActions(ModelAdmin):
    """Actions of the order list."""

    actions_list = ("open_pool",)
    actions = ("suspend", "restore")

    def get_urls(self) -> list[URLPattern]:
        """Add the grant form before the model's own pages."""
        grant = path("ouvrir-un-lot/", self.admin_site.admin_view(self.grant), name="orders_order_grant")
        urls: list[URLPattern] = super().get_urls()
        return [grant, *urls]

    @action(description="Ouvrir un lot", url_path="open-pool", permissions=["grant"])
    def open_pool(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the grant form."""
        return HttpResponseRedirect(reverse("admin:orders_order_grant"))

    def has_grant_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow whoever may add orders."""
        return request.user.has_perm("orders.add_order")

    @action(description="Suspendre", permissions=["grant"])
    def suspend(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        """Suspend the entitlements of the selected orders, after a confirmation page."""
        if "confirmed" not in request.POST:
            return self._confirm(
                request,
                orders,
                "suspend",
                "Suspendre",
                "Plus rien ne sera attribué de ces lots, leurs clés ne s'activeront plus, et les licences activées "
                "seront en pause. Rien n'est perdu : « Rétablir » rend tout, aussitôt.",
            )
        done = self._apply_to_each(request, orders, operations.suspend)
        messages.success(request, f"{formatting.pluralize(done, 'lot suspendu', 'lots suspendus')}.")
        return None

    @action(description="Rétablir", permissions=["grant"])
    def restore(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        """Restore the suspended entitlements of the selected orders, after a confirmation page."""
        if "confirmed" not in request.POST:
            return self._confirm(
                request, orders, "restore", "Rétablir", "Les lots suspendus de ces commandes reprennent où ils étaient."
            )
        done = self._apply_to_each(request, orders, operations.restore)
        messages.success(request, f"{formatting.pluralize(done, 'lot rétabli', 'lots rétablis')}.")
        return None

    def _apply_to_each(self, request: HttpRequest, orders: QuerySet[Order], operation: Callable[..., int]) -> int:
        """Return how many pools changed. A refusal is shown as a warning and does not stop the other orders."""
        changed = 0
        for order in orders:
            try:
                changed += operation(order_id=order.pk, by=get_operator(request), at=timezone.now())
            except LicensingError as refusal:
                messages.warning(request, refusal.sentence)
        return changed

    def _confirm(
        self, request: HttpRequest, orders: QuerySet[Order], name: str, title: str, warning: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": Order._meta,  # noqa: SLF001 - required by the admin's templates
            "orders": orders.select_related("collectivity", "school", "placed_by"),
            "action": name,
            "warning": formatting.add_nonbreaking_spaces(warning),
        }
        return TemplateResponse(request, "back_office/sales/confirm.html", context)

    def grant(self, request: HttpRequest) -> HttpResponse:
        """Show the grant form; by POST, open the pool with the same operation as the command."""
        if not self.has_grant_permission(request):
            raise PermissionDenied
        form = GrantForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                pool = operations.grant(
                    **form.cleaned_data,
                    last_grant=request.POST.get("page_version", ""),
                    by=get_operator(request),
                    at=timezone.now(),
                )
            except LicensingError as refusal:
                form.add_error(None, str(refusal))
            else:
                units = formatting.pluralize(pool.capacity, "licence")
                messages.success(
                    request, f"Lot « {pool.name} » ouvert pour {form.cleaned_data['collectivity']} : {units}."
                )
                return HttpResponseRedirect(reverse("admin:orders_order_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Ouvrir un lot de licences",
            "opts": Order._meta,  # noqa: SLF001 - required by the admin's templates
            "form": form,
            "page_version": get_last_grant(),
        }
        return TemplateResponse(request, "back_office/sales/grant.html", context)
