"""Back office of the catalogue: products and their VAT, school years with prices and first day of sale; the seller.

Orders copy their prices, so a change here affects no existing order. Changes are kept in each page's history.
"""

import datetime
from decimal import Decimal
from types import ModuleType
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from stdnum import bic, iban
from stdnum.exceptions import ValidationError as BadNumber
from stdnum.fr import siret, tva
from unfold.admin import TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from core import formatting
from core.exceptions import DomainError
from core.formatting import long_date
from licensing.catalogue import price_lists
from licensing.catalogue.models import PriceBand, Product, SchoolTier, SchoolYear, Seller
from licensing.catalogue.operations import get_licence_product
from licensing.orders import payers
from sites.back_office.forms import AmountField, RegistrationNumberField
from sites.back_office.model_admins import FixedRowsAdmin, SingleRowAdmin, column
from web.generic_forms import BaseInlineFormSet, ModelForm

_VALIDATORS: dict[str, tuple[ModuleType, str]] = {
    "siret": (siret, "Ce SIRET n'existe pas : 14 chiffres, dont le dernier vérifie les autres."),
    "vat_number": (tva, "Ce numéro de TVA n'existe pas : FR, deux caractères de contrôle, puis le SIREN."),
    "iban": (iban, "Cet IBAN n'existe pas : relisez-le sur le relevé d'identité bancaire."),
    "bic": (bic, "Ce BIC n'existe pas : 8 ou 11 caractères."),
}


class SellerForm(ModelForm[Seller]):
    """Validates the registration numbers: an invoice with a wrong one is rejected and cannot be corrected."""

    siret = RegistrationNumberField(label="SIRET", widget=UnfoldAdminTextInputWidget)
    vat_number = RegistrationNumberField(label="Numéro de TVA intracommunautaire", widget=UnfoldAdminTextInputWidget)
    iban = RegistrationNumberField(label="IBAN", widget=UnfoldAdminTextInputWidget)
    bic = RegistrationNumberField(label="BIC", widget=UnfoldAdminTextInputWidget)

    class Meta:
        model = Seller
        fields = (
            "name", "legal_form", "address", "postal_code", "city", "siret", "vat_number", "rcs", "email", "phone",
            "iban", "bic", "vat_on_debits", "mediator", "publication_director", "host",
            "transmits_automatically", "vat_regime", "e_reporting_from",
        )  # fmt: skip

    def clean_name(self) -> str:
        """Return the name; refuse one that is too long for an invoice."""
        name: str = self.cleaned_data["name"]
        if error := payers.get_name_error(name):
            raise ValidationError(error)
        return name

    def clean_e_reporting_from(self) -> datetime.date | None:
        """Return the first day that is reported; refuse one in the midst of a period."""
        day: datetime.date | None = self.cleaned_data["e_reporting_from"]
        if day is not None and day.day != 1:
            raise ValidationError("L'e-reporting commence le premier jour d'un mois.")
        return day

    def clean(self) -> dict[str, Any]:
        """Normalise the numbers; report those that are invalid or inconsistent with each other."""
        cleaned: dict[str, Any] = super().clean() or {}
        for name, (validator, sentence) in _VALIDATORS.items():
            if not (value := cleaned.get(name)):
                continue
            try:
                cleaned[name] = validator.validate(value)
            except BadNumber:
                self.add_error(name, sentence)
            else:
                if name == "vat_number":
                    # stdnum strips the country code, which documents must show.
                    cleaned[name] = f"FR{cleaned[name]}"
        if not self.errors and cleaned["vat_number"][-9:] != cleaned["siret"][:9]:
            raise ValidationError({"vat_number": "Ce numéro de TVA est celui d'une autre entreprise que le SIRET."})
        return cleaned


@admin.register(Seller)
class SellerAdmin(SingleRowAdmin):
    """A single row: created once, then edited."""

    form = SellerForm
    list_display = ("name", "siret", "city", "email", "phone")
    fieldsets = (
        ("Identité", {"fields": ("name", "legal_form", "siret", "vat_number", "rcs", "vat_on_debits")}),
        ("Adresse, telle que les bons de commande la montrent", {"fields": ("address", "postal_code", "city")}),
        ("Pour être joint", {"fields": ("email", "phone", "mediator")}),
        ("Mentions légales du site", {"fields": ("publication_director", "host")}),
        ("Pour être payé", {"fields": ("iban", "bic")}),
        ("Les factures", {"fields": ("transmits_automatically",)}),
        ("Ventes aux particuliers, déclarées par période", {"fields": ("vat_regime", "e_reporting_from")}),
    )


#: VAT rates of metropolitan France: that of each order follows from its payer's place (docs/decisions/0112).
VAT_RATES = tuple(Decimal(rate) for rate in ("20.00", "10.00", "5.50", "2.10"))


class ProductForm(ModelForm[Product]):
    """A product and its VAT rate."""

    class Meta:
        model = Product
        fields = ("name", "summary", "for_elementary", "vat_rate")
        widgets: ClassVar = {"summary": UnfoldAdminTextareaWidget({"rows": 3})}
        help_texts = {
            "summary": "Une ou deux phrases, sans mise en forme, 300 caractères au plus : matières, compétences, façon "
            "de s'exercer. L'accueil, la boutique, les devis et les e-mails des clés les reprennent telles quelles ; "
            "sans elles, ils ne disent que ce que donne une licence.",
            "vat_rate": "Celui de la métropole : ailleurs, la commande a celui du lieu de qui paie. Les commandes "
            "passées gardent le leur. Les prix des écoles sont TTC : ils ne changent pas.",
        }

    def clean_summary(self) -> str:
        """Return the sentences on one line, as e-mails and documents write them."""
        return " ".join(str(self.cleaned_data["summary"]).split())

    def clean_vat_rate(self) -> Decimal:
        """Return the rate. Raises `ValidationError` for a rate that does not exist in France."""
        rate = Decimal(self.cleaned_data["vat_rate"])
        if rate not in VAT_RATES:
            valid_rates = formatting.join_words([formatting.percent(one) for one in VAT_RATES])
            raise ValidationError(f"Ce taux n'existe pas en métropole : {valid_rates}.")
        return rate


class SchoolYearForm(ModelForm[SchoolYear]):
    """When a school year is sold, and from when its licences are used."""

    class Meta:
        model = SchoolYear
        fields = ("sold_from", "sold_until", "usable_at_once", "countdown_from_order")
        help_texts = {
            "sold_from": "Vide : pas encore en vente.",
            "sold_until": "Inclus. Jusqu'à ce jour, elle est vendue à côté de l'année suivante. Vide : jusqu'à ce que "
            "l'année suivante soit en vente.",
            "usable_at_once": "Commandée avant la rentrée, elle s'utilise en classe dès la commande. Sinon, à partir "
            "de son premier jour : d'ici là, ses licences s'attribuent, ses clés s'envoient et s'activent.",
            "countdown_from_order": "Les droits temporaires sont comptés dès la commande. Sinon, dès le premier jour "
            "des licences s'il vient après.",
        }

    def clean_sold_until(self) -> datetime.date | None:
        """Return the day. Raises `ValidationError` unless it lies between the first day of sale and the end."""
        day: datetime.date | None = self.cleaned_data["sold_until"]
        if day is None or "sold_from" in self.errors:
            return day
        first: datetime.date | None = self.cleaned_data["sold_from"]
        if first is None:
            raise ValidationError("Indiquez d'abord le premier jour de vente.")
        return self._check_day(day, first)

    def clean_sold_from(self) -> datetime.date | None:
        """Return the day. Raises `ValidationError` unless it lies between a year before the start and the end."""
        day: datetime.date | None = self.cleaned_data["sold_from"]
        starts_on = self.instance.starts_on
        return None if day is None else self._check_day(day, starts_on.replace(year=starts_on.year - 1))

    def _check_day(self, day: datetime.date, first: datetime.date) -> datetime.date:
        if not first <= day <= self.instance.ends_on:
            days = f"{long_date(first)} et le {long_date(self.instance.ends_on)}"
            raise ValidationError(f"Choisissez un jour entre le {days}.")
        return day


class _PriceForm(ModelForm[Any]):
    """A row of a price list, always of the only product. Its price reads « 199,00 »."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.Meta.localized_fields:
            # A field for numbers shows no comma.
            self.fields[name].widget = UnfoldAdminTextInputWidget({"inputmode": "decimal"})
            self.fields[name].widget.is_localized = True
        # Column headers are not labels, and are hidden on narrow screens.
        for name in self.Meta.fields:
            label = str(self.fields[name].label)
            suffix = f", {self.instance}" if self.instance.pk else ""
            self.fields[name].widget.attrs |= {"aria-label": f"{label}{suffix}", "placeholder": label}

    class Meta:
        fields: ClassVar[tuple[str, ...]] = ()
        localized_fields: ClassVar[tuple[str, ...]] = ()

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        """Save the row."""
        self.instance.product = get_licence_product()
        return super().save(commit)


class TierForm(_PriceForm):
    class Meta:
        model = SchoolTier
        fields = ("from_classes", "to_classes", "price_ttc")
        localized_fields = ("price_ttc",)
        field_classes: ClassVar = {"price_ttc": AmountField}
        help_texts = {
            "to_classes": "Vide au dernier palier.",
            "price_ttc": "Du palier entier ; au dernier palier, de chaque classe.",
        }


class BandForm(_PriceForm):
    class Meta:
        model = PriceBand
        fields = ("from_units", "unit_ht")
        localized_fields = ("unit_ht",)
        field_classes: ClassVar = {"unit_ht": AmountField}


class _PriceList(BaseInlineFormSet[Any, SchoolYear, Any]):
    """A price list; it must not be empty once its school year has a first day of sale."""

    #: Error message for an empty list.
    empty_message = ""

    @staticmethod
    def find_error(rows: list[dict[str, Any]]) -> str:
        """Return the first error of the list as a French sentence; empty if there is none."""
        raise NotImplementedError

    def clean(self) -> None:
        """Validate the list as it would be saved, without deleted rows."""
        super().clean()
        if any(self.errors):
            return
        cleaned = (form.cleaned_data for form in self.forms)
        rows = [row for row in cleaned if row and not row.get("DELETE", False)]
        error = self.find_error(rows)
        if not rows and self.instance.sold_from is not None:
            error = self.empty_message
        if error:
            raise ValidationError(formatting.add_nonbreaking_spaces(error))


class TierFormSet(_PriceList):
    empty_message = "Une année en vente a des paliers pour les écoles : sans eux, la boutique serait vide."

    @staticmethod
    def find_error(rows: list[dict[str, Any]]) -> str:
        """Return the first error of the tiers."""
        tiers = [SchoolTier(from_classes=row["from_classes"], to_classes=row["to_classes"]) for row in rows]
        return price_lists.check_tiers(tiers)


class BandFormSet(_PriceList):
    empty_message = (
        "Une année en vente a des tarifs pour les collectivités : sans eux, elles ne peuvent rien commander."
    )

    @staticmethod
    def find_error(rows: list[dict[str, Any]]) -> str:
        """Return the first error of the price bands."""
        return price_lists.check_bands([row["from_units"] for row in rows])


@admin.register(Product)
class ProductAdmin(FixedRowsAdmin):
    """Products: name and VAT rate are editable. Orders refer to them, and the code must know how to grant each."""

    form = ProductForm
    list_display = ("name", "code", "for_elementary", "vat_rate")
    readonly_fields = ("code",)


class _PriceInline(TabularInline):
    """Rows of a price list."""

    extra = 1
    show_change_link = False

    def get_extra(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> int:
        """Return five empty rows for a new price list, otherwise one."""
        return 1 if obj is not None and self.model._default_manager.filter(school_year=obj).exists() else 5  # noqa: SLF001 - documented


class TierInline(_PriceInline):
    model = SchoolTier
    form = TierForm
    formset = TierFormSet
    verbose_name_plural = "Paliers des écoles et des enseignants (prix TTC)"
    fields = ("from_classes", "to_classes", "price_ttc")
    ordering = ("from_classes",)


class BandInline(_PriceInline):
    model = PriceBand
    form = BandForm
    formset = BandFormSet
    verbose_name_plural = "Tarifs des collectivités (prix unitaires HT)"
    fields = ("from_units", "unit_ht")
    ordering = ("from_units",)


def _count(prefetched: Any) -> str:
    return formatting.number(len(prefetched.all()))


@admin.register(SchoolYear)
class SchoolYearAdmin(FixedRowsAdmin):
    """School years and their prices. A year is created at its first use, or when prices are copied to it."""

    form = SchoolYearForm
    list_display = ("__str__", "first_day", "last_day", "sale_begins", "sale_ends", "tiers_count", "bands_count")
    ordering = ("-ends_on",)
    fields = ("first_day", "last_day", "sold_from", "sold_until", "usable_at_once", "countdown_from_order")
    readonly_fields = ("first_day", "last_day")
    inlines: ClassVar = [TierInline, BandInline]
    actions_detail: ClassVar = ["renew"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the years with their prices prefetched, in three queries."""
        return super().get_queryset(request).prefetch_related("tiers", "bands")

    first_day = column("début", "starts_on", long_date, ordering="starts_on")
    last_day = column("fin", "ends_on", long_date, ordering="ends_on")
    sale_begins = column("en vente à partir du", "sold_from", long_date, ordering="sold_from", empty_value="–")
    sale_ends = column("en vente jusqu'au", "sold_until", long_date, ordering="sold_until", empty_value="–")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        """Save the price lists; warn of tiers that are dearer than smaller ones together."""
        super().save_related(request, form, formsets, change)
        for sentence in price_lists.list_price_warnings(form.instance):
            messages.warning(request, sentence)

    tiers_count = column("paliers", "tiers", _count)
    bands_count = column("tarifs", "bands", _count)

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

    pages = (("<int:pk>/reconduire/", "renew_page", "catalogue_schoolyear_renewal"),)

    @action(description="Reconduire les tarifs", url_path="renew", permissions=["change"])
    def renew(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Redirect to the confirmation page."""
        return redirect("admin:catalogue_schoolyear_renewal", object_id)

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
            except DomainError as refusal:
                refused = refusal.sentence
            else:
                messages.success(
                    request, f"Tarifs de {year} reconduits. Relisez-les, puis fixez la date où leur vente commence."
                )
                return redirect("admin:catalogue_schoolyear_change", after.pk)
        return self.render_page(
            request,
            "catalogue/renew.html",
            f"Reconduire les tarifs de {year}",
            status=409 if refused else 200,
            year=year,
            after=price_lists.get_next_year_label(year),
            refused=refused,
            back=reverse("admin:catalogue_schoolyear_change", args=[pk]),
        )
