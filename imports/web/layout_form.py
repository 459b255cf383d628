"""Form for the layout of a spreadsheet, prefilled with what was detected."""

from __future__ import annotations

from typing import Any, NamedTuple

from django import forms
from django.forms import BoundField

from imports.enums import Purpose, Volume
from imports.formats import limits
from imports.meanings import LABELS, Meaning
from imports.models import SpreadsheetImport
from imports.parsing.column_mapping import column_letters
from imports.parsing.questions import SOURCE_MISSING
from imports.question import LayoutQuestion
from imports.web.forms import build_units_field, build_volume_field, clean_volume
from imports.web.layout_answers import SentAnswers

#: Meanings of columns, in the option groups of the select.
MEANING_GROUPS = {
    "L'école": (
        Meaning.UAI,
        Meaning.NAME,
        Meaning.COMMUNE,
        Meaning.POSTAL_CODE,
        Meaning.DEPARTEMENT,
        Meaning.ADDRESS,
        Meaning.KIND,
        Meaning.CHOICE,
    ),
    "Ce qu'elle doit avoir": (Meaning.UNITS, Meaning.CLASSES),
    "À qui écrire": (Meaning.EMAIL, Meaning.CONTACT_NAME, Meaning.PHONE),
}


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
            *((group, [(m.value, LABELS[m]) for m in held]) for group, held in MEANING_GROUPS.items()),
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
            self.fields[f"answer_{question.code}"] = forms.ChoiceField(
                label=question.message,
                choices=question.options,
                required=False,
                initial=question.answer,
                widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
            )
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
                    f"Les colonnes {' et '.join(several)} sont toutes deux « {LABELS[Meaning(meaning)]} » : "
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
        """Return the keyword arguments of `operations.choose_layout`.

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
