"""The seller's identity, printed on future documents; those already issued do not change."""

from __future__ import annotations

import datetime
from types import ModuleType
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from stdnum import bic, iban
from stdnum.exceptions import ValidationError as BadNumber
from stdnum.fr import siret, tva
from unfold.admin import ModelAdmin

from licensing.catalogue.models import Seller
from licensing.orders import payers
from sites.back_office.sales.forms import RegistrationNumberField
from web.generic_forms import ModelForm

_VALIDATORS: dict[str, tuple[ModuleType, str]] = {
    "siret": (siret, "Ce SIRET n'existe pas : 14 chiffres, dont le dernier vérifie les autres."),
    "vat_number": (tva, "Ce numéro de TVA n'existe pas : FR, deux caractères de contrôle, puis le SIREN."),
    "iban": (iban, "Cet IBAN n'existe pas : relisez-le sur le relevé d'identité bancaire."),
    "bic": (bic, "Ce BIC n'existe pas : 8 ou 11 caractères."),
}


class SellerForm(ModelForm[Seller]):
    """Validates the registration numbers: an invoice with a wrong one is rejected and cannot be corrected."""

    siret = RegistrationNumberField(label="SIRET")
    vat_number = RegistrationNumberField(label="Numéro de TVA intracommunautaire")
    iban = RegistrationNumberField(label="IBAN")
    bic = RegistrationNumberField(label="BIC")

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
class SellerAdmin(ModelAdmin):
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
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Allow adding only while there is no seller."""
        return not Seller.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse: nothing can be sold without a seller."""
        return False

    def save_model(self, request: HttpRequest, obj: Seller, form: forms.ModelForm[Seller], change: Any) -> None:
        """Save under primary key 1, so that there is only one row."""
        obj.pk = 1
        super().save_model(request, obj, form, change)
