from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import (
    BulkIdsField,
    BulkRowsSerializer,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
    UtcDateTimeField,
)
from api.filters import StrictNumberFilter
from api.idempotency import idempotent
from api.models import TokenScope
from api.views import ScopedListView, ScopedView
from core.connections import connection
from licensing.requests import operations
from licensing.requests.models import MAX_REASON, LicenceRequest
from licensing.requests.operations import MAX_GRANTED
from licensing.requests.queries import RequestState, filter_state, get_state
from schools.uai import normalise


class LicenceRequestFilter(django_filters.FilterSet):
    """By state, school and school year."""

    state = django_filters.ChoiceFilter(
        choices=RequestState.choices, method="by_state", help_text="Celles qui sont dans cet état."
    )
    school = django_filters.CharFilter(method="of_school", help_text="L'UAI de l'école.")
    school_year = StrictNumberFilter(help_text="L'année où l'année scolaire finit.")

    class Meta:
        model = LicenceRequest
        fields: tuple[str, ...] = ()

    def by_state(self, requests: QuerySet[LicenceRequest], _name: str, value: str) -> QuerySet[LicenceRequest]:
        """Keep the requests in a state."""
        return filter_state(requests, value)

    def of_school(self, requests: QuerySet[LicenceRequest], _name: str, value: str) -> QuerySet[LicenceRequest]:
        """Filter by UAI, normalised."""
        return requests.filter(school_id=normalise(value))


TAGS = ["Demandes"]


class LicenceRequestSerializer(serializers.Serializer[Any]):
    """Ce qu'une école demande, et la réponse. Un nombre et un motif : jamais le nom d'un enseignant."""

    id = serializers.IntegerField(help_text="Son numéro.")
    school = serializers.CharField(help_text="L'UAI de l'école.")
    school_year = serializers.IntegerField(help_text="L'année où l'année scolaire finit : 2027 pour 2026-2027.")
    units = serializers.IntegerField(help_text="Licences demandées.")
    reason = serializers.CharField(help_text="Pourquoi, dans les mots de l'école ; vide si son auteur a été effacé.")
    state = serializers.ChoiceField(
        choices=RequestState.choices,
        help_text="`open` : elle attend votre réponse. `granted` : un rééquilibrage lui donne des licences, et peut"
        " être annulé pendant une heure ; elle est ensuite acceptée. `accepted`, `refused` : vous avez répondu."
        " `withdrawn` : l'école l'a retirée. `expired` : l'année scolaire a fini sans réponse.",
    )
    accepted_units = serializers.IntegerField(allow_null=True, help_text="Licences données, ou accordées.")
    answer = serializers.CharField(help_text="La phrase du refus ; vide sinon.")
    created_at = UtcDateTimeField(help_text="Quand elle a été envoyée.")
    ended_at = UtcDateTimeField(allow_null=True, help_text="Quand elle a eu sa réponse, ou pris fin.")


class GrantSerializer(StrictSerializer):
    """Une demande, et ce que vous donnez."""

    request = StrictIntegerField(min_value=1, help_text="Le numéro de la demande.")
    units = StrictIntegerField(
        min_value=1,
        max_value=MAX_GRANTED,
        required=False,
        allow_null=True,
        help_text="Nombre de licences à donner. Sans lui : ce que l'école demande.",
    )

    def is_valid_as_is(self, row: Any) -> bool:
        """Whether a row is valid as it stands: none is taken for it, there are few."""
        return False


class AcceptRequestsSerializer(StrictSerializer):
    """Des demandes à accepter sur un lot."""

    pool = StrictIntegerField(min_value=1, help_text="Le numéro du lot, de l'année scolaire demandée.")
    requests = BulkRowsSerializer(child=GrantSerializer(), help_text="Une demande n'y figure qu'une fois.")


class RefuseRequestsSerializer(StrictSerializer):
    """Des demandes à refuser, d'une même phrase."""

    requests = BulkIdsField(help_text="Les numéros des demandes.")
    reason = StrictCharField(max_length=MAX_REASON, help_text="La phrase que les écoles liront.")


class RequestListSerializer(serializers.Serializer[Any]):
    """Les demandes, telles qu'elles sont maintenant."""

    results = LicenceRequestSerializer(many=True, help_text="Dans l'ordre de leurs numéros.")


_VALUE = {
    "id": 31,
    "school": "0300123K",
    "school_year": 2027,
    "units": 3,
    "reason": "Deux classes de CE2 ouvrent.",
    "state": "open",
    "accepted_units": None,
    "answer": "",
    "created_at": "2026-11-03T09:12:45.318204Z",
    "ended_at": None,
}
_END = {"ended_at": "2026-11-05T08:02:11.114872Z"}
EXAMPLE = OpenApiExample("Une demande", response_only=True, value=_VALUE)
_ACCEPTED = OpenApiExample(
    "Deux licences données sur trois",
    response_only=True,
    value={"results": [_VALUE | _END | {"state": "accepted", "accepted_units": 2}]},
)
_REFUSED = OpenApiExample(
    "Une demande refusée",
    response_only=True,
    value={"results": [_VALUE | _END | {"state": "refused", "answer": "Le budget de l'année est engagé."}]},
)


def _serialize(request: LicenceRequest) -> dict[str, Any]:
    return {
        "id": request.pk,
        "school": request.school_id,
        "school_year": request.school_year,
        "units": request.units,
        "reason": request.reason,
        "state": get_state(request).value,
        "accepted_units": request.accepted_units,
        "answer": request.answer,
        "created_at": request.created_at,
        "ended_at": request.ended_at,
    }


def _render(requests: list[LicenceRequest]) -> list[Any]:
    return [LicenceRequestSerializer(_serialize(one)).data for one in requests]


def _list_own() -> QuerySet[LicenceRequest]:
    return LicenceRequest.objects.filter(collectivity__schema_name=connection.schema_name)


class LicenceRequestListView(ScopedListView):
    """`/requests`."""

    scopes = {"GET": TokenScope.READ}
    queryset = LicenceRequest.objects.all()
    serializer_class = LicenceRequestSerializer
    filterset_class = LicenceRequestFilter

    def get_queryset(self) -> QuerySet[LicenceRequest]:
        """Return the requests to the current collectivity alone."""
        return _list_own()

    @extend_schema(operation_id="listRequests", summary="Lire les demandes des écoles", tags=TAGS, examples=[EXAMPLE])
    def get(self, request: Request) -> Response:
        """Ce que les écoles demandent à la collectivité, la dernière demande d'abord, et les réponses."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(_render(list(page or ())))


class LicenceRequestView(ScopedView):
    """`/requests/{pk}`."""

    scopes = {"GET": TokenScope.READ}

    @extend_schema(
        operation_id="getRequest",
        summary="Lire une demande",
        tags=TAGS,
        responses={200: LicenceRequestSerializer},
        examples=[EXAMPLE],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Une demande d'une école, et ce qu'elle est devenue."""
        found = _list_own().filter(pk=pk).first()
        if found is None:
            raise Http404
        return Response(_render([found])[0])


class AcceptRequestsView(ScopedView):
    """`/requests/accept`."""

    scopes = {"POST": TokenScope.ALLOCATE}

    @idempotent
    @extend_schema(
        operation_id="acceptRequests",
        summary="Accepter des demandes",
        tags=TAGS,
        request=AcceptRequestsSerializer,
        responses={200: RequestListSerializer},
        examples=[
            OpenApiExample(
                "Deux demandes, l'une pour moins",
                request_only=True,
                value={"pool": 3, "requests": [{"request": 31, "units": 2}, {"request": 32}]},
            ),
            _ACCEPTED,
        ],
    )
    def post(self, request: Request) -> Response:
        """Donne à chaque école ses licences du lot, toutes ou aucune, et le dit par e-mail à qui a demandé.

        Une école qui a déjà une clé de ce lot la garde : elle vaut davantage. Les autres reçoivent une clé, à l'adresse
        de votre contact, sinon de l'annuaire. Refus (409) : `unknown_request`, `request_answered`, `invalid_units`,
        `pool_of_another_year`, `unknown_pool`, `pool_exhausted`, `pool_suspended`, `pool_closed`, `school_closed`.
        """
        serializer = AcceptRequestsSerializer(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        rows = serializer.validated_data["requests"]
        asked = dict(_list_own().filter(pk__in=[row["request"] for row in rows]).values_list("pk", "units"))
        grants = [
            operations.GrantedUnits(row["request"], row.get("units") or asked.get(row["request"], 1)) for row in rows
        ]
        accepted = operations.accept_requests(
            pool_id=serializer.validated_data["pool"], grants=grants, by=self.actor(), at=timezone.now()
        )
        return Response({"results": _render([one.request for one in accepted])})


class RefuseRequestsView(ScopedView):
    """`/requests/refuse`."""

    scopes = {"POST": TokenScope.ALLOCATE}

    @idempotent
    @extend_schema(
        operation_id="refuseRequests",
        summary="Refuser des demandes",
        tags=TAGS,
        request=RefuseRequestsSerializer,
        responses={200: RequestListSerializer},
        examples=[
            OpenApiExample(
                "Une demande",
                request_only=True,
                value={"requests": [31], "reason": "Le budget de l'année est engagé."},
            ),
            _REFUSED,
        ],
    )
    def post(self, request: Request) -> Response:
        """Refuse ces demandes, toutes ou aucune, d'une phrase que chaque école reçoit par e-mail.

        Refus (409) : `unknown_request`, `request_answered`, `invalid_reason`.
        """
        serializer = RefuseRequestsSerializer(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        refused = operations.refuse_requests(
            request_ids=serializer.validated_data["requests"],
            sentence=serializer.validated_data["reason"],
            by=self.actor(),
            at=timezone.now(),
        )
        return Response({"results": _render(refused)})
