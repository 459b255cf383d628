"""Public payers from Chorus Pro's directory: loaded by `load_public_bodies`, corrected here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from stdnum.exceptions import ValidationError as BadNumber
from stdnum.fr import siret as sirets
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from licensing.orders.models import PublicBody
from sites.back_office.sales.forms import RegistrationNumberField
from web.generic_forms import ModelForm


class PublicBodyForm(ModelForm[PublicBody]):
    """A public body and its services, one per line: code, then name."""

    siret = RegistrationNumberField(label="SIRET")
    lines = forms.CharField(
        label="Services",
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text="Un par ligne : le code, un point-virgule, le nom. Exemple : « EDUC ; Direction de l'éducation ».",
    )

    class Meta:
        model = PublicBody
        fields = ("siret", "name", "service_required", "engagement_required", "service_or_engagement_required")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["lines"] = "\n".join(
            f"{one.get('code', '')} ; {one.get('name', '')}".strip(" ;") for one in self.instance.services
        )

    def clean_siret(self) -> str:
        """Return the SIRET without spaces, after checking its check digit."""
        try:
            return str(sirets.validate(self.cleaned_data["siret"]))
        except BadNumber as error:
            raise ValidationError("Ce SIRET n'existe pas : 14 chiffres, dont le dernier vérifie les autres.") from error

    def clean_lines(self) -> list[dict[str, str]]:
        """Return the services as dictionaries. Raises `ValidationError` for one without a code."""
        services = []
        for line in filter(str.strip, self.cleaned_data["lines"].splitlines()):
            code, _, name = (part.strip() for part in line.partition(";"))
            if not code:
                raise ValidationError(f"Indiquez d'abord le code, puis le nom : « {line.strip()} ».")
            services.append({"code": code, "name": name})
        return services


@admin.register(PublicBody)
class PublicBodyAdmin(ModelAdmin):
    """Public payers. Orders copy what they need, so a body can be corrected or deleted."""

    form = PublicBodyForm
    list_display = ("name", "siret", "service_required", "engagement_required", "changed_at")
    list_filter = ("service_required", "engagement_required")
    search_fields = ("siret__startswith", "name")
    ordering = ("name", "siret")
    fields = (
        "siret", "name", "service_required", "engagement_required", "service_or_engagement_required", "lines",
        "changed_at",
    )  # fmt: skip
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: PublicBody | None = None) -> tuple[str, ...]:
        """Make the SIRET read-only once saved: it identifies the body."""
        return ("changed_at",) if obj is None else ("siret", "changed_at")

    def save_model(self, request: HttpRequest, obj: PublicBody, form: forms.ModelForm[PublicBody], change: Any) -> None:
        """Save the services and the time of the change."""
        obj.services, obj.changed_at = form.cleaned_data["lines"], timezone.now()
        super().save_model(request, obj, form, change)
