"""`/imports`: list, upload, choose the layout, apply, cancel, undo."""

from collections.abc import Iterator, Mapping
from typing import Any

import django_filters
from django.db import transaction
from django.utils import timezone
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import (
    MAX_INTEGER,
    StrictBooleanField,
    StrictCharField,
    StrictChoiceField,
    StrictDateField,
    StrictIntegerField,
    StrictSerializer,
)
from api.models import TokenScope
from api.parsers import LimitedMultiPartParser
from api.problem_details import ApiProblem, FieldError
from api.viewsets import ApiViewSet, answers, listing, operation, refuses, sends
from core.exceptions import Refusal
from core.foreign_values import UnreadableJson, parse_json_object
from imports.api import examples
from imports.api.serializers import (
    ImportSerializer,
    ImportSummarySerializer,
    LayoutQuestionSerializer,
    QuestionsOpenSerializer,
    UndoPlanSerializer,
    add_counts_and_people,
    serialize_undo,
)
from imports.columns import Meaning
from imports.enums import ImportState, Purpose, Volume
from imports.exceptions import WrongVolume
from imports.formats import limits
from imports.models import SpreadsheetImport
from imports.operations import apply_rows, cancellation, intake, undo_import, upload
from imports.operations.import_lock import QuestionsOpen, lock_import
from imports.web.forms import MAX_UNITS, LayoutForm, fill_in

_MAX_NAME_LENGTH = 255
#: Characters of an answer that names all options, number of options, and bytes of all answers in a form.
_MAX_ANSWER_LENGTH, _MAX_OPTIONS, _MAX_ANSWERS_BYTES = 10_000, 500, 200_000
TAG = "Tableaux"


class AnswerField(serializers.Field[Any, Any, Any, Any]):
    """The answer to a question: a text, or the list of the options that are taken."""

    text = StrictCharField(max_length=_MAX_ANSWER_LENGTH)
    values = serializers.ListField(child=StrictCharField(max_length=_MAX_NAME_LENGTH), max_length=_MAX_OPTIONS)

    def to_internal_value(self, data: Any) -> Any:
        """Return the text or the list."""
        return (self.values if isinstance(data, list) else self.text).run_validation(data)


class AnswerFieldExtension(OpenApiSerializerFieldExtension):
    target_class = AnswerField

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Return the OpenAPI schema of the field."""
        fields = (self.target.text, self.target.values)
        return {"oneOf": [auto_schema._map_serializer_field(one, direction) for one in fields]}  # noqa: SLF001


class FormAnswersField(serializers.DictField):
    """The answers by code of the question, as JSON in a form."""

    default_error_messages = {"not_a_dict": "Un objet JSON est attendu : chaque réponse, par « code »."}

    def get_value(self, dictionary: Any) -> Any:
        """Return the text that was sent."""
        return dictionary.get(self.field_name, serializers.empty)

    def to_internal_value(self, data: Any) -> Any:
        """Return the answers."""
        try:
            return super().to_internal_value(parse_json_object(data.encode(), max_bytes=_MAX_ANSWERS_BYTES))
        except UnreadableJson:
            self.fail("not_a_dict", input_type="str")


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
    answers = FormAnswersField(
        child=StrictCharField(max_length=_MAX_ANSWER_LENGTH),
        required=False,
        help_text="Des réponses données d'avance, par « code », en JSON : ce que « answer » disait d'un tableau "
        "semblable. Où une valeur est nouvelle, la question est posée, et cette réponse cochée ; une réponse à ce que "
        "le tableau ne demande pas est sans effet.",
    )


class ImportUploadParser(LimitedMultiPartParser):
    """Multipart parser of uploads, bounded in size."""

    max_bytes = limits.MAX_BYTES
    max_lengths = {"answers": _MAX_ANSWERS_BYTES}
    too_large_message = "Ce fichier dépasse 20 Mo. Gardez les colonnes utiles, ou partagez-le en deux."


class ApiImportFilter(django_filters.FilterSet):
    """Filters of the list."""

    state = django_filters.MultipleChoiceFilter(choices=ImportState.choices, help_text="Un état, ou plusieurs.")
    purpose = django_filters.ChoiceFilter(choices=Purpose.choices, help_text="Ce que le tableau change.")

    class Meta:
        model = SpreadsheetImport
        fields: tuple[str, ...] = ()


class ImportListViewSet(ApiViewSet):
    """`/imports`: listed and uploaded."""

    tag = TAG
    write_scope = TokenScope.IMPORT
    parser_classes = (ImportUploadParser,)
    queryset = SpreadsheetImport.objects.all()
    serializer_class = ImportSummarySerializer
    filterset_class = ApiImportFilter

    def paginate_queryset(self, queryset: Any) -> Any:
        """Return the imports of the page with their counts and actors."""
        return add_counts_and_people(super().paginate_queryset(queryset) or [])

    @listing("imports", "imports", "listImports", "Lire les tableaux déposés")
    @answers(examples={"Un tableau": examples.SUMMARY})
    def list(self) -> Response:
        """Les tableaux du bureau, les derniers d'abord, ceux des pages comme ceux des programmes."""
        return self.list_response()

    @operation("POST imports", "imports", "uploadImport", "Déposer un tableau")
    @sends(
        ImportUploadSerializer,
        {
            "Attribuer ce que dit la colonne « Licences »": {
                "file": "ecoles-2026.xlsx",
                "purpose": "allocation",
                "pool": 3,
            }
        },
    )
    @answers(
        ImportSerializer,
        {"Le tableau déposé": examples.UPLOADED},
        success={201: "Le tableau est déposé ; sa lecture attend son tour."},
    )
    def upload(self) -> Response:
        """Le fichier est lu ensuite : suivez son adresse (« Location ») jusqu'à ce qu'il ne soit plus « uploaded ».

        Il est alors « checked » (chaque ligne a son verdict), « read » (une question reste : « layout »), ou
        « rejected » (« rejection » dit pourquoi). Rien n'est appliqué avant « apply ». Le même dépôt renvoyé sous la
        même « Idempotency-Key » est le même, que le formulaire soit découpé autrement ou non.
        """
        data = self.read_body()
        spreadsheet_import = upload.upload(
            purpose=Purpose(data["purpose"]),
            pool_id=data.get("pool"),
            volume=data.get("volume", ""),
            units_for_all=data.get("units_for_all"),
            answers=data.get("answers", {}),
            filename=data["file"].name,
            content=data["file"],
            by=self.actor(),
            at=timezone.now(),
        )
        return self.respond_created(spreadsheet_import, "import", pk=spreadsheet_import.pk)


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
        child=AnswerField(),
        required=False,
        help_text="Les réponses aux questions qui ont des « options », par « code » : la « value » choisie ; où "
        "« multiple » est vrai, la liste de celles qui sont prises, les autres étant laissées.",
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


class ImportActionViewSet(ApiViewSet):
    """Operations on one import, which may wait for the answers to its questions."""

    def handle_exception(self, exc: Exception) -> Response:
        """Return the problem details of a known exception, with the questions that are open; re-raise any other."""
        if isinstance(exc, QuestionsOpen):
            questions = LayoutQuestionSerializer(exc.questions, many=True).data
            advice = "Répondez à chacune de « questions » par « POST /imports/{id}/layout », dans « answers »."
            exc = ApiProblem(exc.code, f"{exc.sentence} {advice}", members={"questions": questions})
        return super().handle_exception(exc)


class ImportViewSet(ImportActionViewSet):
    """`/imports/{pk}`: followed, applied, undone."""

    tag = TAG
    write_scope = TokenScope.IMPORT
    queryset = SpreadsheetImport.objects.select_related("pool")
    serializer_class = ImportSerializer

    @operation("GET imports/<int:pk>", "import", "getImport", "Suivre un tableau")
    @answers(
        examples={
            "Une question reste": examples.ASKED,
            "À vérifier": examples.CHECKED,
            "Appliqué": examples.APPLIED,
        }
    )
    def retrieve(self, pk: int) -> object:
        """Ce qui y a été trouvé, les questions qui restent, les verdicts, ce qu'appliquer ferait ou a fait.

        Avec « If-None-Match », une réponse inchangée n'est pas renvoyée : demandez-la chaque seconde s'il le faut.
        """
        return self.find(pk=pk)

    @operation("POST imports/<int:pk>/layout", "import_layout", "chooseImportLayout", "Dire comment lire un tableau")
    @sends(
        LayoutChoiceSerializer,
        {
            "La colonne des licences est la troisième": {"columns": {"units": 2}},
            "Dix licences à chaque école": {"volume": "all", "units_for_all": 10},
            "Les réponses à deux questions": {"answers": {"row_categories": ["F:valide"], "doubtful_numbers": "add-C"}},
        },
    )
    @answers(
        examples={"Le tableau attend d'être relu": examples.UPLOADED}, success={202: "Le fichier sera relu ainsi."}
    )
    @refuses("invalid_layout (ce qui ne va pas ensemble)")
    def choose_layout(self, pk: int) -> SpreadsheetImport:
        """Répond aux questions de « layout », ou change ce qui a été trouvé : le fichier est relu.

        Une question qui a des « options » se répond dans « answers » ; une autre, par « columns », « sheets » ou
        « volume ». Ce que « likely » propose n'est une réponse qu'une fois envoyé. Vos réponses sont retenues pour le
        prochain tableau de mêmes titres, où elles sont dites dans « remarks » et peuvent être changées.

        Ce que vous ne dites pas reste comme il a été trouvé. Les lignes sont lues de nouveau : ce qui y avait été
        corrigé ou coché est perdu. Changer la feuille ou la ligne des titres fait reconnaître les colonnes de nouveau :
        dites-les alors par une seconde requête.
        """
        self.find(pk=pk)
        body = self.read_body()
        with transaction.atomic():
            spreadsheet_import = lock_import(pk, ImportState.READ, ImportState.CHECKED)
            layout_choices = _layout_choices(spreadsheet_import, body)
            return intake.choose_layout(import_id=pk, **layout_choices, by=self.actor(), at=timezone.now())

    @operation("POST imports/<int:pk>/apply", "import_apply", "applyImport", "Appliquer un tableau")
    @sends(
        ApplyImportSerializer,
        {"Ce que j'ai vu, à la rentrée": {"digest": "2-8214563219987", "send_on": "2027-09-01"}},
    )
    @answers(
        examples={"En cours d'application": examples.APPLYING},
        success={202: "L'application attend son tour, ou a déjà eu lieu."},
    )
    @refuses(
        "questions_open (« questions » les donne, avec leurs réponses)",
        "outdated (le tableau n'est plus ce que dit « digest »)",
        "nothing_to_apply",
        "rows_in_error (des lignes en erreur restent et « only_valid » n'est pas dit)",
        "not_enough_licences (le lot n'a pas assez)",
        "confirmation_required (« confirmation_count » n'est pas le nombre que « plan.confirmation » demande)",
        "invalid_send_date",
        refusal=QuestionsOpenSerializer,
    )
    def apply(self, pk: int) -> SpreadsheetImport:
        """Applique les lignes cochées : tout, ou rien. Suivez ensuite le tableau jusqu'à « applied ».

        Si la situation change avant que le travail ne commence, le tableau redevient « checked » et « rejection » dit
        pourquoi. Confirmer deux fois le même « digest » est comme une.
        """
        self.find(pk=pk)
        data = self.read_body()
        return apply_rows.confirm(
            import_id=pk,
            digest=data["digest"],
            send_on=data.get("send_on"),
            only_valid=data["only_valid"],
            confirmed_count=data.get("confirmation_count"),
            by=self.actor(),
            at=timezone.now(),
        )

    @operation("POST imports/<int:pk>/cancel", "import_cancel", "cancelImport", "Annuler un tableau")
    @answers(examples={"Annulé": examples.CANCELLED})
    def cancel(self, pk: int) -> SpreadsheetImport:
        """À tout moment avant que son application n'ait eu lieu ; deux fois est comme une.

        Si un travail est en cours, il s'arrête dès qu'il le peut : « progress.stopping » est vrai, puis le tableau
        devient « cancelled ». Ce qui est appliqué se défait (« undo »).
        """
        self.find(pk=pk)
        self.read_body()
        return cancellation.cancel(import_id=pk, by=self.actor(), at=timezone.now())

    @operation("GET imports/<int:pk>/undo", "import_undo", "getUndoPlan", "Lire ce que défaire un tableau ferait")
    @answers(UndoPlanSerializer, {"Une école garde sa clé": examples.UNDO})
    @refuses("invalid_state (le tableau n'est pas appliqué)")
    def get_undo_plan(self, pk: int) -> dict[str, Any]:
        """Ce qui serait repris et ce qui resterait, sans rien faire ; d'un tableau défait, ce qui l'a été."""
        return serialize_undo(self.find(pk=pk))

    @operation("POST imports/<int:pk>/undo", "import_undo", "undoImport", "Défaire un tableau")
    @answers(examples={"En cours": examples.APPLIED}, success={202: "Le travail attend son tour, ou a déjà eu lieu."})
    @refuses("contents_deleted (ses lignes ne sont plus gardées)")
    def undo(self, pk: int) -> SpreadsheetImport:
        """Reprend ce que le tableau a fait, sauf ce qui a été activé ou changé depuis. Suivez-le jusqu'à « undone ».

        Deux fois est comme une.
        """
        self.find(pk=pk)
        self.read_body()
        return undo_import.request_undo(import_id=pk, by=self.actor(), at=timezone.now())


def _layout_choices(spreadsheet_import: SpreadsheetImport, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `intake.choose_layout`, validated by `LayoutForm`. Raises `ApiProblem`."""
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
    faults += [
        FieldError("invalid_choice", "Une seule réponse est attendue.", f"answers.{question.code}")
        for question in blank.questions
        if not question.multiple and isinstance(given.get(question.code), list) and len(given[question.code]) != 1
    ]
    # What is likely is an answer only once it is sent.
    data |= {f"answer_{one.code}": fill_in(one, given.get(one.code, one.answer)) for one in blank.questions}
    if "volume" in answers:
        data["volume"] = "" if answers["volume"] == Volume.COLUMN else answers["volume"]
    if is_allocation:
        try:
            upload.check_volume(answers.get("volume", ""), answers.get("units_for_all"))
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
