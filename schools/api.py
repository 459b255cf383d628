"""The directory in the API: list, search and read schools. Read only: the synchronisation writes."""

from typing import Any

import django_filters
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import StrictCharField, UtcDateTimeField
from api.filters import StrictBooleanFilter, StrictDateTimeFilter
from api.viewsets import ApiViewSet, answers, listing, operation
from schools.models import School, SchoolState
from schools.queries import find_by_uai, search
from schools.uai import LETTERS

_HELP_TEXTS = {
    "uai": "Le code de l'établissement, sept chiffres et une lettre : c'est lui qui le nomme partout dans l'API.",
    "name": "Son nom.",
    "type": "Ce qu'il est, tel que l'annuaire l'écrit : « Ecole », « Collège », « Lycée »…",
    "nature": "Sa nature, en toutes lettres : « ECOLE MATERNELLE », « ECOLE DE NIVEAU ELEMENTAIRE »…",
    "sector": "« Public » ou « Privé ».",
    "address": "Numéro et voie.",
    "address_extra": "Lieu-dit ou boîte postale.",
    "postal_code": "Cinq chiffres.",
    "commune": "Le nom de la commune.",
    "commune_code": "Le code INSEE de la commune, sur cinq caractères.",
    "departement": "Le nom du département.",
    "departement_code": "Le code du département, sur trois caractères : 030, 02A, 974.",
    "academie": "L'académie.",
    "region": "La région.",
    "has_nursery": "S'il a des classes maternelles ; null où l'annuaire ne le dit pas.",
    "has_elementary": "S'il a des classes élémentaires ; null où l'annuaire ne le dit pas.",
    "phone": "Le numéro de téléphone, tel que l'annuaire l'écrit.",
    "email": "L'adresse e-mail officielle ; vide où l'annuaire n'en donne pas.",
    "siret": "Quatorze chiffres ; vide où l'annuaire n'en donne pas.",
    "latitude": "En degrés (WGS 84).",
    "longitude": "En degrés (WGS 84).",
    "state": "Ouvert (`open`), à ouvrir (`opening`), à fermer (`closing`) ou fermé (`closed`).",
}
_EXAMPLE = {
    "uai": "0300123W",
    "name": "École primaire publique Jean Jaurès",
    "type": "Ecole",
    "nature": "ECOLE DE NIVEAU ELEMENTAIRE",
    "sector": "Public",
    "address": "12 rue des Tilleuls",
    "address_extra": "",
    "postal_code": "30000",
    "commune": "Nîmes",
    "commune_code": "30189",
    "departement": "Gard",
    "departement_code": "030",
    "academie": "Montpellier",
    "region": "Occitanie",
    "has_nursery": False,
    "has_elementary": True,
    "phone": "0400000000",
    "email": "ecole-jean-jaures@exemple.example",
    "siret": "",
    "latitude": 43.83,
    "longitude": 4.36,
    "state": "open",
    "closed_at": None,
    "changed_at": "2026-09-01T04:00:12.125000Z",
}


class UaiField(StrictCharField):
    """A UAI in a request body, in its full form."""

    def __init__(self, **kwargs: Any) -> None:
        well_formed = RegexValidator(
            rf"^[0-9]{{7}}[{LETTERS}]\Z", "Un UAI est attendu : sept chiffres et une lettre.", "invalid_uai"
        )
        super().__init__(trim_whitespace=False, validators=[well_formed], **kwargs)


class SchoolSerializer(serializers.ModelSerializer[School]):
    """Un établissement, tel que l'annuaire national le décrit."""

    closed_at = UtcDateTimeField(allow_null=True, help_text="Depuis quand l'annuaire le dit fermé.")
    changed_at = UtcDateTimeField(help_text="Le dernier changement que l'annuaire en a dit.")

    class Meta:
        model = School
        fields = tuple(_EXAMPLE)
        read_only_fields = fields
        extra_kwargs = {name: {"help_text": text} for name, text in _HELP_TEXTS.items()}


class SchoolFilter(django_filters.FilterSet):
    """Filter schools by text, place, state, type and date of change."""

    search = django_filters.CharFilter(
        method="filter_by_search",
        help_text="Nom, commune, code postal ou UAI ; ni la casse ni les accents ne comptent.",
    )
    departement = django_filters.CharFilter(
        field_name="departement_code", help_text="Code sur trois caractères : 030, 02A, 974."
    )
    commune = django_filters.CharFilter(field_name="commune_code", help_text="Code INSEE de la commune.")
    state = django_filters.MultipleChoiceFilter(
        choices=SchoolState.choices,
        help_text="L'état, tel que l'annuaire le dit ; plusieurs fois pour plusieurs états.",
    )
    changed_since = StrictDateTimeFilter(
        field_name="changed_at", lookup_expr="gte", help_text="Ce que l'annuaire a changé depuis cette date."
    )
    postal_code = django_filters.CharFilter(help_text="Le code postal, en entier.")
    type = django_filters.CharFilter(help_text="Le type, tel que l'annuaire l'écrit : « Ecole », « Collège »…")
    sector = django_filters.CharFilter(help_text="Le secteur : « Public » ou « Privé ».")
    has_nursery = StrictBooleanFilter(help_text="Ceux qui ont des classes maternelles, ou ceux qui n'en ont pas.")
    has_elementary = StrictBooleanFilter(help_text="Ceux qui ont des classes du CP au CM2, ou ceux qui n'en ont pas.")

    def filter_by_search(self, schools: QuerySet[School], name: str, value: str) -> QuerySet[School]:
        """Keep the schools that match the search, within those that pass the other filters."""
        return search(value, among=schools)


_UAI = OpenApiParameter("uai", str, "path", description="L'UAI de l'établissement.")


class SchoolViewSet(ApiViewSet):
    """`/schools`."""

    tag = "Établissements"
    queryset = School.objects.all()
    serializer_class = SchoolSerializer
    filterset_class = SchoolFilter
    cursor_field = "uai"
    examples = {"Une école": _EXAMPLE}

    @listing("schools", "schools", "listSchools", "Chercher des établissements")
    def list(self) -> Response:
        """Les établissements de l'annuaire national, dans l'ordre de leur UAI."""
        return self.list_response()

    @operation("GET schools/<str:uai>", "school", "getSchool", "Lire un établissement", parameters=[_UAI])
    @answers(success={200: "L'établissement."})
    def retrieve(self, uai: str) -> School:
        """L'établissement qui porte cet UAI, écrit en minuscules ou sans son zéro s'il le faut."""
        school = find_by_uai(uai)
        if school is None:
            raise Http404
        return school
