"""`/return-requests`: what a collectivity asks back from schools, and what they answered."""

from collections.abc import Mapping
from typing import Any, cast

import django_filters
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import StrictBooleanField, StrictIntegerField, StrictSerializer, UtcDateTimeField
from api.filters import StrictDateTimeFilter, StrictNumberFilter
from api.models import TokenScope
from api.viewsets import ApiViewSet, answers, listing, operation, refuses, sends
from licensing.pools.api import allocation_exists
from licensing.pools.exceptions import UnknownAllocation
from licensing.pools.models import Allocation
from licensing.requests.returns import operations
from licensing.requests.returns.models import ReturnRequest
from licensing.requests.returns.operations import UnknownReturnRequest
from licensing.requests.returns.queries import get_allocation_ids, select_requests
from licensing.requests.returns.wording import STATUS_BADGES, ReturnStatus, find_status
from schools.uai import normalise

_STATES = [(status.value, STATUS_BADGES[status][0]) for status in ReturnStatus]


class ReturnRequestListSerializer(serializers.ListSerializer[Any]):
    """Requests, whose allocations are read together."""

    def to_representation(self, data: Any) -> list[Any]:
        requests = list(data)
        cast("ReturnRequestSerializer", self.child).allocation_ids = get_allocation_ids(requests)
        return super().to_representation(requests)


class ReturnRequestSerializer(serializers.Serializer[Any]):
    """Une demande : des licences activées que personne n'utilise, que l'école rend ou garde."""

    #: By key; those of a list, once it is serialized.
    allocation_ids: Mapping[int, int] | None = None

    id = serializers.IntegerField(source="pk", help_text="Son numéro.")
    allocation = serializers.SerializerMethodField(help_text="Le numéro de l'attribution.")
    school = serializers.CharField(source="key.school_id", help_text="L'UAI de l'établissement.")
    units = serializers.IntegerField(help_text="Licences demandées.")
    state = serializers.SerializerMethodField(
        help_text="`open` : l'école peut répondre. `accepted` : elle en a rendu. `declined` : elle les garde. "
        "`expired` : elle n'a pas répondu à temps, rien ne change. `withdrawn` : la demande a été retirée."
    )
    returned = serializers.IntegerField(source="returned_units", help_text="Licences rendues, de celles demandées.")
    comment = serializers.CharField(help_text="Le mot de l'école, vide s'il n'y en a pas.")
    asked_at = UtcDateTimeField(help_text="Quand elles ont été demandées.")
    expires_at = UtcDateTimeField(help_text="Jusqu'à quand l'école peut répondre.")
    answered_at = UtcDateTimeField(allow_null=True, help_text="Quand la demande a pris fin.")

    class Meta:
        list_serializer_class = ReturnRequestListSerializer

    def get_allocation(self, request: ReturnRequest) -> int:
        """Return the allocation that the request is about."""
        found = get_allocation_ids([request]) if self.allocation_ids is None else self.allocation_ids
        return found[request.key_id]

    def get_state(self, request: ReturnRequest) -> str:
        """Return how the request stands now."""
        return find_status(request, timezone.now()).value


_EXAMPLE = {
    "id": 31,
    "allocation": 1207,
    "school": "0300123K",
    "units": 12,
    "state": "open",
    "returned": 0,
    "comment": "",
    "asked_at": "2027-01-11T08:00:00.114930Z",
    "expires_at": "2027-01-25T08:00:00.114930Z",
    "answered_at": None,
}


class AskSerializer(StrictSerializer):
    """Ce qui est demandé."""

    units = StrictIntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        help_text="Combien de licences. Sans lui : toutes celles que personne n'a jamais utilisées.",
    )
    again = StrictBooleanField(
        required=False, help_text="`true` : même si l'école a été sollicitée il y a moins de 60 jours."
    )


class ReturnRequestFilter(django_filters.FilterSet):
    """Filters of the list of requests."""

    state = django_filters.ChoiceFilter(choices=_STATES, method="in_state", help_text="Où en est la demande.")
    school = django_filters.CharFilter(method="of_school", help_text="L'UAI de l'établissement.")
    allocation = StrictNumberFilter(method="of_allocation", help_text="Le numéro de l'attribution.")
    asked_after = StrictDateTimeFilter(
        field_name="asked_at", lookup_expr="gte", help_text="Demandées à cet instant ou après."
    )

    def in_state(self, queryset: QuerySet[ReturnRequest], name: str, value: str) -> QuerySet[ReturnRequest]:
        """Filter by how the request stands now."""
        late = Q(outcome="", expires_at__lte=timezone.now())
        if value == ReturnStatus.OPEN:
            return queryset.filter(outcome="").exclude(late)
        if value == ReturnStatus.EXPIRED:
            return queryset.filter(late | Q(outcome=ReturnStatus.EXPIRED))
        return queryset.filter(outcome=value)

    def of_allocation(self, queryset: QuerySet[ReturnRequest], name: str, value: int) -> QuerySet[ReturnRequest]:
        """Filter by allocation."""
        keys = list(Allocation.objects.filter(pk=value).values_list("key_id", flat=True))
        return queryset.filter(key__in=keys)

    def of_school(self, queryset: QuerySet[ReturnRequest], name: str, value: str) -> QuerySet[ReturnRequest]:
        """Filter by UAI, normalised."""
        return queryset.filter(key__school=normalise(value))


class ReturnRequestViewSet(ApiViewSet):
    """`/return-requests`, and the request about an allocation."""

    tag = "Licences rendues"
    write_scope = TokenScope.ALLOCATE
    queryset = ReturnRequest.objects.all()
    serializer_class = ReturnRequestSerializer
    filterset_class = ReturnRequestFilter
    absences = (UnknownAllocation, UnknownReturnRequest)
    examples = {"Une demande": _EXAMPLE}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the collectivity's requests."""
        return select_requests().select_related("key")

    @listing("return-requests", "return_requests", "listReturnRequests", "Lire les demandes")
    def list(self) -> Response:
        """Les demandes faites aux écoles, la dernière d'abord, et ce qu'elles ont répondu. Aucun nom de personne."""
        return self.list_response()

    @operation("GET return-requests/<int:pk>", "return_request", "getReturnRequest", "Lire une demande")
    def retrieve(self, pk: int) -> object:
        """Une demande, et où elle en est."""
        return self.find(pk=pk)

    @operation(
        "POST allocations/<int:pk>/return-request",
        "allocation_return_request",
        "requestReturn",
        "Demander les licences inutilisées d'une école",
    )
    @sends(AskSerializer, {"Toutes celles qui dorment": {"again": False}})
    @answers(success={201: "Demandée ; un e-mail part à la direction."})
    @refuses(
        "not_redeemed", "already_revoked", "nothing_unused", "more_than_unused", "return_already_requested",
        "return_requested_lately", "pool_suspended", "pool_closed",
    )  # fmt: skip
    def request_return(self, pk: int) -> Response:
        """Demande à une école les licences d'une clé activée que personne n'a jamais utilisées.

        La direction les rend, en rend moins, ou les garde ; sans réponse en quatorze jours, rien ne change. Une licence
        utilisée n'est jamais reprise.
        """
        if not allocation_exists(pk):
            raise Http404
        data = self.read_body()
        asked = operations.ask(
            allocation_id=pk,
            by=self.actor(),
            at=timezone.now(),
            units=data.get("units"),
            again=data.get("again", False),
        )
        return self.respond_created(self.find(pk=asked.pk), "return_request", pk=asked.pk)

    @operation(
        "POST return-requests/<int:pk>/withdraw",
        "return_request_withdraw",
        "withdrawReturnRequest",
        "Retirer une demande",
    )
    @refuses("return_request_ended")
    def withdraw(self, pk: int) -> object:
        """Retire une demande à laquelle l'école n'a pas répondu ; l'e-mail qui n'est pas parti ne part pas."""
        self.read_body()
        operations.withdraw(request_id=pk, by=self.actor(), at=timezone.now())
        return self.find(pk=pk)
