"""`/imports`: list and upload; `/imports/{pk}/rows`: list and edit rows."""

from __future__ import annotations

from typing import Any

import django_filters
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from api.fields import MAX_INTEGER, StrictChoiceField, StrictSerializer
from api.idempotency import idempotent
from api.parsers import LimitedMultiPartParser
from api.scopes import TokenScope
from api.views import ScopedListView, ScopedView
from imports import operations
from imports.api import examples
from imports.api.serialization import add_counts_and_people, serialize_import
from imports.api.serializers import ImportSerializer, ImportSummarySerializer
from imports.enums import ImportState, Purpose, Volume
from imports.formats import limits
from imports.models import SpreadsheetImport
from imports.web.forms import MAX_UNITS

TAGS = ["Tableaux"]


class ImportUploadSerializer(StrictSerializer):
    """Un tableau, et ce qu'il faut en faire."""

    file = serializers.FileField(
        allow_empty_file=True,
        help_text="Le tableau : xlsx, xlsm, xls, ods, csv ou tsv, de 20 Mo au plus. Son contenu décide, non son nom.",
    )
    purpose = StrictChoiceField(
        choices=Purpose.choices,
        help_text="« allocation » : donner des licences aux écoles du tableau ; « portfolio » : mettre à jour les "
        "écoles, leurs contacts et leur nombre de classes.",
    )
    pool = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_INTEGER, help_text="Le lot d'une attribution, et d'elle seule."
    )
    volume = StrictChoiceField(
        required=False,
        choices=Volume.choices,
        help_text="Ce qui dit combien de licences chaque école doit avoir : une colonne de licences (« column », ou "
        "rien), une licence par classe d'après le tableau (« classes ») ou d'après votre périmètre (« portfolio »), un "
        "même nombre pour toutes (« all »).",
    )
    units_for_all = serializers.IntegerField(
        required=False, min_value=1, max_value=MAX_UNITS, help_text="Ce même nombre, avec « all » et lui seul."
    )


class ImportUploadParser(LimitedMultiPartParser):
    """Multipart parser of uploads, bounded in size."""

    max_bytes = limits.MAX_BYTES
    too_large_message = "Ce fichier dépasse 20 Mo. Gardez les colonnes utiles, ou partagez-le en deux."


class ApiImportFilter(django_filters.FilterSet):
    """Filters of the list."""

    state = django_filters.MultipleChoiceFilter(choices=ImportState.choices, help_text="Un état, ou plusieurs.")
    purpose = django_filters.ChoiceFilter(choices=Purpose.choices, help_text="Ce que le tableau change.")

    class Meta:
        model = SpreadsheetImport
        fields: tuple[str, ...] = ()


class ImportListView(ScopedListView):
    """`/imports`."""

    scopes = {"GET": TokenScope.READ, "POST": TokenScope.IMPORT}
    parser_classes = (ImportUploadParser,)
    queryset = SpreadsheetImport.objects.all()
    serializer_class = ImportSummarySerializer
    filterset_class = ApiImportFilter

    @extend_schema(
        operation_id="listImports", summary="Lire les tableaux déposés", tags=TAGS, examples=[examples.LISTED]
    )
    def get(self, request: Request) -> Response:
        """Les tableaux du bureau, les derniers d'abord, ceux des pages comme ceux des programmes."""
        return self.list_response()

    def paginate_queryset(self, queryset: Any) -> Any:
        """Return the imports of the page with their counts and actors."""
        return add_counts_and_people(super().paginate_queryset(queryset) or [])

    @idempotent
    @extend_schema(
        operation_id="uploadImport",
        summary="Déposer un tableau",
        tags=TAGS,
        request={"multipart/form-data": ImportUploadSerializer},
        responses={201: OpenApiResponse(ImportSerializer, "Le tableau est déposé ; sa lecture attend son tour.")},
        examples=[
            examples.response_example("Le tableau déposé", examples.UPLOADED, status_codes=["201"]),
            examples.request_example(
                "Attribuer ce que dit la colonne « Licences »",
                {"file": "ecoles-2026.xlsx", "purpose": "allocation", "pool": 3},
                media_type="multipart/form-data",
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Le fichier est lu ensuite : suivez son adresse (« Location ») jusqu'à ce qu'il ne soit plus « uploaded ».

        Il est alors « checked » (chaque ligne a son verdict), « read » (une question reste : « layout »), ou
        « rejected » (« rejection » dit pourquoi). Rien n'est appliqué avant « apply ». Le même dépôt renvoyé sous la
        même « Idempotency-Key » est le même, que le formulaire soit découpé autrement ou non.
        """
        body = ImportUploadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        now = timezone.now()
        spreadsheet_import = operations.upload(
            purpose=Purpose(data["purpose"]),
            pool_id=data.get("pool"),
            volume=data.get("volume", ""),
            units_for_all=data.get("units_for_all"),
            filename=data["file"].name,
            content=data["file"],
            by=self.actor(),
            at=now,
        )
        address = reverse("api:import", kwargs={"pk": spreadsheet_import.pk}, request=request)
        return Response(serialize_import(spreadsheet_import, at=now), status=201, headers={"Location": address})


class ImportView(ScopedView):
    """`/imports/{pk}`."""

    scopes = {"GET": TokenScope.READ}

    @extend_schema(
        operation_id="getImport",
        summary="Suivre un tableau",
        tags=TAGS,
        responses={200: ImportSerializer},
        examples=[
            examples.response_example("À vérifier", examples.CHECKED),
            examples.response_example("Appliqué", examples.APPLIED),
        ],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Ce qui y a été trouvé, les questions qui restent, les verdicts, ce qu'appliquer ferait ou a fait.

        Avec « If-None-Match », une réponse inchangée n'est pas renvoyée : demandez-la chaque seconde s'il le faut.
        """
        return Response(serialize_import(get_import_or_404(pk), at=timezone.now()))


def get_import_or_404(pk: int) -> SpreadsheetImport:
    """Return an import. Raises `Http404`."""
    return get_object_or_404(SpreadsheetImport.objects.select_related("pool"), pk=pk)
