from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import (
    BulkIdsField,
    BulkRowsSerializer,
    RowSerializer,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
    UtcDateTimeField,
)
from api.filters import StrictNumberFilter
from api.models import TokenScope
from api.viewsets import ApiViewSet, answers, listing, operation, refuses, sends
from core.connections import connection
from licensing.requests.school_requests import operations
from licensing.requests.school_requests.models import MAX_REASON, LicenceRequest, RequestState
from licensing.requests.school_requests.operations import MAX_GRANTED
from licensing.requests.school_requests.queries import filter_state
from schools.uai import normalise


class LicenceRequestFilter(django_filters.FilterSet):
    """By state, school and school year."""

    state = django_filters.ChoiceFilter(
        choices=RequestState.choices, method="by_state", help_text="Celles qui sont dans cet état."
    )
    school = django_filters.CharFilter(method="of_school", help_text="L'UAI de l'école.")
    school_year = StrictNumberFilter(help_text="L'année où l'année scolaire finit.")

    def by_state(self, requests: QuerySet[LicenceRequest], _name: str, value: str) -> QuerySet[LicenceRequest]:
        """Keep the requests in a state."""
        return filter_state(requests, value)

    def of_school(self, requests: QuerySet[LicenceRequest], _name: str, value: str) -> QuerySet[LicenceRequest]:
        """Filter by UAI, normalised."""
        return requests.filter(school_id=normalise(value))


class LicenceRequestSerializer(serializers.Serializer[Any]):
    """Ce qu'une école demande, et la réponse. Un nombre et un motif : jamais le nom d'un enseignant."""

    id = serializers.IntegerField(help_text="Son numéro.")
    school = serializers.CharField(source="school_id", help_text="L'UAI de l'école.")
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


class GrantSerializer(RowSerializer):
    """Une demande, et ce que vous donnez."""

    request = StrictIntegerField(min_value=1, help_text="Le numéro de la demande.")
    units = StrictIntegerField(
        min_value=1,
        max_value=MAX_GRANTED,
        required=False,
        allow_null=True,
        help_text="Nombre de licences à donner. Sans lui : ce que l'école demande.",
    )


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


_EXAMPLE = {
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
_ENDED = _EXAMPLE | {"ended_at": "2026-11-05T08:02:11.114872Z"}


class LicenceRequestViewSet(ApiViewSet):
    """`/requests`."""

    tag = "Demandes"
    write_scope = TokenScope.ALLOCATE
    queryset = LicenceRequest.objects.all()
    serializer_class = LicenceRequestSerializer
    filterset_class = LicenceRequestFilter
    examples = {"Une demande": _EXAMPLE}

    def get_queryset(self) -> QuerySet[LicenceRequest]:
        """Return the requests to the current collectivity alone."""
        return LicenceRequest.objects.filter(collectivity__schema_name=connection.schema_name)

    @listing("requests", "requests", "listRequests", "Lire les demandes des écoles")
    def list(self) -> Response:
        """Ce que les écoles demandent à la collectivité, la dernière demande d'abord, et les réponses."""
        return self.list_response()

    @operation("GET requests/<int:pk>", "request", "getRequest", "Lire une demande")
    def retrieve(self, pk: int) -> object:
        """Une demande d'une école, et ce qu'elle est devenue."""
        return self.find(pk=pk)

    @operation("POST requests/accept", "requests_accept", "acceptRequests", "Accepter des demandes")
    @sends(
        AcceptRequestsSerializer,
        {
            "Deux demandes, l'une pour moins": {
                "pool": 3,
                "requests": [{"request": 31, "units": 2}, {"request": 32}],
            }
        },
    )
    @answers(
        RequestListSerializer,
        {"Deux licences données sur trois": {"results": [_ENDED | {"state": "accepted", "accepted_units": 2}]}},
    )
    @refuses(
        "unknown_request", "request_answered", "invalid_units", "pool_of_another_year", "unknown_pool",
        "pool_exhausted", "pool_suspended", "pool_closed", "school_closed",
    )  # fmt: skip
    def accept(self) -> dict[str, Any]:
        """Donne à chaque école ses licences du lot, toutes ou aucune, et le dit par e-mail à qui a demandé.

        Une école qui a déjà une clé de ce lot la garde : elle vaut davantage. Les autres reçoivent une clé, à l'adresse
        de votre contact, sinon de l'annuaire.
        """
        data = self.read_body()
        rows = data["requests"]
        asked = dict(self.get_queryset().filter(pk__in=[row["request"] for row in rows]).values_list("pk", "units"))
        grants = [
            operations.GrantedUnits(row["request"], row.get("units") or asked.get(row["request"], 1)) for row in rows
        ]
        accepted = operations.accept_requests(pool_id=data["pool"], grants=grants, by=self.actor(), at=timezone.now())
        return {"results": LicenceRequestSerializer([grant.request for grant in accepted], many=True).data}

    @operation("POST requests/refuse", "requests_refuse", "refuseRequests", "Refuser des demandes")
    @sends(RefuseRequestsSerializer, {"Une demande": {"requests": [31], "reason": "Le budget de l'année est engagé."}})
    @answers(
        RequestListSerializer,
        {
            "Une demande refusée": {
                "results": [_ENDED | {"state": "refused", "answer": "Le budget de l'année est engagé."}]
            }
        },
    )
    @refuses("unknown_request", "request_answered", "invalid_reason")
    def refuse(self) -> dict[str, Any]:
        """Refuse ces demandes, toutes ou aucune, d'une phrase que chaque école reçoit par e-mail."""
        data = self.read_body()
        refused = operations.refuse_requests(
            request_ids=data["requests"], sentence=data["reason"], by=self.actor(), at=timezone.now()
        )
        return {"results": LicenceRequestSerializer(refused, many=True).data}
