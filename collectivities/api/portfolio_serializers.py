"""Serializers and request bodies of the portfolio API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.fields import StrictCharField, StrictEmailField, StrictIntegerField, StrictSerializer, UtcDateTimeField
from collectivities.models import PortfolioSchool
from collectivities.operations.portfolio import MAX_CLASSES
from collectivities.operations.portfolio_bulk import PortfolioRowResult
from schools.models import SchoolState

#: Maximum number of schools in one list.
MAX_SCHOOLS = 10_000
#: Result of a removal, for one school of a list.
REMOVAL_STATUSES = ["removed", "absent"]

PORTFOLIO_SCHOOL_EXAMPLE = {
    "uai": "0301234D",
    "name": "École élémentaire Jean Jaurès",
    "commune": "Nîmes",
    "commune_code": "30189",
    "state": "open",
    "contact_name": "Claire Fontaine",
    "contact_email": "c.fontaine@ecole.example",
    "contact_phone": "04 66 00 00 00",
    "classes": 8,
    "added_at": "2026-11-25T09:00:00Z",
}

_HELP_TEXTS = {
    "contact_name": "À qui vous y écrivez ; vide : vous n'avez nommé personne.",
    "contact_phone": "Le numéro de téléphone de cette personne, tel que vous l'avez écrit ; vide : aucun.",
    "classes": "Nombre de classes du CP au CM2, tel que vous l'avez dit ; null : vous ne l'avez pas dit.",
}


@extend_schema_field(
    {
        "anyOf": [
            {"type": "string", "format": "email", "maxLength": 254},
            {"type": "string", "maxLength": 0},
        ],
        "description": "Où partent les clés de cette école ; null ou vide : à l'adresse de l'annuaire.",
    }
)
class OptionalEmail(StrictEmailField):
    """An e-mail address; null or blank for none."""


class PortfolioSchoolSerializer(serializers.ModelSerializer[PortfolioSchool]):
    """Une école de votre périmètre, et à qui vous y écrivez."""

    uai = serializers.CharField(source="school_id", help_text="Son UAI.")
    name = serializers.CharField(source="school.name", help_text="Son nom, d'après l'annuaire.")
    commune = serializers.CharField(source="school.commune", help_text="Le nom de la commune, d'après l'annuaire.")
    commune_code = serializers.CharField(source="school.commune_code", help_text="Code INSEE de la commune.")
    state = serializers.ChoiceField(
        source="school.state",
        choices=SchoolState.choices,
        help_text="D'après l'annuaire : ouverte (`open`), à ouvrir (`opening`), à fermer (`closing`) ou fermée "
        "(`closed`).",
    )
    contact_email = serializers.CharField(help_text="Où partent les clés ; vide : à l'adresse de l'annuaire.")
    added_at = UtcDateTimeField(help_text="Depuis quand elle est dans le périmètre.")

    class Meta:
        model = PortfolioSchool
        fields = tuple(PORTFOLIO_SCHOOL_EXAMPLE)
        read_only_fields = fields
        extra_kwargs = {name: {"help_text": text} for name, text in _HELP_TEXTS.items()}


class PortfolioContactSerializer(StrictSerializer):
    """Ce qu'il faut écrire d'une école : un champ absent reste comme il est, null ou vide l'efface."""

    contact_name = StrictCharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=150,
        help_text="À qui vous y écrivez, par exemple le nom de la directrice ; null ou vide : personne en particulier.",
    )
    contact_email = OptionalEmail(required=False, allow_null=True, allow_blank=True, max_length=254)
    contact_phone = StrictCharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=30,
        help_text="Le numéro de téléphone de cette personne, écrit comme vous voulez ; null ou vide : aucun.",
    )
    classes = StrictIntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MAX_CLASSES,
        help_text="Nombre de classes du CP au CM2 ; null : il n'est pas connu.",
    )


class PortfolioRowSerializer(PortfolioContactSerializer):
    """Une école de la liste : un champ absent reste comme il est, null ou vide l'efface."""

    uai = StrictCharField(
        max_length=20, trim_whitespace=False, help_text="L'UAI, écrit en minuscules ou sans son zéro s'il le faut."
    )


class PortfolioUpsertSerializer(StrictSerializer):
    """Une liste à écrire, toute ou pas du tout."""

    schools = PortfolioRowSerializer(
        many=True,
        allow_empty=False,
        max_length=MAX_SCHOOLS,  # type: ignore[call-arg]  # an argument of the list serializer
        help_text="Les écoles à ajouter ou à modifier, chacune une fois.",
    )


class PortfolioRemovalSerializer(StrictSerializer):
    """Une liste à retirer."""

    schools = serializers.ListField(
        child=StrictCharField(max_length=20, trim_whitespace=False),
        allow_empty=False,
        max_length=MAX_SCHOOLS,
        help_text="Les UAI des écoles à retirer.",
    )


class PortfolioRowResultSerializer(serializers.Serializer[Any]):
    """Ce qu'est devenue une école de la liste."""

    uai = serializers.CharField(help_text="L'UAI de l'école, remis en forme : en majuscules, avec son zéro.")
    result = serializers.ChoiceField(
        choices=PortfolioRowResult.choices,
        help_text="`added` : ajoutée au périmètre ; `updated` : elle y était, ce que vous en dites a été écrit ; "
        "`unchanged` : tout y était déjà.",
    )


class PortfolioUpsertResultSerializer(serializers.Serializer[Any]):
    """Ce que la liste a fait, dans son ordre."""

    added = serializers.IntegerField(help_text="Écoles ajoutées au périmètre.")
    updated = serializers.IntegerField(help_text="Écoles dont le contact ou le nombre de classes a changé.")
    unchanged = serializers.IntegerField(help_text="Écoles pour lesquelles il n'y avait rien à changer.")
    schools = PortfolioRowResultSerializer(many=True, help_text="Chaque école de la liste, à sa place.")


class PortfolioRemovalRowSerializer(serializers.Serializer[Any]):
    """Ce qu'est devenue une école de la liste."""

    uai = serializers.CharField(help_text="L'UAI de l'école, remis en forme : en majuscules, avec son zéro.")
    result = serializers.ChoiceField(
        choices=REMOVAL_STATUSES,
        help_text="`removed` : retirée du périmètre ; `absent` : elle n'y était pas, ou plus.",
    )


class PortfolioRemovalResultSerializer(serializers.Serializer[Any]):
    """Ce que la liste a retiré, dans son ordre."""

    removed = serializers.IntegerField(help_text="Écoles retirées du périmètre.")
    absent = serializers.IntegerField(help_text="Écoles qui n'y étaient pas, ou plus.")
    schools = PortfolioRemovalRowSerializer(many=True, help_text="Chaque école de la liste, à sa place.")
