"""Ask which of several columns of e-mail addresses is the one to write to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imports.formats.sheet_types import CellRow
from imports.meanings import Meaning
from imports.parsing.cells import cell_to_text
from imports.parsing.column_mapping import ColumnMapping, column_index, column_letters
from imports.parsing.column_titles import Title
from imports.question import NO_COLUMN, AnswerOption

#: Code of the question.
EMAIL_COLUMNS = "email_columns"
_NONE_LABEL = "Ne lire aucune : écrire au contact de votre périmètre ou à l'adresse officielle"


def choose_email_column(
    mapping: ColumnMapping, titles: Sequence[Title], sample: Sequence[CellRow], answers: Mapping[str, str]
) -> ColumnMapping:
    """Return the mapping whose question about addresses has an option for each column, and its answer."""
    candidates = mapping.candidates.get(Meaning.EMAIL, [])
    asked = next((question for question in mapping.questions if question.column == Meaning.EMAIL), None)
    if asked is None or not candidates:
        return mapping
    options = [_describe_addresses(index, titles, sample) for index in candidates]
    question = asked._replace(
        code=EMAIL_COLUMNS,
        message=f"{asked.message.rpartition('. ')[0]}. À laquelle écrire ?",
        options=(*options, AnswerOption(NO_COLUMN, _NONE_LABEL)),
    ).answered_by(answers)
    columns = dict(mapping.columns)
    if question.answer not in ("", NO_COLUMN):
        columns[Meaning.EMAIL] = column_index(question.answer)
    questions = [question if one is asked else one for one in mapping.questions]
    return mapping._replace(columns=columns, questions=questions)


def _describe_addresses(index: int, titles: Sequence[Title], sample: Sequence[CellRow]) -> AnswerOption:
    letters = column_letters(index)
    example = next((text for row in sample if index < len(row) and (text := cell_to_text(row[index]))), "")
    title = " ".join(titles[index].text.split()) or letters
    return AnswerOption(letters, f"« {title} » ({letters}){f', par exemple {example}' if example else ''}")
