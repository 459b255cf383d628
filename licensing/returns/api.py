"""`/return-requests`: what a collectivity asks back from schools, and what they answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import django_filters
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from api.fields import EmptySerializer, StrictBooleanField, StrictIntegerField, StrictSerializer, UtcDateTimeField
from api.filters import StrictDateTimeFilter, StrictNumberFilter
from api.idempotency import idempotent
from api.models import TokenScope
from api.views import ScopedListView, ScopedView
from licensing.pools.api import allocation_exists
from licensing.pools.exceptions import UnknownAllocation
from licensing.pools.models import Allocation
from licensing.returns import operations
from licensing.returns.models import ReturnRequest
from licensing.returns.operations import UnknownReturnRequest
from licensing.returns.queries import get_allocation_ids, select_requests
from licensing.returns.wording import STATUS_BADGES, ReturnStatus, find_status
from schools.uai import normalise

TAGS = ["Licences rendues"]
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


EXAMPLE = OpenApiExample(
    "Une demande",
    response_only=True,
    value={
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
    },
)


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

    class Meta:
        model = ReturnRequest
        fields = ()

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


def _serialize(pk: int) -> dict[str, Any]:
    request = select_requests().select_related("key").filter(pk=pk).first()
    if request is None:
        raise Http404
    return dict(ReturnRequestSerializer(request).data)


class AskView(ScopedView):
    """`/allocations/{pk}/return-request`."""

    scopes = {"POST": TokenScope.ALLOCATE}

    @idempotent
    @extend_schema(
        operation_id="requestReturn",
        summary="Demander les licences inutilisées d'une école",
        tags=TAGS,
        request=AskSerializer,
        responses={201: OpenApiResponse(ReturnRequestSerializer, "Demandée ; un e-mail part à la direction.")},
        examples=[OpenApiExample("Toutes celles qui dorment", request_only=True, value={"again": False}), EXAMPLE],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Demande à une école les licences d'une clé activée que personne n'a jamais utilisées.

        La direction les rend, en rend moins, ou les garde ; sans réponse en quatorze jours, rien ne change. Une licence
        utilisée n'est jamais reprise. Refus (409) : `not_redeemed`, `already_revoked`, `nothing_unused`,
        `more_than_unused`, `return_already_requested`, `return_requested_lately`, `pool_suspended`, `pool_closed`.
        """
        if not allocation_exists(pk):
            raise Http404
        serializer = AskSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        try:
            asked = operations.ask(
                allocation_id=pk,
                by=self.actor(),
                at=timezone.now(),
                units=data.get("units"),
                again=data.get("again", False),
            )
        except UnknownAllocation:
            raise Http404 from None
        response = Response(_serialize(asked.pk), status=201)
        response["Location"] = reverse("api:return_request", kwargs={"pk": asked.pk}, request=request)
        return response


class ReturnRequestListView(ScopedListView):
    """`/return-requests`."""

    scopes = {"GET": TokenScope.READ}
    queryset = ReturnRequest.objects.all()
    serializer_class = ReturnRequestSerializer
    filterset_class = ReturnRequestFilter

    def get_queryset(self) -> QuerySet[Any]:
        """Return the collectivity's requests."""
        return select_requests().select_related("key")

    @extend_schema(operation_id="listReturnRequests", summary="Lire les demandes", tags=TAGS, examples=[EXAMPLE])
    def get(self, request: Request) -> Response:
        """Les demandes faites aux écoles, la dernière d'abord, et ce qu'elles ont répondu. Aucun nom de personne."""
        return self.list_response()


class ReturnRequestView(ScopedView):
    """`/return-requests/{pk}`."""

    scopes = {"GET": TokenScope.READ}

    @extend_schema(
        operation_id="getReturnRequest",
        summary="Lire une demande",
        tags=TAGS,
        responses={200: ReturnRequestSerializer},
        examples=[EXAMPLE],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Une demande, et où elle en est."""
        return Response(_serialize(pk))


class WithdrawView(ScopedView):
    """`/return-requests/{pk}/withdraw`."""

    scopes = {"POST": TokenScope.ALLOCATE}

    @idempotent
    @extend_schema(
        operation_id="withdrawReturnRequest",
        summary="Retirer une demande",
        tags=TAGS,
        request=EmptySerializer,
        responses={200: ReturnRequestSerializer},
        examples=[EXAMPLE],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Retire une demande à laquelle l'école n'a pas répondu ; l'e-mail qui n'est pas parti ne part pas.

        Refus (409) : `return_request_ended`.
        """
        EmptySerializer(data=request.data).is_valid(raise_exception=True)
        try:
            operations.withdraw(request_id=pk, by=self.actor(), at=timezone.now())
        except UnknownReturnRequest:
            raise Http404 from None
        return Response(_serialize(pk))
