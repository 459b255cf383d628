"""List and create allocations, single and in bulk."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from api.fields import (
    MAX_INTEGER,
    BulkRowsSerializer,
    StrictBooleanField,
    StrictCharField,
    StrictChoiceField,
    StrictDateField,
    StrictIntegerField,
    StrictSerializer,
)
from api.idempotency import idempotent
from api.models import TokenScope
from api.problem_details import ApiProblem, FieldError
from api.views import ScopedListView, ScopedView
from core.contact_details import is_ordinary_address
from licensing.exceptions import LicensingError
from licensing.pools import operations
from licensing.pools.api import TAGS, allocation_serializer
from licensing.pools.exceptions import RowsRefused
from licensing.pools.models import Allocation
from licensing.pools.operations import AllocationRequest, AllocationRowResult, AllocationRowStatus, BulkAllocationResult
from schools.api import UaiField
from schools.uai import WELL_FORMED

_MAX_ADDRESS_LENGTH = 254
_RECIPIENT = (
    "L'adresse à laquelle écrire la clé. Sans elle : le contact de votre périmètre, sinon l'adresse officielle de "
    "l'annuaire."
)
_TOTAL = "`true` : l'établissement doit avoir `units` licences en tout. Sinon elles s'ajoutent à ce qu'il a."
#: Field of a row by error code; `units` otherwise.
_FIELD_BY_CODE = {
    "unknown_school": "school",
    "school_closed": "school",
    "duplicate_school": "school",
    "invalid_recipient": "recipient",
    "recipient_missing": "recipient",
}
_ALL_OR_NOTHING, _BEST_EFFORT = "all_or_nothing", "best_effort"
MODES = [(_ALL_OR_NOTHING, "tout ou rien"), (_BEST_EFFORT, "au mieux")]


class AllocationRowSerializer(StrictSerializer):
    """Ce qu'un établissement doit recevoir."""

    school = UaiField(help_text="L'UAI de l'établissement : `0300123K`.")
    units = StrictIntegerField(min_value=1, help_text="Nombre de licences.")
    recipient = StrictCharField(
        required=False, allow_null=True, max_length=_MAX_ADDRESS_LENGTH, trim_whitespace=False, help_text=_RECIPIENT
    )
    total = StrictBooleanField(required=False, help_text=_TOTAL)

    def is_valid_as_is(self, row: Any) -> bool:
        """Whether a row is valid as it stands. A fast path: nearly all are."""
        if type(row) is not dict or not _ROW_FIELDS.issuperset(row):
            return False
        school, units, recipient = row.get("school"), row.get("units"), row.get("recipient")
        return (
            type(school) is str
            and WELL_FORMED.fullmatch(school) is not None
            and type(units) is int
            and 1 <= units <= MAX_INTEGER
            and (recipient is None or (type(recipient) is str and is_ordinary_address(recipient)))
            and type(row.get("total", False)) is bool
        )


_ROW_FIELDS = frozenset(AllocationRowSerializer().fields)


class CreateAllocationSerializer(AllocationRowSerializer):
    """Une attribution à faire."""

    pool = StrictIntegerField(min_value=1, help_text="Le numéro du lot.")
    send_on = StrictDateField(
        required=False,
        allow_null=True,
        help_text="Le jour où l'e-mail part, à 8 heures en France. Sans lui : tout de suite.",
    )


class BulkAllocationSerializer(StrictSerializer):
    """Des attributions à faire sur un lot."""

    pool = StrictIntegerField(min_value=1, help_text="Le numéro du lot.")
    mode = StrictChoiceField(
        choices=MODES,
        help_text="`all_or_nothing` : tout est attribué, ou rien ne l'est et « errors » nomme chaque ligne refusée. "
        "`best_effort` : chaque ligne a son résultat, dans l'ordre ; celle qui demande plus que ce qu'il reste au lot "
        "ne reçoit rien, les suivantes sont servies tant qu'elles y tiennent.",
    )
    send_on = StrictDateField(
        required=False,
        allow_null=True,
        help_text="Le jour où les e-mails partent, à 8 heures en France. Sans lui : tout de suite.",
    )
    allocations = BulkRowsSerializer(
        child=AllocationRowSerializer(), help_text="Un établissement n'y figure qu'une fois."
    )


class AllocationRowResultSerializer(serializers.Serializer[Any]):
    """Ce qu'est devenue une ligne."""

    row = serializers.IntegerField(help_text="Sa place dans la liste envoyée, à partir de 0.")
    school = serializers.CharField(help_text="L'UAI de l'établissement.")
    result = serializers.ChoiceField(
        choices=[(status.value, status.name) for status in AllocationRowStatus],
        help_text="`created` : une nouvelle attribution. `grown` : celle de l'établissement a grandi, sous la même "
        "clé. `unchanged` : il avait déjà ce total. `rejected` : « code » et « detail » disent pourquoi.",
    )
    allocation = serializers.IntegerField(allow_null=True, help_text="Le numéro de l'attribution.")
    units = serializers.IntegerField(allow_null=True, help_text="Ses licences, désormais.")
    code = serializers.CharField(allow_null=True, help_text="Le code du refus, pour les programmes.")
    detail = serializers.CharField(allow_null=True, help_text="Le refus, en français.")


class BulkAllocationResultSerializer(serializers.Serializer[Any]):
    """Ce qui a été attribué."""

    pool = serializers.IntegerField(help_text="Le numéro du lot.")
    units = serializers.IntegerField(help_text="Licences sorties du lot.")
    created = serializers.IntegerField(help_text="Nouvelles attributions.")
    grown = serializers.IntegerField(help_text="Attributions qui ont grandi.")
    unchanged = serializers.IntegerField(help_text="Établissements qui avaient déjà leur total.")
    rejected = serializers.IntegerField(help_text="Lignes refusées ; aucune en `all_or_nothing`.")
    results = AllocationRowResultSerializer(
        many=True, help_text="Une ligne pour chaque ligne envoyée, dans le même ordre."
    )


class AllocationListView(ScopedListView):
    """`/allocations`."""

    scopes = {"GET": TokenScope.READ, "POST": TokenScope.ALLOCATE}
    queryset = Allocation.objects.all()
    serializer_class = allocation_serializer.AllocationSerializer
    filterset_class = allocation_serializer.AllocationApiFilter

    def get_queryset(self) -> QuerySet[Any]:
        """Return the annotated allocations."""
        if getattr(self, "swagger_fake_view", False):
            # Asked by the description, for the model: nothing is read for it.
            return Allocation.objects.none()
        return allocation_serializer.list_annotated_allocations()

    @extend_schema(
        operation_id="listAllocations",
        summary="Lire les attributions",
        tags=TAGS,
        examples=[allocation_serializer.EXAMPLE],
    )
    def get(self, request: Request) -> Response:
        """Les attributions, la dernière d'abord, reprises comprises. Des nombres et des états : jamais une clé."""
        return self.list_response()

    @idempotent
    @extend_schema(
        operation_id="createAllocation",
        summary="Attribuer à un établissement",
        tags=TAGS,
        request=CreateAllocationSerializer,
        responses={
            201: OpenApiResponse(allocation_serializer.AllocationSerializer, "Attribuée ; l'e-mail part."),
            200: OpenApiResponse(
                allocation_serializer.AllocationSerializer,
                "L'établissement avait une attribution de ce lot : elle a grandi, sous "
                "la même clé, ou avait déjà ce total.",
            ),
        },
        examples=[
            OpenApiExample(
                "Six licences",
                request_only=True,
                value={"pool": 3, "school": "0300123K", "units": 6, "send_on": "2026-09-07"},
            ),
            allocation_serializer.EXAMPLE,
        ],
    )
    def post(self, request: Request) -> Response:
        """Donne des licences d'un lot à un établissement, et lui écrit sa clé.

        Refus (409) : `unknown_pool`, `pool_exhausted`, `pool_suspended`, `pool_closed`, `unknown_school`,
        `school_closed`, `invalid_recipient`, `recipient_missing` (ni contact ni adresse officielle), `would_reduce`
        (l'établissement a plus que ce total), `invalid_send_date`.
        """
        serializer = CreateAllocationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        try:
            result = operations.allocate_rows(
                pool_id=data["pool"],
                rows=[_build_request(data)],
                all_or_nothing=True,
                by=self.actor(),
                at=timezone.now(),
                send_on=data.get("send_on"),
            )
        except RowsRefused as refused:
            [refusal] = refused.refusals.values()
            error = FieldError(refusal.code, str(refusal), _FIELD_BY_CODE.get(refusal.code, "units"))
            raise ApiProblem(refusal.code, str(refusal), field_errors=[error]) from None
        [row_result] = result.results
        allocation_id = row_result.allocation_id or 0
        response = Response(allocation_serializer.serialize_allocation(allocation_id))
        if row_result.result is AllocationRowStatus.CREATED:
            response.status_code = 201
            response["Location"] = reverse("api:allocation", kwargs={"pk": allocation_id}, request=request)
        return response


class BulkAllocationView(ScopedView):
    """`/allocations/bulk`."""

    scopes = {"POST": TokenScope.ALLOCATE}

    @idempotent
    @extend_schema(
        operation_id="createAllocations",
        summary="Attribuer à des milliers d'établissements",
        tags=TAGS,
        request=BulkAllocationSerializer,
        responses={200: BulkAllocationResultSerializer},
        examples=[
            OpenApiExample(
                "Deux établissements, au mieux",
                request_only=True,
                value={
                    "pool": 3,
                    "mode": _BEST_EFFORT,
                    "allocations": [
                        {"school": "0300123K", "units": 6},
                        {"school": "0300124L", "units": 4, "recipient": "direction@ecole.example", "total": True},
                    ],
                },
            ),
            OpenApiExample(
                "L'un servi, l'autre fermé",
                response_only=True,
                value={
                    "pool": 3,
                    "units": 6,
                    "created": 1,
                    "grown": 0,
                    "unchanged": 0,
                    "rejected": 1,
                    "results": [
                        {
                            "row": 0,
                            "school": "0300123K",
                            "result": "created",
                            "allocation": 1207,
                            "units": 6,
                            "code": None,
                            "detail": None,
                        },
                        {
                            "row": 1,
                            "school": "0300124L",
                            "result": "rejected",
                            "allocation": None,
                            "units": None,
                            "code": "school_closed",
                            "detail": "Fermé d'après l'annuaire, donc rien n'y est attribué : École Jean Moulin "
                            "(0300124L).",
                        },
                    ],
                },
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Donne des licences d'un lot à 1 à 10 000 établissements, et leur écrit leurs clés, d'un seul geste.

        Le lot est tenu pendant ce temps : ce qui est attribué l'est une fois. Ce que la description ne permet pas
        (un UAI mal écrit, un nombre qui n'en est pas un) est refusé avant tout, dans les deux modes : « errors » nomme
        chaque ligne (400). Un établissement nommé deux fois n'est servi que la première (`duplicate_school`).

        En `all_or_nothing`, `rows_rejected` (409) nomme dans « errors » chaque ligne refusée, avec son champ et son
        code ; `pool_exhausted`, quand le lot n'a pas assez pour toutes. Refus de l'ensemble, dans les deux modes :
        `unknown_pool`, `pool_suspended`, `pool_closed`, `invalid_send_date`.
        """
        serializer = BulkAllocationSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        try:
            result = operations.allocate_rows(
                pool_id=data["pool"],
                rows=[_build_request(row) for row in data["allocations"]],
                all_or_nothing=data["mode"] == _ALL_OR_NOTHING,
                by=self.actor(),
                at=timezone.now(),
                send_on=data.get("send_on"),
            )
        except RowsRefused as refused:
            errors = [_build_error(index, refusal) for index, refusal in refused.refusals.items()]
            raise ApiProblem(refused.code, str(refused), field_errors=errors) from None
        return Response(_serialize_results(data["pool"], result))


def _build_request(row: dict[str, Any]) -> AllocationRequest:
    return AllocationRequest(row["school"], row["units"], row.get("recipient"), row.get("total", False))


def _build_error(index: int, refusal: LicensingError) -> FieldError:
    return FieldError(refusal.code, str(refusal), f"allocations.{_FIELD_BY_CODE.get(refusal.code, 'units')}", index)


def _serialize_results(pool: int, result: BulkAllocationResult) -> dict[str, Any]:
    """Return what `BulkAllocationResultSerializer` describes, without the cost of a serializer for 10,000 rows."""
    outcome = result.outcome
    return {
        "pool": pool,
        "units": outcome.units,
        "created": outcome.created,
        "grown": outcome.grown,
        "unchanged": outcome.unchanged,
        "rejected": len(result.results) - outcome.created - outcome.grown - outcome.unchanged,
        "results": [_serialize_result(index, row_result) for index, row_result in enumerate(result.results)],
    }


def _serialize_result(index: int, row_result: AllocationRowResult) -> dict[str, Any]:
    refusal = row_result.refusal
    return {
        "row": index,
        "school": row_result.uai,
        "result": row_result.result.value,
        "allocation": row_result.allocation_id,
        "units": row_result.units,
        "code": None if refusal is None else refusal.code,
        "detail": None if refusal is None else str(refusal),
    }
