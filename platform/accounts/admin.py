"""The operator finds people here, by name, identifiant or address. Accounts are closed, never deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from unfold.admin import ModelAdmin

from accounts.models import User

if TYPE_CHECKING:
    from django.http import HttpRequest


@admin.register(User)
class UserAdmin(ModelAdmin):
    """People: read mostly; an account can be closed, and its contact details corrected."""

    list_display = ("username", "last_name", "first_name", "email", "profile", "is_active", "last_login")
    list_filter = ("profile", "is_active", "is_staff")
    search_fields = ("username__istartswith", "email__istartswith", "last_name__istartswith", "first_name__istartswith")
    ordering = ("last_name", "first_name", "pk")
    fields = (
        "username",
        "profile",
        "last_name",
        "first_name",
        "email",
        "phone",
        "is_active",
        "date_joined",
        "last_login",
    )
    readonly_fields = ("username", "profile", "email", "date_joined", "last_login")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: people sign up, or are invited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: what a person did keeps its author."""
        return False
