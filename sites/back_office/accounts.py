"""Back office of user accounts. Accounts are closed, never deleted."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from unfold.decorators import action

from accounts import account_journal, second_factor
from accounts.models import AccountEvent, Profile, User
from accounts.second_factor import get_operator
from accounts.sessions import Session
from sites.back_office.model_admins import FixedRowsAdmin, ReadOnlyAdmin, choice_filter

#: The accounts behind API tokens are managed in their office.
_PERSON_PROFILES = {profile.value: profile.label for profile in Profile if profile != Profile.PROGRAM}
ProfileFilter = choice_filter(
    "profil", "profile", _PERSON_PROFILES, lambda accounts, profile: accounts.filter(profile=profile)
)


@admin.register(User)
class UserAdmin(FixedRowsAdmin):
    """User accounts: they can be closed, and their contact details corrected."""

    list_display = ("username", "last_name", "first_name", "email", "profile", "is_active", "last_login")
    list_filter = (ProfileFilter, "is_active", "is_staff")
    search_fields = ("username__istartswith", "email__istartswith", "last_name__istartswith", "first_name__istartswith")
    ordering = ("last_name", "first_name", "pk")
    fields = (
        "username", "profile", "last_name", "first_name", "email", "phone", "is_active", "date_joined", "last_login",
        "erased_at",
    )  # fmt: skip
    readonly_fields = ("username", "profile", "email", "date_joined", "last_login", "erased_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the accounts of people, without those of API tokens."""
        accounts: QuerySet[User] = super().get_queryset(request)
        return accounts.exclude(profile=Profile.PROGRAM)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse for anonymised accounts, which stay read-only."""
        return (obj is None or obj.erased_at is None) and super().has_change_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """Save the account, and write in the accounts' journal a new name, or that it was disabled or enabled.

        A disabled account's sessions end for good: none opens again once the account is enabled.
        """
        former = User.objects.get(pk=obj.pk)
        super().save_model(request, obj, form, change)
        now, operator = timezone.now(), get_operator(request)
        account_journal.record_renaming(obj, former_name=str(former), at=now, by=operator)
        if obj.is_active != former.is_active:
            action = AccountEvent.Action.ENABLED if obj.is_active else AccountEvent.Action.DISABLED
            account_journal.record_event(action, user=obj, at=now, by=operator)
        if not obj.is_active:
            Session.objects.filter(account=obj.pk).delete()

    actions_detail = ("remove_second_factor",)

    @action(description="Retirer la double authentification", url_path="double-authentification")
    def remove_second_factor(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Remove the second factor of a user who lost phone and recovery codes, after a confirmation; logged."""
        user = get_object_or_404(self.get_queryset(request), pk=object_id)
        if request.method == "POST":
            if second_factor.disable(user=user, host=settings.BASE_DOMAIN, at=timezone.now(), by=get_operator(request)):
                self.log_change(request, user, "Double authentification retirée.")
            messages.success(request, f"Le mot de passe suffit désormais pour le compte « {user.username} ».")
            return redirect("admin:accounts_user_change", user.pk)
        title, is_on = f"Retirer la double authentification de {user}", second_factor.is_enabled(user)
        return self.render_page(request, "accounts/remove_second_factor.html", title, person=user, is_on=is_on)


@admin.register(AccountEvent)
class AccountEventAdmin(ReadOnlyAdmin):
    """The accounts' journal: sign-ins, failures, second factors, names."""

    list_display = ("at", "username", "summary", "by_username", "host", "address")
    list_filter = ("action", ("at", admin.DateFieldListFilter))
    search_fields = ("username__istartswith", "by_username__istartswith", "address__istartswith")
    search_help_text = "Un identifiant, une adresse IP"
    fields = ("at", "action", "summary", "username", "by_username", "host", "address")
    ordering = ("-at", "-pk")
