"""Mixin for read-only model admins: only operations write."""

from __future__ import annotations

from typing import ClassVar

from django.http import HttpRequest


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
