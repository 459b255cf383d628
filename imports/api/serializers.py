"""Serializers of imports and their rows.

A field may have the name of a serializer attribute: the metaclass removes declared fields from the class.
"""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any, cast

from django.utils import timezone
from rest_framework import serializers

from accounts.models import User
from api.fields import UtcDateTimeField, shadowing_field
from api.schema import ProblemSerializer
from imports import queries
from imports.columns import Meaning
from imports.enums import ConflictResolution, ImportState, Purpose, RowEffect, RowMatchMethod, Verdict, Volume
from imports.layout import LayoutQuestion
from imports.models import ImportRow, SpreadsheetImport
from imports.operations import undo_import
from imports.operations.apply_rows import build_guard
from imports.operations.cancellation import BUSY_STATES
from imports.parsing.column_mapping import column_letters
from imports.progress import get_current_progress

MEANINGS = [meaning.value for meaning in Meaning]
_IMPORT_HELP = {
    "id": "Le numéro du tableau : c'est celui de son adresse.",
    "filename": "Le nom du fichier déposé.",
    "size": "La taille du fichier, en octets.",
    "sha256": "L'empreinte SHA-256 du fichier, en hexadécimal : c'est bien le vôtre si elle est la même.",
    "units_for_all": "Licences que chaque école doit avoir, où « volume » vaut « all » ; null sinon.",
}
_ROW_HELP = {
    "id": "Le numéro de la ligne dans l'API, qui la nomme dans son adresse ; « number » est celui du tableur.",
    "uai": "L'UAI de l'école trouvée ; vide : aucune ne l'est.",
    "label": "Le nom de l'école et sa commune, d'après l'annuaire ; si elle n'est pas trouvée, d'après le tableau.",
    "email": "L'adresse que la ligne donne ; vide : elle n'en donne pas.",
    "recipient": "L'adresse à laquelle il sera écrit : celle de la ligne, sinon celle du contact de votre périmètre, "
    "sinon celle de l'annuaire ; vide : aucune n'est connue.",
    "classes": "Nombre de classes que la ligne donne ; null : elle n'en donne pas.",
    "contact_name": "À qui écrire, d'après la ligne ; vide : elle ne le dit pas.",
    "phone": "Le numéro de téléphone que la ligne donne ; vide : elle n'en donne pas.",
    "ignored_reason": "Ce qui la met hors du tableau, en français : un total, une note… ; vide : elle en est.",
    "set_aside": "Si elle a été mise de côté : elle ne sera pas appliquée.",
    "awaited": "Si elle est gardée de côté jusqu'à ce que l'annuaire connaisse son école.",
    "ticked": "Si elle est cochée : appliquer le tableau l'applique.",
}


def _number(help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(help_text=help_text)


def _help_texts(help_text: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"help_text": text} for name, text in help_text.items()}


class VerdictCountsSerializer(serializers.Serializer[Any]):
    """Lignes par verdict."""

    new = _number("Écoles qui n'ont rien encore.")
    changed = _number("Écoles pour lesquelles quelque chose change.")
    unchanged = _number("Écoles qui ont déjà ce que le tableau dit.")
    conflict = _number("Écoles qui ont plus que le tableau ne dit : réglez-les.")
    error = _number("Lignes à corriger ou à mettre de côté.")
    ignored = _number("Lignes laissées de côté : totaux, notes, doubles, celles que vous écartez.")


class ImportProgressSerializer(serializers.Serializer[Any]):
    """Où en est le travail sur ce tableau."""

    step = serializers.CharField(help_text="L'étape, stable.")
    label = shadowing_field(serializers.CharField(help_text="L'étape, en français."))
    done = serializers.IntegerField(help_text="Ce qui est fait du travail entier, à rapporter à « total ».")
    total = serializers.IntegerField(help_text="Le travail entier ; 0 tant que rien ne peut en être dit.")
    percent = serializers.IntegerField(
        allow_null=True, help_text="Ce qui est fait, de 0 à 99 ; null tant que rien ne peut en être dit."
    )
    seconds_left = serializers.IntegerField(
        allow_null=True, help_text="Secondes qui restent, à ce rythme ; null tant que rien ne peut en être dit."
    )
    stopping = serializers.BooleanField(help_text="Une annulation est demandée.")


class ReadSheetSerializer(serializers.Serializer[Any]):
    """Une feuille qui est lue."""

    sheet = serializers.CharField(help_text="Son nom.")
    index = serializers.IntegerField(help_text="Sa place parmi les feuilles du classeur, à partir de 0.")
    header_row = serializers.IntegerField(allow_null=True, help_text="La ligne des titres, à partir de 1.")


class LayoutColumnSerializer(serializers.Serializer[Any]):
    """Une colonne du tableau."""

    index = serializers.IntegerField(help_text="Sa place, à partir de 0.")
    letters = serializers.CharField(help_text="Ce que le tableur écrit au-dessus d'elle.")
    title = serializers.CharField(
        allow_blank=True, help_text="Ce que dit sa cellule dans la ligne des titres ; vide : elle n'en a pas."
    )
    examples = serializers.ListField(child=serializers.CharField(), help_text="Ses premières cellules.")
    meaning = serializers.ChoiceField(choices=MEANINGS, allow_null=True, help_text="Ce qui y est lu ; null : rien.")


class AnswerOptionSerializer(serializers.Serializer[Any]):
    """Une réponse possible."""

    value = serializers.CharField(help_text="Stable, pour les programmes.")
    label = shadowing_field(serializers.CharField(help_text="La réponse, en français."))


class LayoutQuestionSerializer(serializers.Serializer[Any]):
    """Une question à laquelle répondre avant que le tableau puisse être vérifié."""

    column = serializers.CharField(help_text="Le sens dont la colonne est cherchée, « sheets », ou vide.")
    code = serializers.CharField(help_text="Stable, pour les programmes.")
    message = serializers.CharField(help_text="La question, en français.")
    options = AnswerOptionSerializer(
        many=True, help_text="Ce qui peut être répondu dans « answers » ; vide : répondez par les autres champs."
    )
    answer = serializers.CharField(
        allow_blank=True,
        help_text="Ce qui a été répondu ; vide : rien encore. Où plusieurs « options » se prennent : celles qui sont "
        "prises, « / », celles qui sont laissées, séparées de virgules.",
    )
    multiple = serializers.BooleanField(
        help_text="Chaque option est prise ou laissée : répondez par la liste de celles qui sont prises."
    )
    likely = serializers.SerializerMethodField(
        help_text="Ce que la page a de coché : la réponse, ou à défaut celle qui est probable. À renvoyer telle "
        "quelle si elle convient ; vide : rien n'est coché."
    )

    def get_likely(self, question: LayoutQuestion) -> list[str]:
        """Return the values of the options that the page has ticked."""
        ticked = question.taken if question.multiple else {question.answer or question.likely}
        return [option.value for option in question.options if option.value in ticked]


class QuestionsOpenSerializer(ProblemSerializer):
    """Un refus, et les questions qui attendent leur réponse si « code » est « questions_open »."""

    questions = LayoutQuestionSerializer(
        many=True, required=False, help_text="Répondez-y par « POST /imports/{id}/layout »."
    )


class ImportLayoutSerializer(serializers.Serializer[Any]):
    """Ce qui a été trouvé dans le fichier."""

    kind = serializers.CharField(help_text="xlsx, xls, ods, csv…")
    sheets = serializers.ListField(child=serializers.CharField(), help_text="Les feuilles du classeur.")
    read_sheets = ReadSheetSerializer(many=True, help_text="Celles qui sont lues.")
    columns = LayoutColumnSerializer(many=True, help_text="Les colonnes du tableau, de gauche à droite.")
    volume = serializers.ChoiceField(
        choices=Volume.choices, allow_null=True, help_text="D'où vient le nombre de licences ; null : ce n'est pas dit."
    )
    remembered = serializers.BooleanField(help_text="Ces titres étaient connus d'un tableau précédent.")
    rows = serializers.IntegerField(help_text="Lignes lues.")
    remarks = serializers.ListField(
        child=serializers.CharField(),
        help_text="Des phrases à montrer à une personne : ce qui n'est pas lu, ce qui a été complété.",
    )
    questions = LayoutQuestionSerializer(many=True, help_text="Répondez-y par « POST /imports/{id}/layout ».")
    answered = LayoutQuestionSerializer(many=True, help_text="Celles qui ont leur réponse ; elle peut être changée.")


class ConfirmationSerializer(serializers.Serializer[Any]):
    """Ce que le tableau fait est hors de proportion : le nombre est à renvoyer dans « confirmation_count »."""

    count: Any = serializers.IntegerField(help_text="Licences, ou écoles : « reason » dit lesquelles.")
    reason = serializers.CharField(help_text="La phrase à montrer à une personne : ce qui surprend, ce qui est compté.")


class ImportPlanSerializer(serializers.Serializer[Any]):
    """Ce qu'appliquer ferait maintenant."""

    digest = serializers.CharField(help_text="À renvoyer à « apply » : il dit ce que vous avez vu.")
    rows = serializers.IntegerField(help_text="Lignes cochées, qui seraient appliquées.")
    created = _number("Attributions nouvelles.")
    grown = _number("Attributions augmentées.")
    reduced = _number("Attributions réduites.")
    revoked = _number("Clés reprises.")
    added = _number("Écoles ajoutées au périmètre.")
    updated = _number("Contacts mis à jour.")
    units = _number("Licences prises au lot ; négatif s'il en reçoit.")
    free = serializers.IntegerField(allow_null=True, help_text="Licences libres du lot ; null pour le périmètre.")
    missing = _number("Licences qui manquent au lot.")
    errors = shadowing_field(_number("Lignes en erreur, que « only_valid » laisserait."))
    conflicts = _number("Conflits que personne n'a réglés, et qui seraient laissés.")
    confirmation = ConfirmationSerializer(allow_null=True, help_text="Null : rien n'est à confirmer par son nombre.")


class UndoOutcomeSerializer(serializers.Serializer[Any]):
    """Ce que défaire a fait."""

    revoked = serializers.IntegerField(required=False, help_text="Attributions reprises.")
    reduced = serializers.IntegerField(required=False, help_text="Attributions ramenées à ce qu'elles étaient.")
    units = serializers.IntegerField(required=False, help_text="Licences revenues au lot.")
    messages = serializers.IntegerField(required=False, help_text="Écoles à qui il a été écrit.")
    removed = serializers.IntegerField(required=False, help_text="Écoles retirées du périmètre.")
    restored = serializers.IntegerField(required=False, help_text="Contacts rétablis.")
    kept = serializers.IntegerField(help_text="Lignes laissées telles quelles : « undo » dit lesquelles.")


class ImportOutcomeSerializer(serializers.Serializer[Any]):
    """Ce qui a été fait ; d'une attribution ou du périmètre."""

    allocations = serializers.IntegerField(required=False, help_text="Attributions nouvelles.")
    grown = serializers.IntegerField(required=False, help_text="Attributions augmentées.")
    reduced = serializers.IntegerField(required=False, help_text="Attributions réduites.")
    revoked = serializers.IntegerField(required=False, help_text="Clés reprises.")
    units = serializers.IntegerField(required=False, help_text="Licences données.")
    returned = serializers.IntegerField(required=False, help_text="Licences reprises.")
    messages = serializers.IntegerField(required=False, help_text="E-mails préparés.")
    added = serializers.IntegerField(required=False, help_text="Écoles ajoutées au périmètre.")
    updated = serializers.IntegerField(required=False, help_text="Contacts mis à jour.")
    undone = UndoOutcomeSerializer(required=False)


class ImportRejectionSerializer(serializers.Serializer[Any]):
    """Pourquoi le fichier, ou sa dernière application, a été refusé."""

    code = serializers.CharField(
        allow_blank=True, help_text="Stable, pour les programmes ; vide : seule la phrase dit pourquoi."
    )
    detail = serializers.CharField(help_text="La phrase à montrer à une personne, en français.")


class ImportSummarySerializer(serializers.ModelSerializer[SpreadsheetImport]):
    """Un tableau déposé, en bref."""

    purpose = serializers.ChoiceField(
        choices=Purpose.choices,
        help_text="`allocation` : il donne des licences aux écoles ; `portfolio` : il met à jour les écoles du "
        "périmètre, leurs contacts et leur nombre de classes.",
    )
    pool = serializers.IntegerField(
        source="pool_id", allow_null=True, help_text="Le lot d'une attribution ; null pour le périmètre."
    )
    state = serializers.ChoiceField(
        choices=ImportState.choices,
        help_text="`uploaded` : il attend d'être lu ; `read` : répondez aux questions de « layout » ; "
        "`checked` : il attend d'être appliqué ; `applying` : il va l'être ; `applied` : il l'est ; `undone` : il l'a "
        "été, puis a été défait ; `rejected` : « rejection » dit pourquoi ; `cancelled` : annulé avant d'être "
        "appliqué.",
    )
    corrects = serializers.IntegerField(
        source="corrects_id", allow_null=True, help_text="Le tableau qu'il corrige, s'il en corrige un."
    )
    counts = VerdictCountsSerializer()
    created_at = UtcDateTimeField(help_text="Quand il a été déposé.")
    created_by = serializers.CharField(allow_null=True, help_text="Qui l'a déposé : une personne, ou un jeton.")
    applied_at = UtcDateTimeField(allow_null=True, help_text="Quand il a été appliqué ; null s'il ne l'a pas été.")
    applied_by = serializers.CharField(allow_null=True, help_text="Qui a demandé de l'appliquer ; null : personne.")
    undone_at = UtcDateTimeField(allow_null=True, help_text="Quand il a été défait ; null s'il ne l'a pas été.")

    contents_deleted_at = UtcDateTimeField(
        allow_null=True,
        help_text="Quand son fichier et ses lignes ont été supprimés, dix-huit mois après la dernière action : il ne "
        "se défait plus, et n'a plus de lignes à lire ; null tant qu'ils sont gardés.",
    )

    class Meta:
        model = SpreadsheetImport
        fields = (
            "id", "purpose", "pool", "filename", "size", "sha256", "state", "corrects", "counts", "created_at",
            "created_by", "applied_at", "applied_by", "undone_at", "contents_deleted_at",
        )  # fmt: skip
        read_only_fields = fields
        extra_kwargs = _help_texts(_IMPORT_HELP)


class ImportSerializer(ImportSummarySerializer):
    """Un tableau déposé, à l'étape où il en est."""

    volume = serializers.ChoiceField(
        choices=Volume.choices, allow_null=True, help_text="Ce que vous avez dit du nombre de licences."
    )
    send_on = serializers.DateField(allow_null=True, help_text="Les e-mails ne partent pas avant ; null : aussitôt.")
    progress = ImportProgressSerializer(allow_null=True, help_text="Tant qu'un travail est en cours.")
    layout = ImportLayoutSerializer(allow_null=True, help_text="Une fois le fichier lu.")
    plan = ImportPlanSerializer(allow_null=True, help_text="Tant que le tableau attend d'être appliqué (« checked »).")
    outcome = ImportOutcomeSerializer(allow_null=True, help_text="Une fois le tableau appliqué.")
    rejection = ImportRejectionSerializer(
        allow_null=True,
        help_text="Pourquoi le fichier, ou sa dernière application, a été refusé ; null : rien ne l'a été.",
    )

    class Meta:
        model = SpreadsheetImport
        fields = (
            *ImportSummarySerializer.Meta.fields,
            "volume", "units_for_all", "send_on", "progress", "layout", "plan", "outcome", "rejection",
        )  # fmt: skip
        read_only_fields = fields
        extra_kwargs = _help_texts(_IMPORT_HELP)

    def to_representation(self, instance: SpreadsheetImport) -> dict[str, Any]:
        """Return the import as it is now, with its counts and the names of its actors."""
        add_counts_and_people([instance])
        return super().to_representation(cast("SpreadsheetImport", _ImportDetail(instance, timezone.now())))


class RowProblemSerializer(serializers.Serializer[Any]):
    """Ce qui ne va pas dans la ligne, ou mérite d'être dit."""

    column = serializers.CharField(allow_blank=True, help_text="Le sens de la colonne ; vide : toute la ligne.")
    code = serializers.CharField(help_text="Stable, pour les programmes.")
    message = serializers.CharField(help_text="La phrase à montrer à une personne, en français.")
    blocking = serializers.BooleanField(help_text="La ligne ne peut pas être appliquée telle quelle.")


class SchoolProposalSerializer(serializers.Serializer[Any]):
    """Une école dont il peut s'agir."""

    uai = serializers.CharField(help_text="À renvoyer dans « edits.uai » si c'est bien elle.")
    label = shadowing_field(serializers.CharField(help_text="Son nom et sa commune, d'après l'annuaire."))
    score = serializers.FloatField(help_text="De 0 à 1 : plus le nombre est grand, plus elle est probable.")


class PreviousContactSerializer(serializers.Serializer[Any]):
    """Ce que le périmètre disait de l'école."""

    contact_name = serializers.CharField(
        allow_blank=True, help_text="À qui vous écriviez ; vide : à personne de nommé."
    )
    contact_email = serializers.CharField(
        allow_blank=True, help_text="Où vous écriviez ; vide : à l'adresse de l'annuaire."
    )
    contact_phone = serializers.CharField(allow_blank=True, help_text="Son numéro de téléphone ; vide : aucun.")
    classes = serializers.IntegerField(allow_null=True, help_text="Nombre de classes ; null : il n'était pas dit.")


class ImportRowSerializer(serializers.ModelSerializer[ImportRow]):
    """Une ligne du tableau et ce que nous en faisons."""

    sheet = serializers.IntegerField(help_text="La place de sa feuille dans le classeur, à partir de 0.")
    number = serializers.IntegerField(help_text="Son numéro dans la feuille, à partir de 1.")
    cells = serializers.DictField(child=serializers.CharField(), help_text="Ses cellules, par le sens de leur colonne.")
    edits = serializers.DictField(child=serializers.CharField(), help_text="Ce qui y a été corrigé.")
    match_method = serializers.ChoiceField(
        choices=RowMatchMethod.choices, allow_blank=True, help_text="Comment l'école a été trouvée."
    )
    confidence = serializers.FloatField(allow_null=True, help_text="De 0 à 1 ; null si aucune école n'est trouvée.")
    proposals = SchoolProposalSerializer(
        many=True, help_text="Les écoles dont il peut s'agir, la plus probable d'abord."
    )
    units = serializers.IntegerField(allow_null=True, help_text="Ce que l'école doit avoir en tout du lot.")
    units_before = serializers.IntegerField(help_text="Ce qu'elle avait à la vérification.")
    verdict = serializers.ChoiceField(
        choices=Verdict.choices,
        help_text="`new` : l'école n'a rien encore ; `changed` : quelque chose change pour elle ; `unchanged` : elle a "
        "déjà ce que la ligne dit ; `conflict` : elle a davantage, réglez-le par « resolution » ; `error` : à corriger "
        "ou à mettre de côté ; `ignored` : laissée de côté.",
    )
    problems = RowProblemSerializer(
        many=True, help_text="Ce qui ne va pas, ou mérite d'être dit ; une liste vide : rien."
    )
    resolution = serializers.ChoiceField(
        source="conflict_resolution",
        choices=ConflictResolution.choices,
        allow_blank=True,
        help_text="Comment un conflit a été réglé.",
    )
    previous_contact = PreviousContactSerializer(
        source="before", allow_null=True, help_text="Null si l'école n'est pas du périmètre."
    )
    effect = serializers.ChoiceField(
        source="done",
        choices=RowEffect.choices,
        allow_blank=True,
        help_text="Ce qu'appliquer la ligne fait, ou a fait ; vide : rien.",
    )

    class Meta:
        model = ImportRow
        fields = (
            "id", "sheet", "number", "cells", "edits", "uai", "match_method", "confidence", "label", "proposals",
            "email", "recipient", "units", "units_before", "classes", "contact_name", "phone", "previous_contact",
            "verdict", "problems", "resolution", "ignored_reason", "set_aside", "awaited", "ticked", "effect",
        )  # fmt: skip
        read_only_fields = fields
        extra_kwargs = _help_texts(_ROW_HELP)


class KeptRowSerializer(serializers.Serializer[Any]):
    """Une ligne laissée telle quelle, et pourquoi."""

    sheet = serializers.IntegerField(help_text="La place de sa feuille dans le classeur, à partir de 0.")
    number = serializers.IntegerField(help_text="Son numéro dans la feuille, à partir de 1.")
    uai = serializers.CharField(help_text="L'UAI de son école.")
    label = shadowing_field(serializers.CharField(help_text="Le nom de l'école et sa commune, d'après l'annuaire."))
    units = serializers.IntegerField(help_text="Licences que l'école garde ; 0 pour le périmètre.")
    code = serializers.CharField(
        help_text="Stable, pour les programmes : `already_redeemed` si la clé est activée, `changed` si ce que la "
        "ligne avait fait a changé depuis…"
    )
    reason = serializers.CharField(help_text="La phrase à montrer à une personne, en français.")


class UndoPlanSerializer(serializers.Serializer[Any]):
    """Ce que défaire ferait maintenant, ou a fait."""

    done = serializers.BooleanField(help_text="Le tableau est défait : voici ce qui a été fait.")
    revoked = _number("Attributions reprises.")
    reduced = _number("Attributions ramenées à ce qu'elles étaient.")
    units = _number("Licences qui reviennent au lot.")
    removed = _number("Écoles retirées du périmètre.")
    restored = _number("Contacts rétablis.")
    messages = _number("Écoles à qui il est écrit.")
    kept_count = _number("Lignes laissées telles quelles.")
    kept = KeptRowSerializer(many=True, help_text="Les 500 premières d'entre elles.")


#: Maximum number of kept rows listed for undoing.
MAX_KEPT_ROWS = 500


def add_counts_and_people(spreadsheet_imports: Iterable[SpreadsheetImport]) -> list[SpreadsheetImport]:
    """Set the counts and the names of the actors on each import; return them as a list."""
    found = list(spreadsheet_imports)
    counts = queries.count_verdicts([spreadsheet_import.pk for spreadsheet_import in found])
    ids = {
        pk
        for spreadsheet_import in found
        for pk in (spreadsheet_import.created_by_id, spreadsheet_import.applied_by_id)
        if pk is not None
    }
    people = User.objects.in_bulk(ids)
    for spreadsheet_import in found:
        spreadsheet_import.counts = dict.fromkeys(Verdict.values, 0) | counts[spreadsheet_import.pk]  # type: ignore[attr-defined]
        for name in ("created_by", "applied_by"):
            person = people.get(getattr(spreadsheet_import, f"{name}_id") or 0)
            setattr(spreadsheet_import, name, str(person) if person else None)
    return found


class _ImportDetail:
    """An import with computed attributes, as input of the serializer."""

    def __init__(self, spreadsheet_import: SpreadsheetImport, at: datetime.datetime) -> None:
        self._spreadsheet_import = spreadsheet_import
        self.volume = spreadsheet_import.volume or None
        self.progress = _progress(spreadsheet_import, at)
        self.layout = _layout(spreadsheet_import)
        self.plan = _plan(spreadsheet_import) if spreadsheet_import.state == ImportState.CHECKED else None
        self.outcome = _outcome(spreadsheet_import)
        self.rejection = (
            {"code": spreadsheet_import.layout.error_code, "detail": spreadsheet_import.refusal}
            if spreadsheet_import.refusal
            else None
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spreadsheet_import, name)


def _progress(spreadsheet_import: SpreadsheetImport, at: datetime.datetime) -> dict[str, Any] | None:
    if spreadsheet_import.state not in (*BUSY_STATES, ImportState.APPLIED):
        return None
    progress = get_current_progress(spreadsheet_import.pk, at=at)
    return progress._asdict() | {"seconds_left": progress.left} if progress else None


def _layout(spreadsheet_import: SpreadsheetImport) -> dict[str, Any] | None:
    layout = spreadsheet_import.layout
    if not layout.is_parsed:
        return None
    meanings = {index: meaning for meaning, index in layout.columns.items()}
    return {
        "kind": layout.kind,
        "sheets": layout.sheets,
        "read_sheets": [
            {"sheet": layout.sheets[one.sheet], "index": one.sheet, "header_row": one.header_row}
            for one in layout.regions
        ],
        "columns": [
            {
                "index": index,
                "letters": column_letters(index),
                "title": layout.titles[index],
                "examples": layout.get_examples(index),
                "meaning": meanings.get(index),
            }
            for index in layout.list_editable_columns()
        ],
        "volume": layout.volume,
        "remembered": layout.remembered,
        "rows": layout.rows,
        "remarks": layout.remarks,
        "questions": layout.questions,
        "answered": layout.answered,
    }


def _plan(spreadsheet_import: SpreadsheetImport) -> dict[str, Any]:
    summary = queries.get_confirmation_summary(spreadsheet_import)
    tally = queries.build_tally(spreadsheet_import, summary.ticked, summary.units)
    guard = build_guard(spreadsheet_import, tally)
    planned = queries.count_effects(spreadsheet_import)
    return {
        "digest": summary.digest,
        "rows": summary.ticked,
        **{done.value: planned[done.value] for done in RowEffect},
        "units": tally.units,
        "free": None if spreadsheet_import.pool_id is None else tally.free,
        "missing": tally.missing,
        "errors": summary.errors,
        "conflicts": queries.count_unapplicable(spreadsheet_import) - summary.errors,
        "confirmation": {"count": guard.number, "reason": guard.why} if guard else None,
    }


def _outcome(spreadsheet_import: SpreadsheetImport) -> dict[str, Any] | None:
    if not spreadsheet_import.outcome:
        return None
    outcome: dict[str, Any] = spreadsheet_import.outcome
    undone = outcome.get("undone")
    return outcome | ({"undone": undone | {"kept": len(undone["kept"])}} if undone else {})


def serialize_undo(spreadsheet_import: SpreadsheetImport) -> dict[str, Any]:
    """Return what undoing the import would do, or did. Raises like `imports.operations.undo_import`."""
    figures = dict.fromkeys(("revoked", "reduced", "units", "removed", "restored", "messages"), 0)
    if spreadsheet_import.state == ImportState.UNDONE:
        done = spreadsheet_import.outcome["undone"]
        figures |= {name: done.get(name, 0) for name in figures}
        kept = done["kept"]
    else:
        plan = undo_import.get_undo_plan(spreadsheet_import.pk)
        figures |= {name: len(getattr(plan, name)) for name in ("revoked", "reduced", "removed", "restored")}
        figures |= {"units": plan.units, "messages": plan.messages}
        kept = [one._asdict() for one in plan.kept]
    return {
        "done": spreadsheet_import.state == ImportState.UNDONE,
        **figures,
        "kept_count": len(kept),
        "kept": kept[:MAX_KEPT_ROWS],
    }
