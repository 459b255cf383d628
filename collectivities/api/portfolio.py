"""The portfolio in the API: list, read, write and remove its schools, one at a time or in bulk."""

from collections.abc import Iterable
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import StrictCharField, StrictEmailField, StrictIntegerField, StrictSerializer, UtcDateTimeField
from api.models import TokenScope
from api.problem_details import ApiProblem, FieldError, InvalidRequest, iter_field_errors
from api.viewsets import ApiViewSet, answers, listing, operation, sends
from collectivities.exceptions import InvalidRows, PortfolioRowError
from collectivities.models import PortfolioSchool
from collectivities.operations import portfolio as operations
from collectivities.operations.portfolio import MAX_CLASSES, PortfolioFilter, PortfolioRowResult, remove_from_portfolio
from schools.models import SchoolState
from schools.uai import is_valid, normalise

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


_OPTIONAL: dict[str, Any] = {"required": False, "allow_null": True}
_OPTIONAL_TEXT = _OPTIONAL | {"allow_blank": True}


class PortfolioContactSerializer(StrictSerializer):
    """Ce qu'il faut écrire d'une école : un champ absent reste comme il est, null ou vide l'efface."""

    contact_name = StrictCharField(
        **_OPTIONAL_TEXT,
        max_length=150,
        help_text="À qui vous y écrivez, par exemple le nom de la directrice ; null ou vide : personne en particulier.",
    )
    contact_email = OptionalEmail(**_OPTIONAL_TEXT, max_length=254)
    contact_phone = StrictCharField(
        **_OPTIONAL_TEXT,
        max_length=30,
        help_text="Le numéro de téléphone de cette personne, écrit comme vous voulez ; null ou vide : aucun.",
    )
    classes = StrictIntegerField(
        **_OPTIONAL,
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


_MAX_TEXT_LENGTH = 100


class ApiPortfolioFilter(PortfolioFilter):
    """Filter portfolio schools by text, commune, contact and UAI."""

    #: Named `search` as in the other lists of the API.
    text = None  # type: ignore[assignment]  # how django-filter removes an inherited filter
    search = django_filters.CharFilter(
        method="by_text",
        max_length=_MAX_TEXT_LENGTH,
        help_text="Des mots du nom, de la commune, du code postal ou de l'UAI, sans égard à la casse ni aux accents.",
    )
    commune = django_filters.CharFilter(
        field_name="school__commune_code", max_length=_MAX_TEXT_LENGTH, help_text="Code INSEE de la commune."
    )
    contact = django_filters.ChoiceFilter(
        choices=[("with", "avec"), ("without", "sans"), ("unreachable", "aucune adresse, même à l'annuaire")],
        method="by_contact",
        help_text="« with » : une adresse de contact est connue ; « without » : aucune ; « unreachable » : "
        "l'annuaire n'en donne pas non plus.",
    )
    school = django_filters.CharFilter(method="by_school", max_length=_MAX_TEXT_LENGTH, help_text="L'UAI d'une école.")

    class Meta:
        model = PortfolioSchool
        fields: tuple[str, ...] = ()

    def by_school(self, rows: QuerySet[PortfolioSchool], name: str, value: str) -> QuerySet[PortfolioSchool]:
        """Keep the school with this UAI."""
        code = normalise(value)
        return rows.filter(school_id=code) if is_valid(code) else rows.none()


_UAI = OpenApiParameter(
    "uai", str, OpenApiParameter.PATH, description="L'UAI, écrit en minuscules ou sans son zéro s'il le faut."
)


_WRITTEN = [
    {"uai": "0301234D", "contact_email": "c.fontaine@ecole.example", "classes": 8},
    {"uai": "0301235E", "contact_email": None},
]
_WRITE_RESULTS = [{"uai": "0301234D", "result": "added"}, {"uai": "0301235E", "result": "unchanged"}]
_REMOVAL_RESULTS = [{"uai": "0301234D", "result": "removed"}, {"uai": "0301235E", "result": "absent"}]


class PortfolioViewSet(ApiViewSet):
    """`/portfolio`."""

    tag = "Périmètre"
    write_scope = TokenScope.PORTFOLIO
    queryset = PortfolioSchool.objects.select_related("school")
    serializer_class = PortfolioSchoolSerializer
    filterset_class = ApiPortfolioFilter
    cursor_field = "school_id"
    examples = {"Une école": PORTFOLIO_SCHOOL_EXAMPLE}
    statuses = {"unknown_school": 404}

    @listing("portfolio", "portfolio", "listPortfolio", "Lire le périmètre")
    def list(self) -> Response:
        """Les écoles dont votre collectivité répond, dans l'ordre de leur UAI."""
        return self.list_response()

    @operation(
        "GET portfolio/<str:uai>",
        "portfolio_school",
        "getPortfolioSchool",
        "Lire une école du périmètre",
        parameters=[_UAI],
    )
    def retrieve(self, uai: str) -> PortfolioSchool:
        """Une école du périmètre."""
        return self._find_school(uai)

    @operation(
        "PUT portfolio/<str:uai>",
        "portfolio_school",
        "upsertPortfolioSchool",
        "Mettre une école dans le périmètre, ou changer ce qu'il en dit",
        parameters=[_UAI],
    )
    @sends(
        PortfolioContactSerializer,
        {
            "Une adresse et huit classes": {"contact_email": "c.fontaine@ecole.example", "classes": 8},
            "Sans contact": {"contact_name": None, "contact_email": None},
        },
    )
    @answers(
        examples={"L'école": PORTFOLIO_SCHOOL_EXAMPLE},
        success={200: "L'école était dans le périmètre ; la voici.", 201: "L'école a été ajoutée."},
    )
    def upsert(self, uai: str) -> Response:
        """Ajoute l'école si elle n'y est pas, puis écrit ce que vous en dites.

        Un champ absent reste comme il est ; null ou vide l'efface. Une école que l'annuaire ne connaît pas est refusée
        (404, `unknown_school`). Recommencer la même requête ne change rien de plus.
        """
        result = operations.put_in_portfolio(uai=uai, fields=self.read_body(), by=self.actor(), at=timezone.now())
        row = self._find_school(uai)
        if result != PortfolioRowResult.ADDED:
            return self.respond(row)
        return self.respond_created(row, "portfolio_school", uai=row.school_id)

    @operation(
        "DELETE portfolio/<str:uai>",
        "portfolio_school",
        "deletePortfolioSchool",
        "Retirer une école du périmètre",
        parameters=[_UAI],
    )
    @answers(success={204: "Elle n'y est plus."})
    def remove(self, uai: str) -> None:
        """Ce qui lui a été attribué ne change pas. Une école qui n'y est pas, ou plus, est un 404."""
        if not remove_from_portfolio(uais=[_parse_uai(uai)], by=self.actor(), at=timezone.now(), one_by_one=True):
            raise Http404

    @operation(
        "POST portfolio/bulk", "portfolio_bulk", "upsertPortfolioSchools", "Écrire une liste d'écoles dans le périmètre"
    )
    @sends(PortfolioUpsertSerializer, {"Deux écoles": {"schools": _WRITTEN}})
    @answers(
        PortfolioUpsertResultSerializer,
        {"Une ajoutée, une inchangée": {"added": 1, "updated": 0, "unchanged": 1, "schools": _WRITE_RESULTS}},
    )
    def upsert_list(self) -> dict[str, Any]:
        """Ajoute les écoles qui n'y sont pas, écrit ce que vous dites des autres : tout, ou rien.

        10 000 écoles au plus. Les écoles du périmètre qui ne sont pas dans la liste y restent. De chacune, un champ
        absent reste comme il est ; null ou vide l'efface. Si une ligne est fausse, rien n'est écrit, et « errors »
        nomme chaque ligne à corriger : `unknown_school` (l'annuaire ne la connaît pas), `duplicate_school` (elle figure
        deux fois), une adresse ou un nombre de classes qui n'en est pas un. Le refus est un 400 si une ligne n'est pas
        de la forme décrite ici, sinon un 409, `rows_rejected`.
        """
        body = PortfolioUpsertSerializer(data=self.request.data)
        if not body.is_valid():
            school_errors = operations.check_schools(_readable_rows(self.request.data))
            raise InvalidRequest([*iter_field_errors(body.errors), *_field_errors(school_errors)])
        rows = [
            (row["uai"], {name: row[name] for name in row if name != "uai"}) for row in body.validated_data["schools"]
        ]
        try:
            outcomes = operations.write_portfolio_list(rows=rows, by=self.actor(), at=timezone.now())
        except InvalidRows as refusal:
            raise ApiProblem(refusal.code, str(refusal), field_errors=list(_field_errors(refusal.errors))) from None
        results = [result for _, result in outcomes]
        return {result.value: results.count(result) for result in PortfolioRowResult} | {
            "schools": [{"uai": uai, "result": result.value} for uai, result in outcomes]
        }

    @operation(
        "POST portfolio/remove", "portfolio_remove", "removePortfolioSchools", "Retirer une liste d'écoles du périmètre"
    )
    @sends(PortfolioRemovalSerializer, {"Deux écoles": {"schools": ["0301234D", "0301235E"]}})
    @answers(
        PortfolioRemovalResultSerializer,
        {"L'une n'y était pas": {"removed": 1, "absent": 1, "schools": _REMOVAL_RESULTS}},
    )
    def remove_list(self) -> dict[str, Any]:
        """Ce qui leur a été attribué ne change pas. 10 000 écoles au plus ; une école qui n'y est pas n'arrête rien."""
        removals = operations.remove_portfolio_list(
            uais=self.read_body()["schools"], by=self.actor(), at=timezone.now()
        )
        removed = sum(present for _, present in removals)
        return {
            "removed": removed,
            "absent": len(removals) - removed,
            "schools": [{"uai": uai, "result": "removed" if present else "absent"} for uai, present in removals],
        }

    def _find_school(self, uai: str) -> PortfolioSchool:
        row: PortfolioSchool = self.find(school_id=_parse_uai(uai))
        return row


def _parse_uai(uai: str) -> str:
    """Return the UAI of a URL, normalised. Raises `Http404` where it is not valid."""
    code = normalise(uai)
    if not is_valid(code):
        raise Http404
    return code


def _readable_rows(data: Any) -> list[tuple[int, str]]:
    """Return index and UAI of the readable rows of an invalid list, so that all errors are reported at once."""
    rows = data.get("schools") if isinstance(data, dict) else None
    if not isinstance(rows, list) or len(rows) > MAX_SCHOOLS:
        return []
    return [
        (index, normalise(row["uai"]))
        for index, row in enumerate(rows)
        if isinstance(row, dict) and isinstance(row.get("uai"), str) and len(row["uai"]) <= _MAX_TEXT_LENGTH
    ]


def _field_errors(row_errors: Iterable[PortfolioRowError]) -> Iterable[FieldError]:
    return (FieldError(error.code, error.sentence, f"schools.{error.field}", error.row) for error in row_errors)
