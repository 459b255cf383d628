"""The directory in the API: schools listed, searched and fetched by UAI. Read only: the synchronisation writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django_filters
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from api.endpoint import Endpoint, ListEndpoint
from api.fields import Moment
from api.filters import Flag, Since
from api.scopes import Scope
from schools.models import School, SchoolState
from schools.queries import search
from schools.uai import is_valid, normalise

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

TAGS = ["Établissements"]


class SchoolSerializer(serializers.ModelSerializer[School]):
    """Un établissement, tel que l'annuaire national le décrit."""

    closed_at = Moment(allow_null=True, help_text="Depuis quand l'annuaire le dit fermé.")
    changed_at = Moment(help_text="Le dernier changement que l'annuaire en a dit.")

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
    changed_since = Since(
        field_name="changed_at", lookup_expr="gte", help_text="Ce que l'annuaire a changé depuis cette date."
    )
    has_nursery = Flag(help_text="A des classes de maternelle.")
    has_elementary = Flag(help_text="A des classes du CP au CM2.")

    class Meta:
        model = School
        fields = ("postal_code", "type", "sector")

    def narrow_to_search(self, schools: QuerySet[School], name: str, value: str) -> QuerySet[School]:
        """Keep the schools that the search finds among those that the other filters kept."""
        return search(value, among=schools)


class Schools(ListEndpoint):
    """`/schools`."""

    scopes = {"GET": Scope.READ}
    queryset = School.objects.all()
    serializer_class = SchoolSerializer
    filterset_class = SchoolFilter
    cursor_field = "uai"

    @extend_schema(operation_id="listSchools", summary="Chercher des établissements", tags=TAGS)
    def get(self, request: Request) -> Response:
        """Les établissements de l'annuaire national, dans l'ordre de leur UAI."""
        return self.listed()


class OneSchool(Endpoint):
    """`/schools/{uai}`."""

    scopes = {"GET": Scope.READ}

    @extend_schema(
        operation_id="getSchool", summary="Lire un établissement", tags=TAGS, responses={200: SchoolSerializer}
    )
    def get(self, request: Request, uai: str) -> Response:
        """L'établissement qui porte cet UAI, écrit en minuscules ou sans son zéro s'il le faut."""
        code = normalise(uai)
        school = School.objects.filter(pk=code).first() if is_valid(code) else None
        if school is None:
            raise Http404
        return Response(SchoolSerializer(school).data)
