"""Back office of entitlements, keys, subscriptions and classes, across all collectivities.

A key's code is only shown on request, one key at a time; the request is logged, and the key no longer proves who
redeems it.
"""

from __future__ import annotations

from typing import ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from django_tenants.utils import tenant_context
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.account_journal import record_event
from accounts.models import AccountEvent, User
from accounts.reauthentication import ask_for_confirmation
from accounts.second_factor import get_operator
from collectivities import audit_log
from core import formatting
from licensing.classes import tokens
from licensing.classes.models import ApplicationToken, Classroom, DeletionCertificate
from licensing.entitlements import keys, operations, queries
from licensing.entitlements.models import ActivationKey, Entitlement, Seat, SeatEvent, Subscription
from sites.back_office.model_admins import ReadOnlyAdminMixin

# Back office of classes: application tokens are created and revoked here; the rest is read-only.
#
# Pupils are only counted: the site knows no names of theirs.


class ApplicationTokenForm(forms.Form):
    name = forms.CharField(
        label="À quoi il sert",
        max_length=80,
        widget=UnfoldAdminTextInputWidget,
        help_text="Par exemple « Application, production ». Un jeton par serveur : ils se révoquent un à un.",
    )


@admin.register(ApplicationToken)
class ApplicationTokenAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """API tokens of the pupils' application. A secret is shown once, when it is created."""

    list_display = ("name", "hint", "created_at", "created_by", "last_used_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("created_by",)
    fields = list_display
    ordering = ("-pk",)
    actions_list: ClassVar = ["make"]
    actions = ("revoke",)

    def get_urls(self) -> list[URLPattern]:
        """Add the creation page before the model's own pages."""
        new = path("nouveau/", self.admin_site.admin_view(self.new), name="classes_applicationtoken_new")
        urls: list[URLPattern] = super().get_urls()
        return [new, *urls]

    def has_operate_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow whoever may add tokens."""
        return request.user.has_perm("classes.add_applicationtoken")

    @action(description="Créer un jeton", url_path="make", permissions=["operate"])
    def make(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the creation form."""
        return HttpResponseRedirect(reverse("admin:classes_applicationtoken_new"))

    @method_decorator(sensitive_variables("created", "content"))
    def new(self, request: HttpRequest) -> HttpResponse:
        """Show the form; by POST, create the token and show its secret once, on an uncached page."""
        form = ApplicationTokenForm(request.POST or None)
        content = {**self.admin_site.each_context(request), "title": "Créer un jeton", "opts": self.opts, "form": form}
        if request.method == "POST" and form.is_valid():
            created = tokens.create(name=form.cleaned_data["name"], by=get_operator(request), at=timezone.now())
            self.log_addition(request, created.token, "Jeton créé.")
            content |= {"token": created.token, "secret": created.secret}
        response = TemplateResponse(request, "back_office/classes/token.html", content)
        response["Cache-Control"] = "no-store"
        return response

    @action(description="Révoquer…", permissions=["operate"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApplicationToken]) -> HttpResponse | None:
        """Revoke the selected tokens, after a confirmation page."""
        if "confirmed" not in request.POST:
            content = {
                **self.admin_site.each_context(request),
                "title": "Révoquer",
                "opts": self.opts,
                "chosen": chosen,
            }
            return TemplateResponse(request, "back_office/classes/revoke.html", content)
        for token in chosen.filter(revoked_at__isnull=True):
            tokens.revoke(token_id=token.pk, at=timezone.now())
            self.log_change(request, token, "Jeton révoqué.")
        messages.success(request, "C'est fait : l'application qui montre ce jeton n'obtient plus de réponse.")
        return None


@admin.register(Classroom)
class ClassroomAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Classes with their teachers and numbers of pupils."""

    list_display = ("code", "name", "school", "teacher", "pupils_count", "opened_at", "tried_at", "purged_at")
    list_filter = (("tried_at", admin.EmptyFieldListFilter), ("purged_at", admin.EmptyFieldListFilter))
    list_select_related = ("seat__holder", "seat__subscription__school")
    search_fields = (
        "code__istartswith",
        "seat__subscription__school__uai__istartswith",
        "seat__holder__email__istartswith",
        "seat__holder__username__istartswith",
    )
    search_help_text = "Le code d'une classe, un UAI, l'identifiant ou l'adresse de l'enseignant"
    fields = ("code", "name", "school", "teacher", "second_teacher", "second_invited_by", "pupils_count", "opened_at",
              "carried_at", "tried_at", "warned_at", "purged_at")  # fmt: skip
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Classroom]:
        """Return the classes annotated with their number of pupils."""
        classes: QuerySet[Classroom] = super().get_queryset(request)
        return classes.annotate(pupil_count=Count("pupils"))

    @admin.display(description="comptes élèves", ordering="pupil_count")
    def pupils_count(self, classroom: Classroom) -> str:
        """Return the number of pupil accounts."""
        return formatting.number(getattr(classroom, "pupil_count", 0))

    @admin.display(description="enseignant")
    def teacher(self, classroom: Classroom) -> object:
        """Return the holder of the class's seat."""
        return classroom.seat.holder

    @admin.display(description="établissement")
    def school(self, classroom: Classroom) -> object:
        """Return the school of the class's subscription."""
        return classroom.seat.subscription.school


@admin.register(DeletionCertificate)
class DeletionCertificateAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Certificates of the erasure of pupil accounts."""

    list_display = ("number", "school", "classroom", "pupils", "licence_ended_on", "erased_at")
    list_select_related = ("school", "classroom")
    search_fields = ("number__iexact", "school__uai__istartswith", "classroom__code__istartswith")
    search_help_text = "Un numéro de certificat, un UAI, le code d'une classe"
    ordering = ("-pk",)


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
