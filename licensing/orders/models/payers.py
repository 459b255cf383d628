"""Public bodies of Chorus Pro's directory."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class PublicBody(models.Model):
    """A body of Chorus Pro's directory, with the references its invoices must carry. Loaded by the operator."""

    siret = models.CharField("SIRET", max_length=14, primary_key=True)
    name = models.CharField("nom", max_length=200)
    service_required = models.BooleanField("code service obligatoire", default=False)
    engagement_required = models.BooleanField("numéro d'engagement obligatoire", default=False)
    # Chorus Pro's third option: either of the two.
    service_or_engagement_required = models.BooleanField(
        "code service ou numéro d'engagement obligatoire", default=False
    )
    # [{"code": "…", "name": "…"}]: its known services.
    services = models.JSONField("services", default=list, blank=True)
    changed_at = models.DateTimeField("modifié le")

    class Meta:
        verbose_name = "organisme public"
        verbose_name_plural = "organismes publics"
        constraints: ClassVar = [
            models.CheckConstraint(name="public_body_siret_has_14_digits", condition=Q(siret__regex=r"^[0-9]{14}$"))
        ]

    def __str__(self) -> str:
        return self.name
