"""`/imports/{pk}/rows`: list and edit rows."""

import itertools
from collections.abc import Mapping
from functools import cached_property

import django_filters
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework.response import Response

from api.fields import StrictBooleanField, StrictCharField, StrictChoiceField, StrictSerializer
from api.filters import StrictBooleanFilter, StrictNumberFilter
from api.models import TokenScope
from api.viewsets import answers, listing, operation, refuses, sends
from core import formatting
from core.exceptions import Refusal
from imports.api.examples import ROW
from imports.api.imports import TAG, ImportActionViewSet
from imports.api.serializers import ImportRowSerializer, QuestionsOpenSerializer
from imports.columns import EDITABLE_COLUMNS, MAX_EDIT_LENGTH
from imports.enums import ConflictResolution, Purpose, Verdict
from imports.models import ImportRow, SpreadsheetImport
from imports.operations import row_edits
from schools.uai import normalise


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


class ImportRowViewSet(ImportActionViewSet):
    """`/imports/{pk}/rows`."""

    tag = TAG
    write_scope = TokenScope.IMPORT
    queryset = ImportRow.objects.all()
    serializer_class = ImportRowSerializer
    filterset_class = ApiRowFilter
    cursor_field = "pk"
    examples = {"Une ligne": ROW}

    def get_queryset(self) -> QuerySet[ImportRow]:
        """Return the rows of the import in the URL. Raises `Http404` where there is none."""
        if getattr(self, "swagger_fake_view", False):
            return ImportRow.objects.none()
        return ImportRow.objects.filter(import_id=self._spreadsheet_import.pk)

    @cached_property
    def _spreadsheet_import(self) -> SpreadsheetImport:
        return get_object_or_404(SpreadsheetImport, pk=self.kwargs["pk"])

    @listing("imports/<int:pk>/rows", "import_rows", "listImportRows", "Lire les lignes d'un tableau")
    def list(self, pk: int) -> Response:
        """Les lignes, dans l'ordre du fichier, chacune avec ses cellules, ses problèmes et son verdict."""
        return self.list_response()

    @operation("GET imports/<int:pk>/rows/<int:row>", "import_row", "getImportRow", "Lire une ligne")
    def retrieve(self, pk: int, row: int) -> object:
        """La ligne de cet « id » : plusieurs feuilles peuvent avoir une ligne de même numéro."""
        return self.find(pk=row)

    @operation(
        "PATCH imports/<int:pk>/rows/<int:row>",
        "import_row",
        "updateImportRow",
        "Corriger une ligne, la mettre de côté, la cocher",
    )
    @sends(
        ImportRowUpdateSerializer,
        {"Huit licences": {"edits": {"units": "8"}}, "De côté": {"set_aside": True}},
    )
    @answers(examples={"La ligne, jugée de nouveau": ROW})
    @refuses(
        "invalid_state (le tableau n'attend plus d'être appliqué)",
        "questions_open (« questions » les donne, avec leurs réponses)",
        "row_cannot_be_ticked",
        "cannot_await",
        "cannot_resolve",
        "not_editable (cette colonne n'est pas de celles qui se corrigent dans un tel tableau : une attribution "
        f"corrige {_EDITABLE_NAMES[Purpose.ALLOCATION]} ; le périmètre {_EDITABLE_NAMES[Purpose.PORTFOLIO]})",
        refusal=QuestionsOpenSerializer,
    )
    def update(self, pk: int, row: int) -> ImportRow:
        """La ligne est jugée de nouveau, et avec elle celles que le changement touche : lisez leurs verdicts ensuite.

        Un refus ne change rien.
        """
        current = self.find(pk=row)
        data = self.read_body()
        _check_editable(Purpose(self._spreadsheet_import.purpose), data.get("edits", {}))
        return row_edits.amend_row(
            import_id=pk, sheet=current.sheet, number=current.number, **data, by=self.actor(), at=timezone.now()
        )


def _check_editable(purpose: Purpose, edits: Mapping[str, str]) -> None:
    """Raise `Refusal` for a column that cannot be edited for this purpose."""
    for meaning in edits:
        if meaning not in EDITABLE_COLUMNS[purpose]:
            named = ", ".join(f"« {column.label} »" for column in EDITABLE_COLUMNS[purpose])
            raise Refusal("not_editable", f"« {meaning} » ne se corrige pas dans ce tableau. Se corrigent : {named}.")
