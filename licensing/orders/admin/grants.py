"""« Ouvrir un lot », « Suspendre », « Rétablir »: what the operator gives and stops, over one order or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action

from licensing.exceptions import Refused
from licensing.orders import operations
from licensing.orders.admin.deeds import ChangedMeanwhile, operator
from licensing.orders.admin.forms import GrantForm
from licensing.orders.models import Order, OrderKind
from tenants.models import Collectivity
from web import typography

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.urls import URLPattern

    from accounts.models import User
    from licensing.pools.models import Pool


class Grants(ModelAdmin):
    """The list's own actions on orders."""

    actions_list = ("open_pool",)
    actions = ("suspend", "restore")

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
        """Suspend what the chosen orders opened, once the operator has read what that means."""
        if "confirmed" not in request.POST:
            return self._confirm(
                request,
                orders,
                "suspend",
                "Suspendre",
                "Plus rien ne sera attribué de ces lots, leurs clés ne s'activeront plus, et les licences activées "
                "seront en pause. Rien n'est perdu : « Rétablir » rend tout, aussitôt.",
            )
        done = self._to_each(request, orders, operations.suspend)
        messages.success(request, f"{typography.plural(done, 'lot suspendu', 'lots suspendus')}.")
        return None

    @action(description="Rétablir", permissions=["grant"])
    def restore(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        """Give back what was suspended, once the operator has read what that means."""
        if "confirmed" not in request.POST:
            return self._confirm(
                request, orders, "restore", "Rétablir", "Les lots suspendus de ces commandes reprennent où ils étaient."
            )
        done = self._to_each(request, orders, operations.restore)
        messages.success(request, f"{typography.plural(done, 'lot rétabli', 'lots rétablis')}.")
        return None

    def _to_each(self, request: HttpRequest, orders: QuerySet[Order], operation: Callable[..., int]) -> int:
        """Return how many lots that changed. What is refused of one order is told, and holds up no other."""
        done = 0
        for order in orders:
            try:
                done += operation(order_id=order.pk, by=operator(request), at=timezone.now())
            except Refused as refusal:
                messages.warning(request, refusal.sentence)
        return done

    def _confirm(
        self, request: HttpRequest, orders: QuerySet[Order], name: str, title: str, warning: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": Order._meta,  # noqa: SLF001 - what the admin's templates ask for
            "orders": orders.select_related("collectivity", "school", "placed_by"),
            "action": name,
            "warning": typography.spaced(warning),
        }
        return TemplateResponse(request, "orders/admin/confirm.html", context)

    def grant(self, request: HttpRequest) -> HttpResponse:
        """Ask to whom, how many and why; then open the pool by the same operation as the command."""
        if not self.has_grant_permission(request):
            raise PermissionDenied
        form = GrantForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                pool = _granted(form, seen=request.POST.get("seen", ""), by=operator(request))
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
            "seen": _last_grant(),
        }
        return TemplateResponse(request, "orders/admin/grant.html", context)


def _granted(form: GrantForm, *, seen: str, by: User) -> Pool:
    """Open the pool, unless another was opened since the page was shown: mostly the first of two clicks."""
    with transaction.atomic():
        Collectivity.objects.select_for_update(no_key=True).get(pk=form.cleaned_data["collectivity"].pk)
        if _last_grant() != seen:
            raise ChangedMeanwhile(
                "Un lot a été ouvert depuis que cette page est affichée, peut-être par un premier clic : voyez la "
                "liste des commandes. Si celui-ci est à ouvrir aussi, validez de nouveau."
            )
        return operations.grant(**form.cleaned_data, by=by, at=timezone.now())


def _last_grant() -> str:
    return str(Order.objects.filter(kind=OrderKind.GRANT).aggregate(last=Max("pk"))["last"] or 0)
