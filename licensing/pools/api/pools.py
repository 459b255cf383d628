"""`/pools`: pools and their positions."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import UtcDateTimeField
from api.models import TokenScope
from api.views import ScopedListView, ScopedView
from core.calendar import date_in_paris
from licensing.entitlements.models import EntitlementStatus
from licensing.pools.models import Pool
from licensing.pools.positions import list_pool_positions

POOL_TAGS = ["Lots"]


class PoolSerializer(serializers.Serializer[Any]):
    """Un lot, et où en est chaque licence achetée : `bought` = `free` + `issued` + `redeemed_free` + `held`."""

    id = serializers.IntegerField(source="pool_id", help_text="Son numéro.")
    name = serializers.CharField(help_text="Son nom, tel que le bureau l'affiche.")
    bought = serializers.IntegerField(help_text="Licences achetées.")
    free = serializers.IntegerField(help_text="Pas encore attribuées.")
    issued = serializers.IntegerField(help_text="Attribuées, par une clé que l'établissement n'a pas activée.")
    redeemed_free = serializers.IntegerField(help_text="D'une clé activée, et qu'aucun enseignant n'utilise.")
    held = serializers.IntegerField(help_text="Utilisées par un enseignant.")
    schools = serializers.IntegerField(help_text="Établissements qui ont une attribution de ce lot.")
    redeemed_schools = serializers.IntegerField(help_text="Ceux d'entre eux qui ont activé leur clé.")
    status = serializers.ChoiceField(
        choices=[(status.value, status.name) for status in EntitlementStatus],
        help_text="`firm`, `provisional`, `unpaid` ou `overdue` : on peut attribuer. `lapsed` ou `suspended` : tout "
        "attend une régularisation. `cancelled` ou `ended` : plus rien n'en reviendra.",
    )
    opened_at = UtcDateTimeField(help_text="Quand il a été ouvert.")
    first_day = serializers.DateField(
        help_text="Le premier jour où elles s'utilisent en classe : elles s'attribuent, s'activent et se distribuent"
        " avant."
    )
    last_day = serializers.DateField(help_text="Le dernier jour des licences, inclus.")
    provisional_until = serializers.DateField(
        allow_null=True, help_text="Le dernier jour des droits temporaires, tant que le bon de commande est attendu."
    )
    unpaid_until = serializers.DateField(allow_null=True, help_text="Le jour avant lequel le paiement est attendu.")


POOL_EXAMPLE = OpenApiExample(
    "Un lot",
    response_only=True,
    value={
        "id": 3,
        "name": "Achat 2026-2027",
        "bought": 2000,
        "free": 812,
        "issued": 655,
        "redeemed_free": 102,
        "held": 431,
        "schools": 214,
        "redeemed_schools": 96,
        "status": "provisional",
        "opened_at": "2026-09-03T08:12:45.318204Z",
        "first_day": "2026-09-03",
        "last_day": "2027-08-31",
        "provisional_until": "2026-10-18",
        "unpaid_until": None,
    },
)


class PoolListView(ScopedListView):
    """`/pools`."""

    scopes = {"GET": TokenScope.READ}
    queryset = Pool.objects.all()
    serializer_class = PoolSerializer

    @extend_schema(operation_id="listPools", summary="Lire les lots", tags=POOL_TAGS, examples=[POOL_EXAMPLE])
    def get(self, request: Request) -> Response:
        """Les lots de licences de la collectivité, le dernier ouvert d'abord, et où en sont leurs licences."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        pools = _serialize_pools()
        return self.get_paginated_response([pools[pool.pk] for pool in page or ()])


class PoolView(ScopedView):
    """`/pools/{pk}`."""

    scopes = {"GET": TokenScope.READ}

    @extend_schema(
        operation_id="getPool",
        summary="Lire un lot",
        tags=POOL_TAGS,
        responses={200: PoolSerializer},
        examples=[POOL_EXAMPLE],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Un lot, et où en sont ses licences à cet instant."""
        pool = _serialize_pools().get(pk)
        if pool is None:
            raise Http404
        return Response(pool)


def _serialize_pools() -> dict[int, dict[str, Any]]:
    """Serialize all pools of the collectivity, by primary key: there are few."""
    today = date_in_paris(timezone.now())
    return {
        position.pool_id: PoolSerializer(
            position._asdict() | {"status": position.entitlement.status_on(today).value}
        ).data
        for position in list_pool_positions()
    }
