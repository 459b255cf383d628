"""Back office of the catalogue: products and their VAT, school years with prices and first day of sale; the seller.

Orders copy their prices, so a change here affects no existing order. Changes are kept in each page's history.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from core import formatting
from licensing.catalogue import price_lists
from licensing.catalogue.models import PriceBand, Product, SchoolTier, SchoolYear
from licensing.exceptions import LicensingError
from sites.back_office import catalogue_forms


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    """Products: name and VAT rate are editable; orders refer to them, so they are never deleted."""

    form = catalogue_forms.ProductForm
    list_display = ("name", "code", "for_elementary", "vat_rate")
    readonly_fields = ("code",)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: the code must know how to grant a product."""
        return False


class _PriceInline(TabularInline):
    """Rows of a price list."""

    extra = 1
    show_change_link = False

    def get_extra(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> int:
        """Return five empty rows for a new price list, otherwise one."""
        return 1 if obj is not None and self.model._default_manager.filter(school_year=obj).exists() else 5  # noqa: SLF001 - documented


class TierInline(_PriceInline):
    model = SchoolTier
    form = catalogue_forms.TierForm
    formset = catalogue_forms.TierFormSet
    verbose_name_plural = "Paliers des écoles et des enseignants (prix TTC)"
    fields = ("from_classes", "to_classes", "price_ttc")
    ordering = ("from_classes",)


class BandInline(_PriceInline):
    model = PriceBand
    form = catalogue_forms.BandForm
    formset = catalogue_forms.BandFormSet
    verbose_name_plural = "Tarifs des collectivités (prix unitaires HT)"
    fields = ("from_units", "unit_ht")
    ordering = ("from_units",)


@admin.register(SchoolYear)
class SchoolYearAdmin(ModelAdmin):
    """School years and their prices. Years are created automatically, with fixed dates."""

    form = catalogue_forms.SchoolYearForm
    list_display = ("__str__", "first_day", "last_day", "sale_begins", "sale_ends", "tiers_count", "bands_count")
    ordering = ("-ends_on",)
    fields = ("first_day", "last_day", "sold_from", "sold_until", "usable_at_once", "countdown_from_order")
    readonly_fields = ("first_day", "last_day")
    inlines: ClassVar = [TierInline, BandInline]
    actions_detail: ClassVar = ["renew"]
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: a school year is created at its first use, or when prices are copied to it."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: licences run until its last day."""
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the years with their prices prefetched, in three queries."""
        return super().get_queryset(request).prefetch_related("tiers", "bands")

    @admin.display(description="début", ordering="starts_on")
    def first_day(self, year: SchoolYear) -> str:
        """Return its first day, « 1er septembre 2026 »: Django's own format has no « 1er »."""
        return formatting.long_date(year.starts_on)

    @admin.display(description="fin", ordering="ends_on")
    def last_day(self, year: SchoolYear) -> str:
        """Return its last day."""
        return formatting.long_date(year.ends_on)

    @admin.display(description="en vente à partir du", ordering="sold_from", empty_value="–")
    def sale_begins(self, year: SchoolYear) -> str | None:
        """Return its first day of sale."""
        return formatting.long_date(year.sold_from) if year.sold_from else None

    @admin.display(description="en vente jusqu'au", ordering="sold_until", empty_value="–")
    def sale_ends(self, year: SchoolYear) -> str | None:
        """Return its last day of sale."""
        return formatting.long_date(year.sold_until) if year.sold_until else None

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        """Save the price lists; warn of tiers that are dearer than smaller ones together."""
        super().save_related(request, form, formsets, change)
        for sentence in price_lists.list_price_warnings(form.instance):
            messages.warning(request, sentence)

    @admin.display(description="paliers")
    def tiers_count(self, year: SchoolYear) -> str:
        """Return the number of tiers."""
        return formatting.number(len(year.tiers.all()))

    @admin.display(description="tarifs")
    def bands_count(self, year: SchoolYear) -> str:
        """Return the number of price bands."""
        return formatting.number(len(year.bands.all()))

    def construct_change_message(
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        add: bool = False,  # noqa: FBT001, FBT002 - Django's signature
    ) -> Any:
        """Return the full price list as the history entry, so that every past price stays on record."""
        if not form.has_changed() and not any(formset.has_changed() for formset in formsets):
            return super().construct_change_message(request, form, formsets, add)
        return price_lists.describe_prices(SchoolYear.objects.get(pk=form.instance.pk))

    def get_urls(self) -> list[URLPattern]:
        """Add the confirmation page of `renew` before the model's own pages."""
        view = self.admin_site.admin_view(self.renew_page)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:pk>/reconduire/", view, name="catalogue_schoolyear_renewal"), *urls]

    @action(description="Reconduire les tarifs", url_path="renew", permissions=["change"])
    def renew(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirect to the confirmation page."""
        return HttpResponseRedirect(reverse("admin:catalogue_schoolyear_renewal", args=[object_id]))

    def renew_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the prices to copy to the next year; by POST, copy them."""
        year = get_object_or_404(SchoolYear, pk=pk)
        if not self.has_change_permission(request, year):
            raise PermissionDenied
        refused = ""
        if request.method == "POST":
            try:
                with transaction.atomic():
                    after = price_lists.copy_to_next_year(school_year_id=pk)
                    self.log_change(
                        request, after, f"Tarifs de {year} reconduits. {price_lists.describe_prices(after)}"
                    )
            except LicensingError as refusal:
                refused = refusal.sentence
            else:
                messages.success(
                    request, f"Tarifs de {year} reconduits. Relisez-les, puis fixez la date où leur vente commence."
                )
                return HttpResponseRedirect(reverse("admin:catalogue_schoolyear_change", args=[after.pk]))
        context = self.admin_site.each_context(request) | {
            "title": f"Reconduire les tarifs de {year}",
            "opts": self.opts,
            "year": year,
            "after": price_lists.get_next_year_label(year),
            "refused": refused,
            "back": reverse("admin:catalogue_schoolyear_change", args=[pk]),
        }
        return TemplateResponse(request, "back_office/catalogue/renew.html", context, status=409 if refused else 200)
