"""Forms for uploading a spreadsheet, for its layout, and for confirming its application."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.forms import BoundField
from django.utils import timezone

from core import formatting
from core.calendar import date_in_paris
from core.confirmation_guard import ConfirmationGuard
from core.exceptions import DomainError
from imports import queries
from imports.columns import NUMBER_COLUMNS, ColumnGroup, Meaning
from imports.enums import Purpose, Volume
from imports.exceptions import PoolMissing, PoolNotOpen, WrongVolume
from imports.formats import limits
from imports.layout import NO_COLUMN, Layout, LayoutQuestion
from imports.models import SpreadsheetImport
from imports.operations.upload import check_pool, check_size, check_volume
from imports.parsing.column_mapping import column_letters
from imports.parsing.questions import SOURCE_MISSING
from imports.parsing.repeated_schools import COUNT, replaces_number
from licensing.pools.models import Pool
from licensing.pools.wording import describe_pool
from web.generic_forms import ModelChoiceField

_COUNTED_TWICE = (
    "Vous comptez les lignes de chaque école, et dites autrement combien de licences donner : gardez l'un des deux."
)


@dataclass(frozen=True)
class SentAnswers:
    """What was chosen on the page, beside the layout that it was asked about."""

    layout: Layout
    #: Index of the column that the list gives for a meaning.
    columns: Mapping[Meaning, int]
    #: Value of the chosen option, "" without one, by code of the question.
    answers: Mapping[str, str]
    #: "" where a column gives the number; the second is the one that the page was shown with.
    volume: str
    volume_before: str

    def matters(self, question: LayoutQuestion) -> bool:
        """Whether a question still matters: not one about numbers, where they are given in another way."""
        if replaces_number(question):
            return not self._gives_number()
        if question.code == SOURCE_MISSING:
            return self.volume in ("", Volume.CLASSES)
        if question.column not in NUMBER_COLUMNS or self.volume == self.volume_before:
            return True
        return self.volume == Volume.CLASSES and question.column == Meaning.CLASSES

    def is_answered(self, question: LayoutQuestion) -> bool:
        """Whether a question is answered, or the list of columns answers it."""
        if question.options:
            return bool(self.answers.get(question.code)) or self._is_chosen(question)
        if question.code == SOURCE_MISSING:
            return any(meaning in self.columns for meaning in NUMBER_COLUMNS if self.volume in ("", meaning))
        if question.column == "sheets":
            return False
        if question.code == "uai_column_missing":
            return Meaning.UAI in self.columns or Meaning.NAME in self.columns
        # Of an address, no column may be right.
        return question.column in self.columns or question.column not in (*NUMBER_COLUMNS, Meaning.UAI)

    def is_replaced(self, question: LayoutQuestion) -> bool:
        """Whether the answer that a question came with is left as it was, and another column or number chosen."""
        changed = self._gives_number() if replaces_number(question) else self._is_changed_in_list(question)
        return changed and self.answers.get(question.code, "") == question.answer

    def find_contradiction(self, question: LayoutQuestion) -> str:
        """Return a sentence where a new answer and a new choice in the list name different columns, else ""."""
        answer = self.answers.get(question.code, "")
        if answer in ("", question.answer):
            return ""
        if replaces_number(question):
            return _COUNTED_TWICE if answer == COUNT and self._gives_number() else ""
        if not self.matters(question) or not question.names_columns:
            return ""
        named = [] if answer == NO_COLUMN else answer.split("+")
        listed = self._find_listed(Meaning(question.column), named)
        if listed is None:
            return ""
        meaning, chosen = listed
        answered = f"la colonne {named[0]}" if len(named) == 1 else f"les colonnes {' et '.join(named)}"
        return (
            f"Ici, {f'vous répondez {answered}' if named else 'vous ne voulez lire aucune colonne'} ; dans la liste "
            f"des colonnes, vous donnez « {meaning.label} » à {column_letters(chosen)}. Gardez l'un des deux."
        )

    def _find_listed(self, meaning: Meaning, named: Sequence[str]) -> tuple[Meaning, int] | None:
        """Return the change in the list that goes against an answer: another column, or another use of its own."""
        chosen, before = self.columns.get(meaning), self.layout.columns
        if chosen is not None and chosen != before.get(meaning) and column_letters(chosen) not in named[:1]:
            return meaning, chosen
        for other, index in self.columns.items():
            if other != meaning and before.get(other) != index and column_letters(index) in named:
                return other, index
        return None

    def _gives_number(self) -> bool:
        """Whether another volume is chosen, or another column of a number in the list."""
        before = self.layout.columns
        return self.volume != self.volume_before or any(
            meaning in self.columns and self.columns[meaning] != before.get(meaning) for meaning in NUMBER_COLUMNS
        )

    def _is_chosen(self, question: LayoutQuestion) -> bool:
        return self._is_changed_in_list(question) and question.column in self.columns

    def _is_changed_in_list(self, question: LayoutQuestion) -> bool:
        if question.column not in Meaning:
            return False
        meaning = Meaning(question.column)
        return self.columns.get(meaning) != self.layout.columns.get(meaning)


MAX_UNITS = 999_999
#: Offered by the browser's file chooser; the format is detected from the content, not from the name.
ACCEPTED_EXTENSIONS = ".xlsx,.xlsm,.xlsb,.xls,.ods,.fods,.csv,.tsv,.txt"


class ImportCancelForm(forms.Form):
    """What a member says to who asked for the application of an import that they cancel."""

    reason = forms.CharField(
        label="Pourquoi\xa0? (facultatif)",
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )


class PoolChoiceField(ModelChoiceField[Pool]):
    """Pool choice labelled with its free licences."""

    def label_from_instance(self, obj: Any) -> str:
        """Return « Lot 2026 – 120 licences libres »."""
        pool: Pool = obj
        return describe_pool(pool.name, pool.free, pool.entitlement, date_in_paris(timezone.now()))


def build_units_field() -> forms.IntegerField:
    """Return the field for one number of licences for all schools."""
    return forms.IntegerField(
        label="Nombre de licences pour chaque école",
        required=False,
        min_value=1,
        max_value=MAX_UNITS,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


def build_volume_field(first: str) -> forms.ChoiceField:
    """Return the field « how many licences »; `first`: label of the choice that leaves it to the file."""
    return forms.ChoiceField(
        label="Combien de licences pour chaque école\xa0?",
        required=False,
        choices=[
            ("", first),
            (Volume.CLASSES, "Une licence par classe, d'après le nombre de classes du tableau"),
            (Volume.PORTFOLIO, "Une licence par classe, d'après le nombre de classes connu de votre périmètre"),
            (Volume.ALL, "Le même nombre pour toutes les écoles"),
        ],
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )


def clean_volume(form: forms.Form, data: dict[str, Any]) -> None:
    """Clear `units_for_all` unless the volume is ALL: its field is hidden; then say so if it is missing."""
    if data.get("volume") != Volume.ALL:
        data["units_for_all"] = None
        form.errors.pop("units_for_all", None)
    if "units_for_all" in form.errors:
        return
    try:
        check_volume(data.get("volume") or "", data.get("units_for_all"))
    except WrongVolume:
        form.add_error("units_for_all", "Indiquez combien de licences chaque école doit avoir.")


class SpreadsheetField(forms.FileField):
    """The file of an import, refused here if it is too large: its content is not loaded."""

    def __init__(self, **options: Any) -> None:
        messages = {"required": "Choisissez un fichier.", "empty": "Ce fichier est vide."}
        super().__init__(error_messages=messages, validators=[_validate_size], **options)


def _validate_size(file: UploadedFile[Any]) -> None:
    try:
        check_size(file.size or 0)
    except DomainError as refusal:
        raise forms.ValidationError(refusal.sentence, code=refusal.code) from refusal


class CorrectedFileForm(forms.Form):
    """Form for uploading a corrected file: purpose and pool come from the import it corrects."""

    file = SpreadsheetField(label="Tableau corrigé")


class ImportUploadForm(forms.Form):
    """Upload form: purpose, pool, volume and file."""

    purpose = forms.ChoiceField(
        label="Que voulez-vous faire de ce tableau\xa0?",
        choices=[
            (Purpose.ALLOCATION, "Attribuer des licences aux écoles du tableau"),
            (Purpose.PORTFOLIO, "Mettre à jour votre liste d'écoles : leurs contacts, leur nombre de classes"),
        ],
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        initial=Purpose.ALLOCATION,
        error_messages={"required": "Dites d'abord à quoi sert ce tableau."},
    )
    pool = PoolChoiceField(
        label="Dans quel lot prendre les licences\xa0?", queryset=Pool.objects.none(), empty_label=None, required=False
    )
    volume = build_volume_field("Le tableau le dit, dans une de ses colonnes")
    units_for_all = build_units_field()
    file = SpreadsheetField(
        label="Votre tableau", widget=forms.ClearableFileInput(attrs={"accept": ACCEPTED_EXTENSIONS})
    )

    def __init__(self, *args: Any, day: datetime.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.day = day
        pools = self.fields["pool"]
        assert isinstance(pools, PoolChoiceField)  # noqa: S101 - for the type checker
        pools.queryset = queries.list_open_pools(day)
        self.has_pools = pools.queryset.exists()
        if not self.has_pools:
            # Nothing to give: the page offers the other purpose only, and says why.
            self.initial["purpose"] = Purpose.PORTFOLIO

    def clean(self) -> dict[str, Any]:
        """Drop pool and volume for the portfolio, whose fields are hidden; check them for allocations."""
        data = super().clean() or self.cleaned_data
        if data.get("purpose") == Purpose.PORTFOLIO:
            for name in ("pool", "volume", "units_for_all"):
                self.errors.pop(name, None)
            return data | {"pool": None, "volume": "", "units_for_all": None}
        pool = data.get("pool")
        if "pool" not in self.errors:
            try:
                check_pool(pool.pk if pool else None, self.day)
            except (PoolMissing, PoolNotOpen):
                self.add_error(
                    "pool",
                    "Choisissez un lot."
                    if self.has_pools
                    else "Aucun lot n'a de licence libre : déposez d'abord ce tableau pour votre liste d'écoles.",
                )
        clean_volume(self, data)
        return data


class ImportConfirmForm(forms.Form):
    """Confirmation form: digest, send date of the e-mails, and the number the confirmation guard requires."""

    NOW, LATER = "now", "later"
    ALL, VALID = "", "1"

    digest = forms.CharField(widget=forms.HiddenInput)
    only_valid = forms.ChoiceField(
        label="Que faire des lignes en erreur\xa0?",
        required=False,
        choices=[
            (ALL, "Ne rien appliquer tant qu'il en reste"),
            (VALID, "Appliquer les lignes valables, laisser les autres"),
        ],
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    when = forms.ChoiceField(
        label="Quand envoyer les e-mails\xa0?",
        choices=[(NOW, "Tout de suite"), (LATER, "À partir d'une date")],
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        initial=NOW,
    )
    send_on = forms.DateField(
        label="Date d'envoi",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Par exemple le jour de la rentrée\xa0: un e-mail de juillet se perd dans une école fermée.",
    )
    confirmed_count = forms.CharField(
        label="Tapez ce nombre pour confirmer",
        required=False,
        max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(
        self,
        *args: Any,
        today: datetime.date,
        last_day: datetime.date | None,
        confirmation_guard: ConfirmationGuard | None,
        errors: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.today, self.last_day, self.confirmation_guard = today, last_day, confirmation_guard
        if last_day is None:
            # A portfolio import sends no e-mail.
            del self.fields["when"], self.fields["send_on"]
        if confirmation_guard is None:
            del self.fields["confirmed_count"]
        if not errors:
            del self.fields["only_valid"]

    def clean_confirmed_count(self) -> int | None:
        """Return the number entered, ignoring spaces. Raises `ValidationError` unless it is the guard's."""
        if self.confirmation_guard is None:
            return None
        if fault := self.confirmation_guard.find_fault(self.cleaned_data["confirmed_count"], "ce tableau"):
            raise forms.ValidationError(fault)
        return self.confirmation_guard.number

    def clean(self) -> dict[str, Any]:
        """Require a future send date within the validity of the licences."""
        data = super().clean() or self.cleaned_data
        data["only_valid"] = data.get("only_valid") == self.VALID
        data.setdefault("confirmed_count", None)
        if self.last_day is None:
            return data | {"send_on": None}
        chosen = data.get("send_on")
        if data.get("when") == self.NOW:
            data["send_on"] = None
        elif "send_on" not in self.errors:
            if chosen is None:
                self.add_error("send_on", "Choisissez la date d'envoi.")
            elif chosen < self.today:
                self.add_error("send_on", "Cette date est passée.")
            elif chosen > self.last_day:
                self.add_error(
                    "send_on",
                    f"Les licences de ce lot ne sont valables que jusqu'au {formatting.long_date(self.last_day)}.",
                )
        return data


class LayoutColumn(NamedTuple):
    """A column of the file, as the page shows it."""

    letters: str
    title: str
    examples: list[str]
    field: BoundField
    #: Letters of the column that this one is added to, "" where it is read alone or not at all.
    added_to: str


class LayoutFault(NamedTuple):
    """An error of the form: the question that it is about, "" for the list of columns, and the id of its control."""

    question: str
    message: str
    target: str


class SeveralOptionsField(forms.MultipleChoiceField):
    """The options of a question that are taken; its value is the answer, "" where the boxes were not shown.

    A box that is not ticked sends nothing: an empty value beside them says that they were shown.
    """

    widget = forms.CheckboxSelectMultiple
    SHOWN = ""

    def __init__(self, question: LayoutQuestion, **options: Any) -> None:
        super().__init__(choices=question.options, **options)
        self.question = question

    def clean(self, value: Any) -> Any:
        """Return the answer that takes the ticked options. Raises `ValidationError` for one that is none."""
        sent = value or []
        taken = super().clean([option for option in sent if option != self.SHOWN])
        return self.question.join_options(taken) if self.SHOWN in sent else ""


def build_answer_field(question: LayoutQuestion) -> forms.Field:
    """Return the field of a question with options, filled in with its answer, or with the likely one."""
    attrs = {"class": "form-check-input"}
    if question.multiple:
        return SeveralOptionsField(
            question,
            label=question.message,
            required=False,
            initial=[option.value for option in question.options if option.value in question.taken],
            widget=forms.CheckboxSelectMultiple(attrs=attrs),
        )
    return forms.ChoiceField(
        label=question.message,
        choices=question.options,
        required=False,
        initial=question.answer or question.likely,
        widget=forms.RadioSelect(attrs=attrs),
    )


def fill_in(question: LayoutQuestion, answer: str | Sequence[str]) -> str | list[str]:
    """Return what the page sends for an answer: a value, or the list of those taken, or one text with those left too.

    A value that is no option, or a text that leaves an option unsaid, is what the field refuses.
    """
    if not question.multiple:
        return answer if isinstance(answer, str) else next(iter(answer), "")
    if not isinstance(answer, str):
        return [SeveralOptionsField.SHOWN, *answer]
    if not answer:
        return []
    answered = question._replace(answer="").answered_by({question.code: answer})
    return [SeveralOptionsField.SHOWN, *([answer] if answered.is_open else answered.taken)]


class LayoutForm(forms.Form):
    """Form with the sheets, the header row, the meaning of each column, and the volume."""

    def __init__(
        self, *args: Any, spreadsheet_import: SpreadsheetImport, requires_answers: bool = False, **kwargs: Any
    ) -> None:
        """Build the fields. `requires_answers`: a question that stays open is an error."""
        super().__init__(*args, **kwargs)
        self.requires_answers = requires_answers
        self.layout, self.is_allocation = spreadsheet_import.layout, spreadsheet_import.purpose == Purpose.ALLOCATION
        self.titles = self.layout.titles
        meanings = {index: meaning for meaning, index in self.layout.columns.items()}
        self.editable_columns = self.layout.list_editable_columns()
        sheets = self.layout.sheets
        if len(sheets) > 1:
            self.fields["sheets"] = forms.MultipleChoiceField(
                label="Feuilles à lire",
                choices=[(name, name) for name in sheets],
                initial=self.layout.parsed_sheets,
                widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
                help_text="Les feuilles qui ont les mêmes colonnes sont lues ensemble.",
                error_messages={"required": "Cochez au moins une feuille."},
            )
        self.fields["header_row"] = forms.IntegerField(
            label="Ligne des titres",
            min_value=0,
            max_value=limits.MAX_ROWS,
            initial=self.layout.header_row or 0,
            help_text="Son numéro à gauche de l'aperçu ; 0 si le tableau n'a pas de titres. Si vous la changez, ou la "
            "feuille, les colonnes sont reconnues de nouveau.",
            widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        )
        choices = [
            ("", "Ne pas lire"),
            *((group, [(m.value, m.label) for m in Meaning if m.column.group is group]) for group in ColumnGroup),
        ]
        for index in self.editable_columns:
            self.fields[f"column_{index}"] = forms.ChoiceField(
                label=f"Ce que contient la colonne {column_letters(index)}",
                choices=choices,
                required=False,
                initial=meanings.get(index, ""),
                widget=forms.Select(attrs={"class": "form-select"}),
            )
        self.open_questions = [question for question in self.layout.questions if not question.options]
        self.questions = [q for q in (*self.layout.questions, *self.layout.answered) if q.options]
        for question in self.questions:
            self.fields[f"answer_{question.code}"] = build_answer_field(question)
        if self.is_allocation:
            is_missing = any(question.code == SOURCE_MISSING for question in self.open_questions)
            self.fields["volume"] = build_volume_field(
                "Une colonne du tableau le dit" + ("\xa0: je la choisis plus bas" if is_missing else "")
            )
            self.fields["volume"].initial = (
                "" if spreadsheet_import.volume == Volume.COLUMN else spreadsheet_import.volume
            )
            self.fields["units_for_all"] = build_units_field()
            self.fields["units_for_all"].initial = spreadsheet_import.units_for_all

    def clean(self) -> dict[str, Any]:
        """Reject two columns with the same meaning."""
        data = super().clean() or self.cleaned_data
        columns: dict[str, list[str]] = {}
        for index in self.editable_columns:
            if meaning := data.get(f"column_{index}"):
                columns.setdefault(meaning, []).append(column_letters(index))
        for meaning, several in columns.items():
            if len(several) > 1:
                self.add_error(
                    None,
                    f"Les colonnes {' et '.join(several)} sont toutes deux « {Meaning(meaning).label} » : "
                    "n'en gardez qu'une.",
                )
        if self.is_allocation:
            clean_volume(self, data)
        if not self._is_moved(data):
            self._check_answers(data)
        return data

    def _check_answers(self, data: dict[str, Any]) -> None:
        """Reject a question that is left open, and an answer that the list of columns contradicts."""
        sent = self._read_answers(data)
        for question in self.questions:
            name = f"answer_{question.code}"
            if contradiction := sent.find_contradiction(question):
                self.add_error(name, forms.ValidationError(contradiction, code="contradiction"))
            elif not self.requires_answers or name in self.errors or not sent.matters(question):
                continue
            elif not sent.is_answered(question):
                self.add_error(name, "Choisissez une réponse.")
        for question in self.open_questions if self.requires_answers else ():
            if sent.matters(question) and not sent.is_answered(question):
                self._add_open_question(question, data)

    def _add_open_question(self, question: LayoutQuestion, data: dict[str, Any]) -> None:
        """Add the error of a question without options to the field that answers it, or to the list of columns."""
        if question.code == SOURCE_MISSING and data.get("volume") == Volume.CLASSES:
            self.add_error("volume", "Choisissez la colonne du nombre de classes, ou une autre réponse.")
        elif question.code == SOURCE_MISSING:
            self.add_error("volume", "Choisissez une réponse, ou la colonne du nombre de licences.")
        else:
            self.add_error("sheets" if question.column == "sheets" else None, question.message)

    def layout_choices(self) -> dict[str, Any]:
        """Return the keyword arguments of `intake.choose_layout`.

        With another sheet or header row there are no columns and no answers: they are detected and asked again.
        """
        data = self.cleaned_data
        sheets, header_row = data.get("sheets") or self.layout.parsed_sheets, data["header_row"]
        same_sheets = sheets == self.layout.parsed_sheets
        moved = self._is_moved(data)
        # Another column chosen for what the question is about replaces the answer that it came with.
        sent = self._read_answers(data)
        answers = {
            question.code: answer
            for question in self.questions
            if (answer := sent.answers[question.code]) and not sent.is_replaced(question)
        }
        chosen = {data[f"column_{index}"]: index for index in self.editable_columns if data[f"column_{index}"]}
        return {
            "sheets": sheets,
            "header_row": header_row if same_sheets else None,
            "columns": {} if moved else {meaning: chosen.get(meaning.value) for meaning in Meaning},
            "answers": {} if moved else answers,
            "volume": data.get("volume") or "",
            "units_for_all": data.get("units_for_all"),
        }

    def _read_answers(self, data: dict[str, Any]) -> SentAnswers:
        return SentAnswers(
            self.layout,
            {Meaning(data[name]): index for index in self.editable_columns if data.get(name := f"column_{index}")},
            {question.code: data.get(f"answer_{question.code}") or "" for question in self.questions},
            data.get("volume") or "",
            str(self.fields["volume"].initial or "") if self.is_allocation else "",
        )

    def _is_moved(self, data: dict[str, Any]) -> bool:
        """Whether another sheet or header row is chosen."""
        sheets = data.get("sheets") or self.layout.parsed_sheets
        return sheets != self.layout.parsed_sheets or data.get("header_row") != (self.layout.header_row or 0)

    def answer_fields(self, *, is_open: bool) -> list[BoundField]:
        """Return the fields of the questions with options: of those that are open, or of those that came answered."""
        return [self[f"answer_{question.code}"] for question in self.questions if question.is_open is is_open]

    def list_faults(self) -> list[LayoutFault]:
        """Return what is wrong with the page that was sent, in the order of its fields."""
        faults = [LayoutFault("", str(error), "colonnes") for error in self.non_field_errors()]
        for field in self:
            several = isinstance(field.field.widget, forms.RadioSelect | forms.CheckboxSelectMultiple)
            target = f"{field.auto_id}_0" if several else str(field.auto_id)
            faults += [LayoutFault(str(field.label), str(error), target) for error in field.errors]
        return faults

    def columns(self) -> tuple[list[LayoutColumn], list[LayoutColumn]]:
        """Return the columns of the file: those with a meaning, then the others."""
        settled: list[LayoutColumn] = []
        others: list[LayoutColumn] = []
        for index in self.editable_columns:
            shown = self.layout.get_examples(index)
            added_to = next((column_letters(sums[0]) for sums in self.layout.sums.values() if index in sums[1:]), "")
            column = LayoutColumn(column_letters(index), self.titles[index], shown, self[f"column_{index}"], added_to)
            (settled if column.field.value() or added_to else others).append(column)
        return settled, others
