"""Back office of entitlements, keys, subscriptions and classes, across all collectivities.

A key's code is only shown on request, one key at a time; the request is logged, and the key no longer proves who
redeems it.
"""

from __future__ import annotations

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django_tenants.utils import tenant_context
from unfold.admin import ModelAdmin, TabularInline

from accounts.account_journal import record_event
from accounts.models import AccountEvent, User
from accounts.reauthentication import ask_for_confirmation
from accounts.second_factor import get_operator
from collectivities import audit_log
from licensing.entitlements import keys, operations, queries
from licensing.entitlements.models import ActivationKey, Entitlement, Seat, SeatEvent, Subscription
from sites.back_office.read_only import ReadOnlyAdminMixin


@admin.register(Entitlement)
class EntitlementAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Entitlements, which keys are minted from."""

    list_display = (
        "__str__",
        "collectivity",
        "first_day",
        "last_day",
        "provisional_until",
        "unpaid_until",
        "suspended_at",
    )
    list_filter = ("last_day", ("suspended_at", admin.EmptyFieldListFilter))
    list_select_related = ("collectivity", "product")


@admin.register(ActivationKey)
class ActivationKeyAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Activation keys. Searchable by full key, UAI, or the redeemer's username or e-mail address."""

    list_display = ("__str__", "school", "units", "giver", "issued_at", "redeemed_at", "redeemed_by", "revoked_at")
    list_filter = (
        ("redeemed_at", admin.EmptyFieldListFilter),
        ("revoked_at", admin.EmptyFieldListFilter),
        ("entitlement__collectivity", admin.EmptyFieldListFilter),
    )
    list_select_related = ("school", "entitlement__collectivity", "redeemed_by")
    search_fields = (
        "school__uai__istartswith",
        "redeemed_by__email__istartswith",
        "redeemed_by__username__istartswith",
    )
    search_help_text = "Une clé entière, un UAI, l'identifiant ou l'adresse de qui l'a activée"
    exclude = ("sealed_code", "sealed_under")
    ordering = ("-pk",)
    actions = ("reveal",)

    @admin.display(description="provenance")
    def giver(self, key: ActivationKey) -> str:
        """Return the collectivity that the key comes from, or « boutique »."""
        return str(key.entitlement.collectivity or "boutique")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ActivationKey], search_term: str
    ) -> tuple[QuerySet[ActivationKey], bool]:
        """Search for an exact key first, then in `search_fields`."""
        try:
            key = queries.find_key(search_term)
        except keys.InvalidKey:
            key = None
        if key is not None:
            return queryset.filter(pk=key.pk), False
        results: tuple[QuerySet[ActivationKey], bool] = super().get_search_results(request, queryset, search_term)
        return results

    @admin.action(description="Afficher le code d'une clé…", permissions=["view"])
    def reveal(self, request: HttpRequest, chosen: QuerySet[ActivationKey]) -> HttpResponse | None:
        """Ask for confirmation, then show the code of one key and log it."""
        if chosen.count() != 1:
            self.message_user(request, "Choisissez une seule clé.", messages.WARNING)
            return None
        key = chosen.get()
        content = {**self.admin_site.each_context(request), "title": str(key), "opts": self.opts, "key": key}
        if (page := ask_for_confirmation(request)) is not None:
            return page
        if "confirmed" in request.POST:
            with transaction.atomic():
                key = operations.expose(key_id=key.pk, at=timezone.now())
                self.log_change(request, key, "Code affiché à l'exploitant.")
                _record_reveal(key, by=get_operator(request))
            content["code"] = queries.unseal_key(key)
        return TemplateResponse(request, "back_office/entitlements/reveal.html", content)


class SeatInline(ReadOnlyAdminMixin, TabularInline):
    """The seats of a subscription."""

    model = Seat
    fields = ("number", "holder", "held_since", "mode", "reserved_at")
    extra = 0
    ordering = ("number",)


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Subscriptions opened by redeemed keys."""

    list_display = ("__str__", "school", "principal", "size", "opened_at")
    list_select_related = ("school", "principal")
    search_fields = ("school__uai__istartswith", "principal__email__istartswith", "principal__username__istartswith")
    ordering = ("-pk",)
    inlines = (SeatInline,)


@admin.register(SeatEvent)
class SeatEventAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """History of seats: assigned, claimed, released."""

    list_display = ("at", "kind", "teacher", "by", "seat")
    list_filter = ("kind",)
    list_select_related = ("teacher", "by", "seat__subscription")
    search_fields = ("teacher__email__istartswith", "teacher__username__istartswith")
    ordering = ("-at", "-pk")


def _record_reveal(key: ActivationKey, *, by: User) -> None:
    """Write in the accounts' journal, and in that of the collectivity which gave the key, that its code was shown."""
    now = timezone.now()
    record_event(AccountEvent.Action.KEY_REVEALED, user=by, at=now, details=f"clé n° {key.pk}.")
    collectivity = key.entitlement.collectivity
    if collectivity is None:
        return
    with tenant_context(collectivity):
        audit_log.record(
            action="keys.revealed",
            by=None,
            at=now,
            summary=f"Clé n° {key.pk} affichée par l'exploitation du site (compte « {by.username} »).",
            school_id=key.school_id or "",
        )
