"""The directory in the API: schools listed, searched and fetched by UAI. Read only: the synchronisation writes.

The package knows no collectivity: who may ask is said where the endpoint is opened, in `collectivities.api`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import django_filters
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.viewsets import ReadOnlyModelViewSet

from schools import uai
from schools.models import School, SchoolState
from schools.queries import search

if TYPE_CHECKING:
    from django.db.models import QuerySet


class SchoolSerializer(serializers.ModelSerializer[School]):
    """A school as the national directory describes it."""

    class Meta:
        model = School
        fields = (
            "uai",
            "name",
            "type",
            "nature",
            "sector",
            "address",
            "address_extra",
            "postal_code",
            "commune",
            "commune_code",
            "departement",
            "departement_code",
            "academie",
            "region",
            "has_nursery",
            "has_elementary",
            "phone",
            "email",
            "siret",
            "latitude",
            "longitude",
            "state",
            "closed_at",
            "changed_at",
        )
        read_only_fields = fields


class SchoolFilter(django_filters.FilterSet):
    """What a list of schools can be narrowed to."""

    search = django_filters.CharFilter(
        method="narrow_to_search",
        help_text="Nom, commune, code postal ou UAI ; ni la casse ni les accents ne comptent.",
    )
    departement = django_filters.CharFilter(
        field_name="departement_code", help_text="Code sur trois caractères : 030, 02A, 974."
    )
    commune = django_filters.CharFilter(field_name="commune_code", help_text="Code INSEE de la commune.")
    state = django_filters.MultipleChoiceFilter(choices=SchoolState.choices)
    changed_since = django_filters.IsoDateTimeFilter(
        field_name="changed_at", lookup_expr="gte", help_text="Ce que l'annuaire a changé depuis cette date."
    )

    class Meta:
        model = School
        fields = ("postal_code", "type", "sector", "has_nursery", "has_elementary")

    def narrow_to_search(self, schools: QuerySet[School], name: str, value: str) -> QuerySet[School]:
        """Keep the schools that the search finds among those that the other filters kept."""
        return search(value, among=schools)


class ByUai(CursorPagination):
    """Pages that neither skip nor repeat a school while the directory changes under the reader."""

    ordering = "uai"
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000


class SchoolViewSet(ReadOnlyModelViewSet[School]):
    """The schools of the national directory."""

    queryset = School.objects.all()
    serializer_class = SchoolSerializer
    permission_classes = (IsAuthenticated,)
    filterset_class = SchoolFilter
    pagination_class = ByUai
    lookup_field = "uai"
    lookup_value_regex = "[^/]+"

    def get_object(self) -> School:
        """Fetch by UAI, in whatever case and without its zero if need be."""
        code = uai.normalise(self.kwargs["uai"])
        if not uai.is_valid(code):
            raise NotFound
        self.kwargs["uai"] = code
        return super().get_object()
