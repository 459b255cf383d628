"""Back office of entitlements, keys, subscriptions and classes, across all collectivities.

A key's code is only shown on request, one key at a time; the request is logged, and the key no longer proves who
redeems it.
"""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from django_tenants.utils import tenant_context
from unfold.decorators import action

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
from sites.back_office.forms import use_admin_widgets
from sites.back_office.model_admins import ReadOnlyAdmin, ReadOnlyInline, column

# Back office of classes: application tokens are created and revoked here; the rest is read-only.
#
# Pupils are only counted: the site knows no names of theirs.


class ApplicationTokenForm(forms.Form):
    name = forms.CharField(
        label="À quoi il sert",
        max_length=80,
        help_text="Par exemple « Application, production ». Un jeton par serveur : ils se révoquent un à un.",
    )


@admin.register(ApplicationToken)
class ApplicationTokenAdmin(ReadOnlyAdmin):
    """API tokens of the pupils' application. A secret is shown once, when it is created."""

    list_display = ("name", "hint", "created_at", "created_by", "last_used_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("created_by",)
    fields = list_display
    ordering = ("-pk",)
    actions_list = ("make",)
    actions = ("revoke",)

    pages = (("nouveau/", "new", "classes_applicationtoken_new"),)

    def has_operate_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow whoever may add tokens."""
        return request.user.has_perm("classes.add_applicationtoken")

    @action(description="Créer un jeton", url_path="make", permissions=["operate"])
    def make(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the creation form."""
        return redirect("admin:classes_applicationtoken_new")

    @method_decorator(sensitive_variables("created", "content"))
    def new(self, request: HttpRequest) -> HttpResponse:
        """Show the form; by POST, create the token and show its secret once, on an uncached page."""
        form = use_admin_widgets(ApplicationTokenForm(request.POST or None))
        content: dict[str, Any] = {}
        if request.method == "POST" and form.is_valid():
            created = tokens.create(name=form.cleaned_data["name"], by=get_operator(request), at=timezone.now())
            self.log_addition(request, created.token, "Jeton créé.")
            content = {"token": created.token, "secret": created.secret}
        response = self.render_page(request, "classes/token.html", "Créer un jeton", form=form, **content)
        response["Cache-Control"] = "no-store"
        return response

    @action(description="Révoquer…", permissions=["operate"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApplicationToken]) -> HttpResponse | None:
        """Revoke the selected tokens, after a confirmation page."""
        if "confirmed" not in request.POST:
            return self.render_page(request, "classes/revoke.html", "Révoquer", chosen=chosen)
        for token in chosen.filter(revoked_at__isnull=True):
            tokens.revoke(token_id=token.pk, at=timezone.now())
            self.log_change(request, token, "Jeton révoqué.")
        messages.success(request, "C'est fait : l'application qui montre ce jeton n'obtient plus de réponse.")
        return None


@admin.register(Classroom)
class ClassroomAdmin(ReadOnlyAdmin):
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

    pupils_count = column("comptes élèves", "pupil_count", formatting.number, ordering="pupil_count")
    teacher = column("enseignant", "seat.holder")
    school = column("établissement", "seat.subscription.school")


@admin.register(DeletionCertificate)
class DeletionCertificateAdmin(ReadOnlyAdmin):
    """Certificates of the erasure of pupil accounts."""

    list_display = ("number", "school", "classroom", "pupils", "licence_ended_on", "erased_at")
    list_select_related = ("school", "classroom")
    search_fields = ("number__iexact", "school__uai__istartswith", "classroom__code__istartswith")
    search_help_text = "Un numéro de certificat, un UAI, le code d'une classe"
    ordering = ("-pk",)


@admin.register(Entitlement)
class EntitlementAdmin(ReadOnlyAdmin):
    """Entitlements, which keys are minted from."""

    list_display = (
        "__str__", "collectivity", "first_day", "last_day", "provisional_until", "unpaid_until", "suspended_at"
    )  # fmt: skip
    list_filter = ("last_day", ("suspended_at", admin.EmptyFieldListFilter))
    list_select_related = ("collectivity", "product")


@admin.register(ActivationKey)
class ActivationKeyAdmin(ReadOnlyAdmin):
    """Activation keys. Searchable by full key, UAI, or the redeemer's username or e-mail address."""

    list_display = ("__str__", "school", "units", "giver", "issued_at", "redeemed_at", "redeemed_by", "revoked_at")
    list_filter = (
        ("redeemed_at", admin.EmptyFieldListFilter),
        ("revoked_at", admin.EmptyFieldListFilter),
        ("entitlement__collectivity", admin.EmptyFieldListFilter),
    )
    list_select_related = ("school", "entitlement__collectivity", "redeemed_by")
    search_fields = (
        "school__uai__istartswith", "redeemed_by__email__istartswith", "redeemed_by__username__istartswith"
    )  # fmt: skip
    search_help_text = "Une clé entière, un UAI, l'identifiant ou l'adresse de qui l'a activée"
    exclude = ("sealed_code", "sealed_under")
    ordering = ("-pk",)
    actions = ("reveal",)

    giver = column("provenance", lambda row: str(row.entitlement.collectivity or "boutique"))

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
        code = ""
        if (page := ask_for_confirmation(request)) is not None:
            return page
        if "confirmed" in request.POST:
            with transaction.atomic():
                key = operations.expose(key_id=key.pk, at=timezone.now())
                self.log_change(request, key, "Code affiché à l'exploitant.")
                _record_reveal(key, by=get_operator(request))
            code = queries.unseal_key(key)
        return self.render_page(request, "entitlements/reveal.html", str(key), key=key, code=code)


class SeatInline(ReadOnlyInline):
    """The seats of a subscription."""

    show_title = True
    model = Seat
    fields = ("number", "holder", "held_since", "mode", "reserved_at")
    ordering = ("number",)


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    """Subscriptions opened by redeemed keys."""

    list_display = ("__str__", "school", "principal", "size", "opened_at")
    list_select_related = ("school", "principal")
    search_fields = ("school__uai__istartswith", "principal__email__istartswith", "principal__username__istartswith")
    ordering = ("-pk",)
    inlines = (SeatInline,)


@admin.register(SeatEvent)
class SeatEventAdmin(ReadOnlyAdmin):
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
