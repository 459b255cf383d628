"""The operator reads the catalogue here; what is sold changes only with the house."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from unfold.admin import ModelAdmin

from licensing.catalogue.models import Product, SchoolYear
from web.read_only import ReadOnly

if TYPE_CHECKING:
    from django.http import HttpRequest


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    """A product can be renamed; orders refer to it, so it is never deleted."""

    list_display = ("name", "code", "for_elementary")
    readonly_fields = ("code",)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a product that nothing knows how to give would be an empty promise."""
        return False


@admin.register(SchoolYear)
class SchoolYearAdmin(ReadOnly, ModelAdmin):
    """School years, read only: licences already given run until the last day they were given with."""

    list_display = ("__str__", "starts_on", "ends_on")
    ordering = ("-ends_on",)
