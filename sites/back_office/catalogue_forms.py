"""Back-office forms of the catalogue; formsets validate price lists across rows."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from core import formatting
from licensing.catalogue import price_lists
from licensing.catalogue.models import PriceBand, Product, SchoolTier, SchoolYear
from licensing.catalogue.operations import get_licence_product
from licensing.catalogue.price_lists import ClassRange
from sites.back_office.sales.forms import AmountField
from web.generic_forms import BaseInlineFormSet, ModelForm

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
        if not first <= day <= self.instance.ends_on:
            raise ValidationError(
                f"Choisissez un jour entre le {formatting.long_date(first)} et le"
                f" {formatting.long_date(self.instance.ends_on)}."
            )
        return day

    def clean_sold_from(self) -> datetime.date | None:
        """Return the day. Raises `ValidationError` unless it lies between a year before the start and the end."""
        day: datetime.date | None = self.cleaned_data["sold_from"]
        earliest = self.instance.starts_on.replace(year=self.instance.starts_on.year - 1)
        if day is not None and not earliest <= day <= self.instance.ends_on:
            raise ValidationError(
                f"Choisissez un jour entre le {formatting.long_date(earliest)} et le"
                f" {formatting.long_date(self.instance.ends_on)}."
            )
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

    def find_error(self, rows: Iterable[dict[str, Any]]) -> str:
        """Return the first error of the list as a French sentence; empty if there is none."""
        raise NotImplementedError

    def clean(self) -> None:
        """Validate the list as it would be saved, without deleted rows."""
        super().clean()
        if any(self.errors):
            return
        rows = [
            form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE", False)
        ]
        error = self.find_error(rows)
        if not rows and self.instance.sold_from is not None:
            error = self.empty_message
        if error:
            raise ValidationError(formatting.add_nonbreaking_spaces(error))


class TierFormSet(_PriceList):
    empty_message = "Une année en vente a des paliers pour les écoles : sans eux, la boutique serait vide."

    def find_error(self, rows: Iterable[dict[str, Any]]) -> str:
        """Return the first error of the tiers."""
        return price_lists.check_tiers([ClassRange(row["from_classes"], row["to_classes"]) for row in rows])


class BandFormSet(_PriceList):
    empty_message = (
        "Une année en vente a des tarifs pour les collectivités : sans eux, elles ne peuvent rien commander."
    )

    def find_error(self, rows: Iterable[dict[str, Any]]) -> str:
        """Return the first error of the price bands."""
        return price_lists.check_bands([row["from_units"] for row in rows])
