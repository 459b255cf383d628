"""The filter of portfolio schools."""

from __future__ import annotations

from typing import ClassVar

import django_filters
from django.db.models import Q, QuerySet

from collectivities.models import PortfolioSchool
from core.foreign_values import cut_search
from schools.folding import split_words
from schools.models import School

CONTACT_CHOICES = (
    ("with", "Contact renseigné"),
    ("without", "Sans contact"),
    ("unreachable", "Aucune adresse connue"),
)


def list_commune_choices() -> list[tuple[str, str]]:
    """Return the communes of the portfolio's schools, by name."""
    communes = (
        School.objects.filter(pk__in=PortfolioSchool.objects.values("school_id"))
        .order_by("commune_folded", "commune_code")
        .values_list("commune_code", "commune")
        .distinct()
    )
    return list({code: (code, name) for code, name in communes}.values())


class PortfolioFilter(django_filters.FilterSet):
    """Filter portfolio schools by words, commune, and whether a contact is known."""

    text = django_filters.CharFilter(label="Nom, commune, code postal ou UAI", method="by_text")
    commune: django_filters.Filter = django_filters.ChoiceFilter(
        label="Commune", empty_label="Toutes", choices=list_commune_choices, field_name="school__commune_code"
    )
    contact = django_filters.ChoiceFilter(
        label="Contact",
        empty_label="Tous",
        choices=CONTACT_CHOICES,
        method="by_contact",
    )

    class Meta:
        model = PortfolioSchool
        fields: ClassVar = ["text", "commune", "contact"]

    def by_text(self, rows: QuerySet[PortfolioSchool], name: str, text: str) -> QuerySet[PortfolioSchool]:
        """Keep the schools that contain all the words."""
        for word in split_words(cut_search(text)):
            rows = rows.filter(school__search_text__contains=word)
        return rows

    def by_contact(self, rows: QuerySet[PortfolioSchool], name: str, contact: str) -> QuerySet[PortfolioSchool]:
        """Keep the schools with a contact address in the portfolio, without one, or without any address at all."""
        no_contact = Q(contact_email="")
        if contact == "unreachable":
            return rows.filter(no_contact, school__email="")
        return rows.filter(no_contact) if contact == "without" else rows.exclude(no_contact)
