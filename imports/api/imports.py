"""`/imports`: list and upload; `/imports/{pk}/rows`: list and edit rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from api.fields import MAX_INTEGER, StrictBooleanField, StrictCharField, StrictChoiceField, StrictSerializer
from api.filters import StrictBooleanFilter, StrictNumberFilter
from api.idempotency import idempotent
from api.models import TokenScope
from api.parsers import LimitedMultiPartParser
from api.views import ScopedListView, ScopedView
from core import formatting
from core.exceptions import Refusal
from imports import operations
from imports.api import examples
from imports.api.serializers import (
    ImportRowSerializer,
    ImportSerializer,
    ImportSummarySerializer,
    add_counts_and_people,
    serialize_import,
)
from imports.columns import EDITABLE_COLUMNS, MAX_EDIT_LENGTH
from imports.enums import ConflictResolution, ImportState, Purpose, Verdict, Volume
from imports.formats import limits
from imports.models import ImportRow, SpreadsheetImport
from imports.web.forms import MAX_UNITS
from schools.uai import normalise

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


class ApiRowFilter(django_filters.FilterSet):
    """Filters of the rows."""

    verdict = django_filters.ChoiceFilter(choices=Verdict.choices, help_text="Celles que nous jugeons ainsi.")
    code = django_filters.CharFilter(method="with_code", max_length=40, help_text="Le code d'un problème qu'elles ont.")
    uai = django_filters.CharFilter(method="of_school", max_length=20, help_text="L'UAI de l'école trouvée.")
    ticked = StrictBooleanFilter(help_text="Les lignes cochées, qui seraient appliquées, ou les autres.")
    sheet = StrictNumberFilter(help_text="Celles de cette feuille : sa place dans le classeur, à partir de 0.")

    class Meta:
        model = ImportRow
        fields: tuple[str, ...] = ()

    def with_code(self, rows: QuerySet[ImportRow], name: str, code: str) -> QuerySet[ImportRow]:
        """Keep the rows that have this problem code."""
        return rows.filter(codes__contains=[code])

    def of_school(self, rows: QuerySet[ImportRow], name: str, written: str) -> QuerySet[ImportRow]:
        """Keep the rows of this school."""
        return rows.filter(uai=normalise(written))


#: One field per column that is edited, whatever for.
RowEditsSerializer = type(
    "RowEditsSerializer",
    (StrictSerializer,),
    {
        "__doc__": "Ce que les cellules doivent dire, écrit comme dans le tableau ; vide : rien.",
        "__module__": __name__,
        **{
            meaning.value: StrictCharField(
                required=False, allow_blank=True, max_length=MAX_EDIT_LENGTH, help_text=meaning.column.edit_help
            )
            for meaning in dict.fromkeys(itertools.chain(*EDITABLE_COLUMNS.values()))
        },
    },
)


class ImportRowUpdateSerializer(StrictSerializer):
    """Ce qui change dans la ligne ; ce qui est absent reste comme il est."""

    edits = RowEditsSerializer(required=False)
    set_aside = StrictBooleanField(required=False, help_text="La mettre de côté, ou la reprendre.")
    awaited = StrictBooleanField(
        required=False, help_text="La garder de côté jusqu'à ce que l'annuaire connaisse son école."
    )
    resolution = StrictChoiceField(
        source="conflict_resolution",
        required=False,
        allow_blank=True,
        choices=ConflictResolution.choices,
        help_text="Régler un conflit ; vide : ne pas le régler.",
    )
    ticked = StrictBooleanField(required=False, help_text="La cocher, ou la décocher.")


_EDITABLE_NAMES = {purpose: formatting.join_words(list(columns)) for purpose, columns in EDITABLE_COLUMNS.items()}
_UPDATE_DESCRIPTION = (
    "La ligne est jugée de nouveau, et avec elle celles que le changement touche : lisez leurs verdicts ensuite.\n\n"
    "Refusé (409), rien n'ayant changé : `invalid_state`, le tableau n'attend plus d'être appliqué ; "
    "`row_cannot_be_ticked` ; `cannot_await` ; `cannot_resolve` ; `not_editable`, cette colonne n'est pas de celles "
    f"qui se corrigent dans un tel tableau. Une attribution corrige {_EDITABLE_NAMES[Purpose.ALLOCATION]} ; "
    f"le périmètre {_EDITABLE_NAMES[Purpose.PORTFOLIO]}."
)


class ImportRowListView(ScopedListView):
    """`/imports/{pk}/rows`."""

    scopes = {"GET": TokenScope.READ}
    queryset = ImportRow.objects.all()
    serializer_class = ImportRowSerializer
    filterset_class = ApiRowFilter
    cursor_field = "pk"

    def get_queryset(self) -> QuerySet[ImportRow]:
        """Return the rows of the import in the URL."""
        return super().get_queryset().filter(import_id=self.kwargs.get("pk", 0))

    @extend_schema(
        operation_id="listImportRows",
        summary="Lire les lignes d'un tableau",
        tags=TAGS,
        examples=[examples.response_example("Une ligne", examples.ROW)],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Les lignes, dans l'ordre du fichier, chacune avec ses cellules, ses problèmes et son verdict."""
        get_import_or_404(pk)
        return self.list_response()


class ImportRowView(ScopedView):
    """`/imports/{pk}/rows/{row}`."""

    scopes = {"GET": TokenScope.READ, "PATCH": TokenScope.IMPORT}

    @extend_schema(
        operation_id="getImportRow",
        summary="Lire une ligne",
        tags=TAGS,
        responses={200: ImportRowSerializer},
        examples=[examples.response_example("Une ligne", examples.ROW)],
    )
    def get(self, request: Request, pk: int, row: int) -> Response:
        """La ligne de cet « id » : plusieurs feuilles peuvent avoir une ligne de même numéro."""
        return Response(ImportRowSerializer(_get_row_or_404(pk, row)).data)

    @extend_schema(
        operation_id="updateImportRow",
        summary="Corriger une ligne, la mettre de côté, la cocher",
        tags=TAGS,
        request=ImportRowUpdateSerializer,
        responses={200: ImportRowSerializer},
        description=_UPDATE_DESCRIPTION,
        examples=[
            examples.request_example("Huit licences", {"edits": {"units": "8"}}),
            examples.request_example("De côté", {"set_aside": True}),
            examples.response_example("La ligne, jugée de nouveau", examples.ROW),
        ],
    )
    def patch(self, request: Request, pk: int, row: int) -> Response:
        spreadsheet_import, found = get_import_or_404(pk), _get_row_or_404(pk, row)
        body = ImportRowUpdateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data: dict[str, Any] = dict(body.validated_data)
        _check_editable(Purpose(spreadsheet_import.purpose), data.get("edits", {}))
        changed = operations.amend_row(
            import_id=pk, sheet=found.sheet, number=found.number, **data, by=self.actor(), at=timezone.now()
        )
        return Response(ImportRowSerializer(changed).data)


def _get_row_or_404(pk: int, row: int) -> ImportRow:
    """Return a row of this import. Raises `Http404`, also for a row of another import."""
    return get_object_or_404(ImportRow, import_id=get_import_or_404(pk).pk, pk=row)


def _check_editable(purpose: Purpose, edits: Mapping[str, str]) -> None:
    """Raise `Refusal` for a column that cannot be edited for this purpose."""
    for meaning in edits:
        if meaning not in EDITABLE_COLUMNS[purpose]:
            named = ", ".join(f"« {one.label} »" for one in EDITABLE_COLUMNS[purpose])
            raise Refusal("not_editable", f"« {meaning} » ne se corrige pas dans ce tableau. Se corrigent : {named}.")
