"""Keys that did not arrive, and their resending to other addresses."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import MAX_INTEGER, BulkRowsSerializer, StrictCharField, StrictIntegerField, StrictSerializer
from api.idempotency import idempotent
from api.models import TokenScope
from api.views import ScopedListView, ScopedView
from core.contact_details import is_ordinary_address
from licensing.pools import operations
from licensing.pools.address_corrections import CONTACT, DIRECTORY, build_corrections, list_undelivered
from licensing.pools.api import TAGS
from licensing.pools.api.actions import BulkActionResultSerializer, serialize_result
from licensing.pools.models import Allocation

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
        found = operations.readdress_many(recipients=dict(rows), by=self.actor(), at=timezone.now())
        by_id = {result.allocation_id: result for result in found}
        results = [serialize_result(index, by_id[allocation_id]) for index, (allocation_id, _) in enumerate(rows)]
        rejected = sum(result["code"] is not None for result in results)
        return Response({"done": len(results) - rejected, "rejected": rejected, "results": results})
