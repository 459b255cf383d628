"""`/imports/{pk}/…`: choose the layout, apply, cancel, undo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import (
    EmptySerializer,
    StrictBooleanField,
    StrictCharField,
    StrictChoiceField,
    StrictDateField,
    StrictIntegerField,
    StrictSerializer,
)
from api.idempotency import idempotent
from api.models import TokenScope
from api.problem_details import CONTENT_TYPE, ApiProblem, FieldError
from api.schema import ProblemSerializer
from api.views import ScopedView
from core.exceptions import Refusal
from imports import operations
from imports.api import examples
from imports.api.imports import TAGS, get_import_or_404
from imports.api.serializers import ImportSerializer, UndoPlanSerializer, serialize_import, serialize_undo
from imports.columns import Meaning
from imports.enums import ImportState, Purpose, Volume
from imports.exceptions import WrongVolume
from imports.formats import limits
from imports.models import SpreadsheetImport
from imports.operations.import_lock import lock_import
from imports.web.forms import MAX_UNITS, LayoutForm

_MAX_NAME_LENGTH = 255


def _column(meaning: Meaning) -> StrictIntegerField:
    return StrictIntegerField(
        required=False, allow_null=True, min_value=0, help_text=f"{meaning.label} ; null : aucune colonne."
    )


#: One field per meaning.
ColumnPositionsSerializer = type(
    "ColumnPositionsSerializer",
    (StrictSerializer,),
    {
        "__doc__": "La colonne de chaque sens, par sa place à partir de 0 ; un sens absent reste comme il fut trouvé.",
        "__module__": __name__,
        **{meaning.value: _column(meaning) for meaning in Meaning},
    },
)


class LayoutChoiceSerializer(StrictSerializer):
    """Comment lire le fichier ; ce qui est absent reste comme il a été trouvé."""

    sheets = serializers.ListField(
        child=StrictCharField(max_length=_MAX_NAME_LENGTH, trim_whitespace=False),
        required=False,
        allow_empty=False,
        max_length=limits.MAX_SHEETS,
        help_text="Les feuilles à lire, par leur nom. Celles de mêmes colonnes sont lues ensemble.",
    )
    header_row = StrictIntegerField(
        required=False, min_value=0, max_value=limits.MAX_ROWS, help_text="La ligne des titres ; 0 s'il n'y en a pas."
    )
    columns = ColumnPositionsSerializer(required=False)
    volume = StrictChoiceField(required=False, choices=Volume.choices, help_text="Ce qui dit combien de licences.")
    units_for_all = StrictIntegerField(
        required=False, min_value=1, max_value=MAX_UNITS, help_text="Avec « all », et lui seul."
    )
    answers = serializers.DictField(
        child=StrictCharField(max_length=40),
        required=False,
        help_text="Les réponses aux questions qui ont des « options » : la « value » choisie, par « code ».",
    )


class ApplyImportSerializer(StrictSerializer):
    """Ce que vous avez vu et confirmez."""

    digest = StrictCharField(
        max_length=64,
        trim_whitespace=False,
        help_text="Le « digest » de « plan » : si le tableau a changé depuis, rien n'est fait.",
    )
    only_valid = StrictBooleanField(
        required=False, default=False, help_text="Appliquer les lignes valables, et laisser celles qui sont en erreur."
    )
    send_on = StrictDateField(
        required=False, allow_null=True, help_text="Ne pas envoyer les e-mails avant ce jour, à 8 h."
    )
    confirmation_count = StrictIntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        help_text="Le nombre que « plan.confirmation » demande, s'il en demande un.",
    )


class ImportLayoutView(ScopedView):
    """`/imports/{pk}/layout`."""

    scopes = {"POST": TokenScope.IMPORT}

    @idempotent
    @extend_schema(
        operation_id="chooseImportLayout",
        summary="Dire comment lire un tableau",
        tags=TAGS,
        request=LayoutChoiceSerializer,
        responses={202: OpenApiResponse(ImportSerializer, "Le fichier sera relu ainsi.")},
        examples=[
            examples.request_example("La colonne des licences est la troisième", {"columns": {"units": 2}}),
            examples.request_example("Dix licences à chaque école", {"volume": "all", "units_for_all": 10}),
            examples.response_example("Le tableau attend d'être relu", examples.UPLOADED, status_codes=["202"]),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Répond aux questions de « layout », ou change ce qui a été trouvé : le fichier est relu.

        Ce que vous ne dites pas reste comme il a été trouvé. Les lignes sont lues de nouveau : ce qui y avait été
        corrigé ou coché est perdu. Changer la feuille ou la ligne des titres fait reconnaître les colonnes de nouveau :
        dites-les alors par une seconde requête. Ce qui ne va pas ensemble est refusé (409, `invalid_layout`).
        """
        get_import_or_404(pk)
        body = LayoutChoiceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        now = timezone.now()
        with transaction.atomic():
            spreadsheet_import = lock_import(pk, ImportState.READ, ImportState.CHECKED)
            layout_choices = _layout_choices(spreadsheet_import, body.validated_data)
            spreadsheet_import = operations.choose_layout(import_id=pk, **layout_choices, by=self.actor(), at=now)
        return Response(serialize_import(spreadsheet_import, at=now), status=202)


class ApplyImportView(ScopedView):
    """`/imports/{pk}/apply`."""

    scopes = {"POST": TokenScope.IMPORT}

    @idempotent
    @extend_schema(
        operation_id="applyImport",
        summary="Appliquer un tableau",
        tags=TAGS,
        request=ApplyImportSerializer,
        responses={202: OpenApiResponse(ImportSerializer, "L'application attend son tour, ou a déjà eu lieu.")},
        examples=[
            examples.request_example(
                "Ce que j'ai vu, à la rentrée", {"digest": "2-8214563219987", "send_on": "2027-09-01"}
            ),
            examples.response_example("En cours d'application", examples.APPLYING, status_codes=["202"]),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Applique les lignes cochées : tout, ou rien. Suivez ensuite le tableau jusqu'à « applied ».

        Refusé (409) : `outdated`, le tableau n'est plus ce que dit « digest » ; `nothing_to_apply` ; `rows_in_error`,
        des lignes en erreur restent et « only_valid » n'est pas dit ; `not_enough_licences`, le lot n'a pas assez ;
        `confirmation_required`, « confirmation_count » n'est pas le nombre que « plan.confirmation » demande ;
        `invalid_send_date`. Si la situation change avant que le travail ne commence, le tableau redevient « checked »
        et « rejection » dit pourquoi. Confirmer deux fois le même « digest » est comme une.
        """
        get_import_or_404(pk)
        body = ApplyImportSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data, now = body.validated_data, timezone.now()
        spreadsheet_import = operations.confirm(
            import_id=pk,
            digest=data["digest"],
            send_on=data.get("send_on"),
            only_valid=data["only_valid"],
            confirmed_count=data.get("confirmation_count"),
            by=self.actor(),
            at=now,
        )
        return Response(serialize_import(spreadsheet_import, at=now), status=202)


class CancelImportView(ScopedView):
    """`/imports/{pk}/cancel`."""

    scopes = {"POST": TokenScope.IMPORT}

    @idempotent
    @extend_schema(
        operation_id="cancelImport",
        summary="Annuler un tableau",
        tags=TAGS,
        request=EmptySerializer,
        responses={200: ImportSerializer},
        examples=[examples.response_example("Annulé", examples.CANCELLED)],
    )
    def post(self, request: Request, pk: int) -> Response:
        """À tout moment avant que son application n'ait eu lieu ; deux fois est comme une.

        Si un travail est en cours, il s'arrête dès qu'il le peut : « progress.stopping » est vrai, puis le tableau
        devient « cancelled ». Ce qui est appliqué se défait (« undo »).
        """
        get_import_or_404(pk)
        EmptySerializer(data=request.data).is_valid(raise_exception=True)
        now = timezone.now()
        return Response(serialize_import(operations.cancel(import_id=pk, by=self.actor(), at=now), at=now))


class UndoImportView(ScopedView):
    """`/imports/{pk}/undo`."""

    scopes = {"GET": TokenScope.READ, "POST": TokenScope.IMPORT}

    @extend_schema(
        operation_id="getUndoPlan",
        summary="Lire ce que défaire un tableau ferait",
        tags=TAGS,
        responses={
            200: UndoPlanSerializer,
            (409, CONTENT_TYPE): OpenApiResponse(ProblemSerializer, "Le tableau n'est pas appliqué : `invalid_state`."),
        },
        examples=[examples.response_example("Une école garde sa clé", examples.UNDO, status_codes=["200"])],
    )
    def get(self, request: Request, pk: int) -> Response:
        """Ce qui serait repris et ce qui resterait, sans rien faire ; d'un tableau défait, ce qui l'a été."""
        return Response(serialize_undo(get_import_or_404(pk)))

    @idempotent
    @extend_schema(
        operation_id="undoImport",
        summary="Défaire un tableau",
        tags=TAGS,
        request=EmptySerializer,
        responses={202: OpenApiResponse(ImportSerializer, "Le travail attend son tour, ou a déjà eu lieu.")},
        examples=[examples.response_example("En cours", examples.APPLIED, status_codes=["202"])],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Reprend ce que le tableau a fait, sauf ce qui a été activé ou changé depuis. Suivez-le jusqu'à « undone ».

        Deux fois est comme une. Refusé (409) : `contents_deleted`, ses lignes ne sont plus gardées.
        """
        get_import_or_404(pk)
        EmptySerializer(data=request.data).is_valid(raise_exception=True)
        now = timezone.now()
        return Response(
            serialize_import(operations.request_undo(import_id=pk, by=self.actor(), at=now), at=now), status=202
        )


def _layout_choices(spreadsheet_import: SpreadsheetImport, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `operations.choose_layout`, validated by `LayoutForm`. Raises `ApiProblem`."""
    is_allocation = spreadsheet_import.purpose == Purpose.ALLOCATION
    if not is_allocation and ("volume" in answers or "units_for_all" in answers):
        raise Refusal("not_an_allocation", "Un tableau du périmètre ne donne pas de licence : n'indiquez pas combien.")
    blank = LayoutForm(spreadsheet_import=spreadsheet_import)
    data = {name: blank.get_initial_for_field(field, name) for name, field in blank.fields.items()}
    faults = list(_assign_columns(data, answers.get("columns", {}), blank.editable_columns))
    data |= {name: answers[name] for name in ("header_row", "units_for_all") if name in answers}
    if "sheets" in answers:
        if "sheets" not in blank.fields and set(answers["sheets"]) != set(spreadsheet_import.layout.sheets):
            faults.append(FieldError("invalid_choice", "Ce classeur n'a pas de feuille de ce nom.", "sheets"))
        data["sheets"] = list(dict.fromkeys(answers["sheets"]))
    given = answers.get("answers", {})
    known = {question.code for question in blank.questions}
    faults += [
        FieldError("unknown_question", "Le tableau ne pose pas cette question.", f"answers.{code}")
        for code in given
        if code not in known
    ]
    data |= {f"answer_{code}": value for code, value in given.items()}
    if "volume" in answers:
        data["volume"] = "" if answers["volume"] == Volume.COLUMN else answers["volume"]
    if is_allocation:
        try:
            operations.check_volume(answers.get("volume", ""), answers.get("units_for_all"))
        except WrongVolume as refusal:
            faults.append(FieldError(refusal.code, refusal.sentence, "volume"))
    form = LayoutForm(data, spreadsheet_import=spreadsheet_import)
    if not form.is_valid():
        faults += [
            FieldError(error["code"] or "invalid", error["message"], _name_field(name))
            for name, errors in form.errors.get_json_data().items()
            for error in errors
        ]
    elif "columns" in answers and not form.layout_choices()["columns"]:
        sentence = "La feuille ou la ligne des titres change aussi : les colonnes sont d'abord reconnues de nouveau."
        faults.append(FieldError("sheet_changed", sentence, "columns"))
    if faults:
        shown = faults[0].detail if len(faults) == 1 else "Ces réponses ne vont pas ensemble : voyez « errors »."
        raise ApiProblem("invalid_layout", shown, field_errors=faults)
    return form.layout_choices()


def _name_field(name: str) -> str:
    """Return the request's name of a field of the form."""
    code = name.removeprefix("answer_")
    return "columns" if name == "__all__" else name if code == name else f"answers.{code}"


def _assign_columns(
    data: dict[str, Any], columns: Mapping[str, int | None], editable_columns: list[int]
) -> Iterator[FieldError]:
    """Set the meanings of columns in the form data; yield errors."""
    for field in [f"column_{index}" for index in editable_columns]:
        if data[field] in columns:
            data[field] = ""
    taken: dict[int, str] = {}
    for meaning, index in columns.items():
        if index is None:
            continue
        if index not in editable_columns:
            yield FieldError("unknown_column", f"Le tableau n'a pas de colonne n° {index}.", f"columns.{meaning}")
        elif index in taken:
            sentence = f"La colonne n° {index} ne peut pas être aussi « {Meaning(taken[index]).label} »."
            yield FieldError("duplicate_column", sentence, f"columns.{meaning}")
        else:
            taken[index] = meaning
            data[f"column_{index}"] = meaning
