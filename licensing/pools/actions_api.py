"""Actions on existing allocations in the API, single and in bulk; keys that did not arrive."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from api.fields import (
    MAX_INTEGER,
    BulkIdsField,
    BulkRowsSerializer,
    EmptySerializer,
    StrictBooleanField,
    StrictCharField,
    StrictIntegerField,
    StrictSerializer,
)
from api.idempotency import idempotent
from api.models import TokenScope
from api.views import ScopedListView, ScopedView
from core.contact_details import is_ordinary_address
from licensing.pools import api, checks, key_emails, reductions, restorations
from licensing.pools.api import TAGS
from licensing.pools.bulk_views import CONTACT, DIRECTORY, build_corrections, list_undelivered
from licensing.pools.exceptions import UnknownAllocation
from licensing.pools.models import Allocation


class BulkOperation(Protocol):
    """A bulk operation on allocations."""

    def __call__(
        self, *, allocation_ids: Sequence[int], by: User | None, at: datetime.datetime
    ) -> list[checks.AllocationActionResult]: ...


#: Result of an action on one allocation of a list.
STATUSES = ["done", "rejected"]


class ResendSerializer(StrictSerializer):
    """À qui renvoyer la clé."""

    recipient = StrictCharField(
        required=False,
        allow_null=True,
        max_length=254,
        trim_whitespace=False,
        help_text="L'adresse corrigée, qui remplace celle de l'attribution. Sans elle : la même.",
    )


class ReduceSerializer(StrictSerializer):
    """Ce qu'il doit rester."""

    units = StrictIntegerField(min_value=1, help_text="Le nombre de licences que l'établissement garde.")


class RemindSerializer(StrictSerializer):
    """S'il faut relancer malgré tout."""

    anyway = StrictBooleanField(
        required=False,
        help_text="`true` : relancer même si une relance est déjà partie cette semaine pour cet établissement.",
    )


class AllocationIdsSerializer(StrictSerializer):
    """Des attributions."""

    allocations = BulkIdsField(help_text="Les numéros des attributions.")


class AllocationActionResultSerializer(serializers.Serializer[Any]):
    """Ce qu'est devenue une ligne."""

    row = serializers.IntegerField(help_text="Sa place dans la liste envoyée, à partir de 0.")
    allocation = serializers.IntegerField(help_text="Le numéro de l'attribution.")
    result = serializers.ChoiceField(
        choices=STATUSES,
        help_text="`done` : c'est fait. `rejected` : « code » et « detail » disent pourquoi.",
    )
    code = serializers.CharField(allow_null=True, help_text="Le code du refus, pour les programmes.")
    detail = serializers.CharField(allow_null=True, help_text="Le refus, en français.")


class BulkActionResultSerializer(serializers.Serializer[Any]):
    """Ce qui a été fait."""

    done = serializers.IntegerField(help_text="Lignes faites.")
    rejected = serializers.IntegerField(help_text="Lignes refusées.")
    results = AllocationActionResultSerializer(
        many=True, help_text="Une ligne pour chaque ligne envoyée, dans le même ordre."
    )


class AllocationView(ScopedView):
    """`/allocations/{pk}`."""

    scopes = {"GET": TokenScope.READ}

    @extend_schema(
        operation_id="getAllocation",
        summary="Lire une attribution",
        tags=TAGS,
        responses={200: api.AllocationSerializer},
        examples=[api.EXAMPLE],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Une attribution, et ce qu'elle est devenue. Des nombres et des états : jamais une clé."""
        return Response(api.serialize_allocation(pk))


class AllocationActionView(ScopedView):
    """Base of the actions on one allocation."""

    scopes = {"POST": TokenScope.ALLOCATE}

    def act(self, pk: int, operation: Callable[..., object], serializer_class: type[StrictSerializer]) -> Response:
        """Run the operation with the request body, and return the resulting allocation."""
        if not api.allocation_exists(pk):
            raise Http404
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        try:
            operation(allocation_id=pk, by=self.actor(), at=timezone.now(), **serializer.validated_data)
        except UnknownAllocation:
            raise Http404 from None
        return Response(api.serialize_allocation(pk))


class RevokeView(AllocationActionView):
    """`/allocations/{pk}/revoke`."""

    @idempotent
    @extend_schema(
        operation_id="revokeAllocation",
        summary="Reprendre une attribution",
        tags=TAGS,
        request=EmptySerializer,
        responses={200: api.AllocationSerializer},
        examples=[api.EXAMPLE],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Reprend une attribution dont la clé n'est pas activée : la clé ne vaut plus rien, ses licences vont au lot.

        L'e-mail qui n'est pas parti ne part pas ; l'école qui avait reçu sa clé est prévenue une heure après, le temps
        de pouvoir annuler (`restore`). Reprise deux fois, elle l'est une. Refus (409) : `already_redeemed`.
        """
        return self.act(pk, reductions.revoke, EmptySerializer)


class RestoreView(AllocationActionView):
    """`/allocations/{pk}/restore`."""

    @idempotent
    @extend_schema(
        operation_id="restoreAllocation",
        summary="Annuler une reprise",
        tags=TAGS,
        request=EmptySerializer,
        responses={200: api.AllocationSerializer},
        examples=[api.EXAMPLE],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Annule une reprise de moins d'une heure : la même clé vaut de nouveau ses licences, prises dans le lot.

        L'école, qui n'est prévenue d'une reprise qu'après cette heure, n'en reçoit rien ; l'e-mail que la reprise avait
        arrêté repart. Une attribution qui n'est pas reprise reste telle quelle. Refus (409) : `restoration_too_late`,
        `school_served_again`, `pool_exhausted`, `pool_suspended`, `pool_closed`.
        """
        return self.act(pk, restorations.restore, EmptySerializer)


class ResendView(AllocationActionView):
    """`/allocations/{pk}/resend`."""

    @idempotent
    @extend_schema(
        operation_id="resendAllocation",
        summary="Renvoyer une clé",
        tags=TAGS,
        request=ResendSerializer,
        responses={200: api.AllocationSerializer},
        examples=[
            OpenApiExample("Une adresse corrigée", request_only=True, value={"recipient": "direction@ecole.example"}),
            api.EXAMPLE,
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Écrit la même clé une fois de plus, à l'adresse de l'attribution ou à celle-ci, qui la remplace.

        Refus (409) : `already_redeemed`, `already_revoked`, `pool_suspended`, `pool_closed`, `invalid_recipient`.
        """
        return self.act(pk, key_emails.resend, ResendSerializer)


class RemindView(AllocationActionView):
    """`/allocations/{pk}/remind`."""

    @idempotent
    @extend_schema(
        operation_id="remindAllocation",
        summary="Relancer un établissement",
        tags=TAGS,
        request=RemindSerializer,
        responses={200: api.AllocationSerializer},
        examples=[
            OpenApiExample("Malgré une relance de la semaine", request_only=True, value={"anyway": True}),
            api.EXAMPLE,
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Rappelle sa clé à un établissement qui l'a reçue et ne l'a pas activée ; une fois par jour au plus.

        Une fois par semaine au plus, quel qu'en soit l'auteur, sauf avec « anyway ». Refus (409) : `already_redeemed`,
        `already_revoked`, `not_yet_sent`, `reminded_today`, `written_this_week`, `pool_suspended`, `pool_closed`.
        """
        return self.act(pk, key_emails.remind, RemindSerializer)


class ReduceView(AllocationActionView):
    """`/allocations/{pk}/reduce`."""

    @idempotent
    @extend_schema(
        operation_id="reduceAllocation",
        summary="Réduire une attribution",
        tags=TAGS,
        request=ReduceSerializer,
        responses={200: api.AllocationSerializer},
        examples=[
            OpenApiExample("N'en laisser que quatre", request_only=True, value={"units": 4}),
            api.EXAMPLE,
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Laisse moins de licences à un établissement qui n'a pas activé sa clé : la même clé, les autres au lot.

        L'école qui avait reçu l'ancien nombre est prévenue. Refus (409) : `already_redeemed`, `already_revoked`,
        `invalid_units` (plus que ce que l'établissement a).
        """
        return self.act(pk, reductions.reduce_one, ReduceSerializer)


class BulkAllocationActionView(ScopedView):
    """Base of the bulk actions: best effort, with a result per row."""

    scopes = {"POST": TokenScope.ALLOCATE}

    def act_on_all(self, operation: BulkOperation) -> Response:
        """Run the operation on the allocations of the request body, and return a result for each."""
        serializer = AllocationIdsSerializer(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        allocation_ids: list[int] = serializer.validated_data["allocations"]
        results_by_id = {
            result.allocation_id: result
            for result in operation(
                allocation_ids=list(dict.fromkeys(allocation_ids)), by=self.actor(), at=timezone.now()
            )
        }
        results = [
            serialize_result(index, results_by_id[allocation_id]) for index, allocation_id in enumerate(allocation_ids)
        ]
        rejected = sum(result["code"] is not None for result in results)
        return Response({"done": len(results) - rejected, "rejected": rejected, "results": results})


_REQUEST_EXAMPLE = OpenApiExample("Deux attributions", request_only=True, value={"allocations": [1207, 1208]})
_RESPONSE_EXAMPLE = OpenApiExample(
    "L'une faite, l'autre activée",
    response_only=True,
    value={
        "done": 1,
        "rejected": 1,
        "results": [
            {"row": 0, "allocation": 1207, "result": "done", "code": None, "detail": None},
            {
                "row": 1,
                "allocation": 1208,
                "result": "rejected",
                "code": "already_redeemed",
                "detail": "La clé a été activée le 8 septembre 2026 : elle ne peut plus être reprise.",
            },
        ],
    },
)
_BULK_SCHEMA: Mapping[str, Any] = {
    "tags": TAGS,
    "request": AllocationIdsSerializer,
    "responses": {200: BulkActionResultSerializer},
    "examples": [_REQUEST_EXAMPLE, _RESPONSE_EXAMPLE],
}


class BulkRevokeView(BulkAllocationActionView):
    """`/allocations/revoke`."""

    @idempotent
    @extend_schema(operation_id="revokeAllocations", summary="Reprendre des attributions", **_BULK_SCHEMA)
    def post(self, request: Request) -> Response:
        """Reprend 1 à 10 000 attributions, chacune si sa clé n'est pas activée, et dit ce qu'il en est de chacune.

        Codes d'une ligne refusée : `unknown_allocation`, `already_redeemed`.
        """
        return self.act_on_all(reductions.revoke_many)


class BulkRestoreView(BulkAllocationActionView):
    """`/allocations/restore`."""

    @idempotent
    @extend_schema(operation_id="restoreAllocations", summary="Annuler des reprises", **_BULK_SCHEMA)
    def post(self, request: Request) -> Response:
        """Annule 1 à 10 000 reprises de moins d'une heure, la dernière d'abord, et dit ce qu'il en est de chacune.

        Codes d'une ligne refusée : `unknown_allocation`, `restoration_too_late`, `school_served_again`,
        `pool_exhausted`, `pool_suspended`, `pool_closed`.
        """
        return self.act_on_all(restorations.restore_many)


class BulkResendView(BulkAllocationActionView):
    """`/allocations/resend`."""

    @idempotent
    @extend_schema(operation_id="resendAllocations", summary="Renvoyer des clés", **_BULK_SCHEMA)
    def post(self, request: Request) -> Response:
        """Écrit une fois de plus 1 à 10 000 clés, chacune à l'adresse de son attribution.

        Codes d'une ligne refusée : `unknown_allocation`, `already_redeemed`, `already_revoked`, `pool_suspended`,
        `pool_closed`.
        """
        return self.act_on_all(key_emails.resend_many)


class BulkRemindView(BulkAllocationActionView):
    """`/allocations/remind`."""

    @idempotent
    @extend_schema(operation_id="remindAllocations", summary="Relancer des établissements", **_BULK_SCHEMA)
    def post(self, request: Request) -> Response:
        """Rappelle leur clé à 1 à 10 000 établissements qui l'ont reçue et ne l'ont pas activée.

        Codes d'une ligne refusée : `unknown_allocation`, `already_redeemed`, `already_revoked`, `not_yet_sent`,
        `reminded_today`, `pool_suspended`, `pool_closed`.
        """
        return self.act_on_all(key_emails.remind_many)


def serialize_result(index: int, result: checks.AllocationActionResult) -> dict[str, Any]:
    refusal = result.refusal
    return {
        "row": index,
        "allocation": result.allocation_id,
        "result": "done" if refusal is None else "rejected",
        "code": None if refusal is None else refusal.code,
        "detail": None if refusal is None else str(refusal),
    }


_EXAMPLE = {
    "allocation": 1207,
    "school": "0300123K",
    "recipient": "direciton@ecole.example",
    "reason": "Cette adresse n'existe pas : corrigez-la et renvoyez le message.",
    "proposed": "ce.0300123k@ac-exemple.example",
    "origin": "directory",
    "held_message": None,
}


class UndeliveredKeySerializer(serializers.Serializer[Any]):
    """Une clé qui n'est pas arrivée à son école, et l'adresse que nous lui connaissons par ailleurs."""

    allocation = serializers.IntegerField(source="allocation.pk", help_text="Le numéro de l'attribution.")
    school = serializers.CharField(source="allocation.school_id", help_text="L'UAI de l'établissement.")
    recipient = serializers.CharField(source="allocation.recipient", help_text="L'adresse qui n'a pas reçu la clé.")
    reason = serializers.CharField(help_text="Pourquoi, en français.")
    proposed = serializers.CharField(help_text="Une autre adresse de l'établissement ; vide : nous n'en savons pas.")
    origin = serializers.ChoiceField(
        source="source",
        choices=[(DIRECTORY, "annuaire"), (CONTACT, "périmètre"), ("", "aucune")],
        help_text="D'où vient l'adresse proposée : `directory`, la boîte de l'annuaire ; `portfolio`, le contact de "
        "votre périmètre ; vide sans proposition.",
    )
    held_message = serializers.IntegerField(
        source="held_message_id",
        allow_null=True,
        help_text="Le message retenu parce que l'adresse avait déjà été refusée ; null : il a été rejeté ou abandonné.",
    )


class CorrectedAddressSerializer(StrictSerializer):
    """La nouvelle adresse d'une clé."""

    allocation = StrictIntegerField(min_value=1, help_text="Le numéro de l'attribution.")
    recipient = StrictCharField(max_length=254, trim_whitespace=False, help_text="L'adresse corrigée.")

    def is_valid_as_is(self, row: Any) -> bool:
        """Whether a row is valid as it stands. A fast path: nearly all are."""
        return (
            type(row) is dict
            and row.keys() == {"allocation", "recipient"}
            and type(row["allocation"]) is int
            and 1 <= row["allocation"] <= MAX_INTEGER
            and type(row["recipient"]) is str
            and is_ordinary_address(row["recipient"])
        )


class ReaddressSerializer(StrictSerializer):
    """Des adresses corrigées."""

    corrections = BulkRowsSerializer(
        child=CorrectedAddressSerializer(),
        help_text="1 à 10 000 lignes ; d'une attribution qui y est deux fois, la dernière compte.",
    )


class UndeliveredKeyListView(ScopedListView):
    """`/allocations/undelivered`."""

    scopes = {"GET": TokenScope.READ}
    queryset = Allocation.objects.all()
    serializer_class = UndeliveredKeySerializer

    def get_queryset(self) -> QuerySet[Any]:
        """Return the allocations whose key did not arrive."""
        return list_undelivered(timezone.now())

    @extend_schema(
        operation_id="listUndeliveredKeys",
        summary="Lire les clés qui ne sont pas arrivées",
        tags=TAGS,
        examples=[OpenApiExample("Une adresse inconnue", value=_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """Les clés à activer dont le dernier e-mail n'est pas arrivé, chacune avec une autre adresse s'il s'en trouve.

        Les dernières attributions d'abord. Pour les renvoyer : `POST /allocations/readdress`.
        """
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(build_corrections(list(page or ())), many=True).data)


class ReaddressView(ScopedView):
    """`/allocations/readdress`."""

    scopes = {"POST": TokenScope.ALLOCATE}

    @idempotent
    @extend_schema(
        operation_id="readdressAllocations",
        summary="Renvoyer des clés à des adresses corrigées",
        tags=TAGS,
        request=ReaddressSerializer,
        responses={200: BulkActionResultSerializer},
        examples=[
            OpenApiExample(
                "Deux adresses",
                request_only=True,
                value={
                    "corrections": [
                        {"allocation": 1207, "recipient": "ce.0300123k@ac-exemple.example"},
                        {"allocation": 1208, "recipient": "direction@ecole.example"},
                    ]
                },
            ),
            OpenApiExample(
                "Une adresse refusée elle aussi",
                response_only=True,
                value={
                    "done": 1,
                    "rejected": 1,
                    "results": [
                        {"row": 0, "allocation": 1207, "result": "done", "code": None, "detail": None},
                        {
                            "row": 1,
                            "allocation": 1208,
                            "result": "rejected",
                            "code": "recipient_refused",
                            "detail": "L'adresse direction@ecole.example a été refusée. Cette adresse n'existe pas : "
                            "corrigez-la et renvoyez le message.",
                        },
                    ],
                },
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Écrit 1 à 10 000 clés une fois de plus, à ces adresses, qui deviennent les contacts de votre périmètre.

        Codes d'une ligne refusée : `unknown_allocation`, `already_redeemed`, `already_revoked`, `pool_suspended`,
        `pool_closed`, `invalid_recipient`, `recipient_refused`.
        """
        serializer = ReaddressSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        rows = [(row["allocation"], row["recipient"]) for row in serializer.validated_data["corrections"]]
        found = key_emails.readdress_many(recipients=dict(rows), by=self.actor(), at=timezone.now())
        by_id = {result.allocation_id: result for result in found}
        results = [serialize_result(index, by_id[allocation_id]) for index, (allocation_id, _) in enumerate(rows)]
        rejected = sum(result["code"] is not None for result in results)
        return Response({"done": len(results) - rejected, "rejected": rejected, "results": results})
