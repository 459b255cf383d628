"""`/imports/{pk}/rows`: list and edit rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django_filters
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework.response import Response

from api.endpoint import Endpoint, ListEndpoint
from api.fields import MOST, Choice, Strict, Text, Truth
from api.filters import Flag, Number
from api.scopes import Scope
from imports import operations
from imports.api import examples
from imports.api.shapes import RowSerializer
from imports.api.tables import TAGS, existing
from imports.corrections import FIELDS, LONGEST
from imports.enums import Purpose, Settlement, Verdict
from imports.exceptions import NotCorrectable
from imports.meanings import LABELS
from imports.models import ImportRow
from schools.uai import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet
    from rest_framework.request import Request


class ApiRowFilter(django_filters.FilterSet):
    """Filters of the rows."""

    verdict = django_filters.ChoiceFilter(choices=Verdict.choices, help_text="Celles que nous jugeons ainsi.")
    code = django_filters.CharFilter(method="with_code", max_length=40, help_text="Le code d'un problème qu'elles ont.")
    uai = django_filters.CharFilter(method="of_school", max_length=20, help_text="L'UAI de l'école trouvée.")
    ticked = Flag(help_text="Les lignes cochées, qui seraient appliquées, ou les autres.")
    sheet = extend_schema_field(
        {
            "type": "integer",
            "minimum": 0,
            "maximum": MOST,
            "description": "Celles de cette feuille : sa place dans le classeur, à partir de 0.",
        }
    )(Number())

    class Meta:
        model = ImportRow
        fields: tuple[str, ...] = ()

    def with_code(self, rows: QuerySet[ImportRow], name: str, code: str) -> QuerySet[ImportRow]:
        """Keep the rows that have this problem code."""
        return rows.filter(codes__contains=[code])

    def of_school(self, rows: QuerySet[ImportRow], name: str, written: str) -> QuerySet[ImportRow]:
        """Keep the rows of this school."""
        return rows.filter(uai=normalise(written))


class EditsBody(Strict):
    """Ce que les cellules doivent dire, écrit comme dans le tableau ; vide : rien."""

    uai = Text(
        required=False, allow_blank=True, max_length=LONGEST, help_text="L'école, seule : celle que vous choisissez."
    )
    units = Text(required=False, allow_blank=True, max_length=LONGEST, help_text="Licences, d'une attribution.")
    email = Text(
        required=False,
        allow_blank=True,
        max_length=LONGEST,
        help_text="L'adresse à qui écrire : où part la clé d'une attribution, ou le contact du périmètre.",
    )
    classes = Text(required=False, allow_blank=True, max_length=LONGEST, help_text="Classes, du périmètre.")
    contact_name = Text(required=False, allow_blank=True, max_length=LONGEST, help_text="Contact, du périmètre.")
    phone = Text(required=False, allow_blank=True, max_length=LONGEST, help_text="Téléphone, du périmètre.")


class RowBody(Strict):
    """Ce qui change dans la ligne ; ce qui est absent reste comme il est."""

    edits = EditsBody(required=False)
    set_aside = Truth(required=False, help_text="La mettre de côté, ou la reprendre.")
    awaited = Truth(required=False, help_text="La garder de côté jusqu'à ce que l'annuaire connaisse son école.")
    settlement = Choice(
        required=False,
        allow_blank=True,
        choices=Settlement.choices,
        help_text="Régler un conflit ; vide : ne pas le régler.",
    )
    ticked = Truth(required=False, help_text="La cocher, ou la décocher.")


class Rows(ListEndpoint):
    """`/imports/{pk}/rows`."""

    scopes = {"GET": Scope.READ}
    queryset = ImportRow.objects.all()
    serializer_class = RowSerializer
    filterset_class = ApiRowFilter
    cursor_field = "pk"

    def get_queryset(self) -> QuerySet[ImportRow]:
        """Return the rows of the import in the URL."""
        return super().get_queryset().filter(import_id=self.kwargs.get("pk", 0))

    @extend_schema(
        operation_id="listImportRows",
        summary="Lire les lignes d'un tableau",
        tags=TAGS,
        examples=[examples.answer("Une ligne", examples.ROW)],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Les lignes, dans l'ordre du fichier, chacune avec ses cellules, ses problèmes et son verdict."""
        existing(pk)
        return self.listed()


class OneRow(Endpoint):
    """`/imports/{pk}/rows/{row}`."""

    scopes = {"GET": Scope.READ, "PATCH": Scope.IMPORT}

    @extend_schema(
        operation_id="getImportRow",
        summary="Lire une ligne",
        tags=TAGS,
        responses={200: RowSerializer},
        examples=[examples.answer("Une ligne", examples.ROW)],
    )
    def get(self, request: Request, pk: int, row: int) -> Response:
        """La ligne de cet « id » : plusieurs feuilles peuvent avoir une ligne de même numéro."""
        return Response(RowSerializer(_get_row_or_404(pk, row)).data)

    @extend_schema(
        operation_id="amendImportRow",
        summary="Corriger une ligne, la mettre de côté, la cocher",
        tags=TAGS,
        request=RowBody,
        responses={200: RowSerializer},
        examples=[
            examples.request("Huit licences", {"edits": {"units": "8"}}),
            examples.request("De côté", {"set_aside": True}),
            examples.answer("La ligne, jugée de nouveau", examples.ROW),
        ],
    )
    def patch(self, request: Request, pk: int, row: int) -> Response:
        """La ligne est jugée de nouveau, et avec elle celles que le changement touche : lisez leurs verdicts ensuite.

        Refusé (409), rien n'ayant changé : `wrong_moment`, le tableau n'attend plus d'être appliqué ;
        `row_cannot_be_ticked` ; `cannot_await` ; `cannot_settle` ; `not_correctable`, cette colonne n'est pas de celles
        qui se corrigent dans un tel tableau. Une attribution corrige uai, units et email ; le périmètre uai, classes,
        contact_name, email et phone.
        """
        spreadsheet_import, found = existing(pk), _get_row_or_404(pk, row)
        body = RowBody(data=request.data)
        body.is_valid(raise_exception=True)
        data: dict[str, Any] = dict(body.validated_data)
        _check_editable(Purpose(spreadsheet_import.purpose), data.get("edits", {}))
        changed = operations.amend(
            import_id=pk, sheet=found.sheet, number=found.number, **data, by=self.actor(), at=timezone.now()
        )
        return Response(RowSerializer(changed).data)


def _get_row_or_404(pk: int, row: int) -> ImportRow:
    """Return a row of this import. Raises `Http404`, also for a row of another import."""
    return get_object_or_404(ImportRow, import_id=existing(pk).pk, pk=row)


def _check_editable(purpose: Purpose, edits: Mapping[str, str]) -> None:
    """Raise `NotEditable` for a column that cannot be edited for this purpose."""
    for meaning in edits:
        if meaning not in FIELDS[purpose]:
            named = ", ".join(f"« {LABELS[one]} »" for one in FIELDS[purpose])
            raise NotCorrectable(f"« {meaning} » ne se corrige pas dans ce tableau. Se corrigent : {named}.")
