"""Columns chosen on the command line, by their titles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils import timezone

from imports import operations
from imports.enums import Volume
from imports.meanings import Meaning
from imports.models import SpreadsheetImport
from imports.parsing.column_mapping import column_letters
from schools.folding import fold

#: Meanings that a column can be given by its title. The column of choices is recognised by its own.
CHOSEN_MEANINGS = tuple(meaning.value for meaning in Meaning if meaning is not Meaning.CHOICE)


class CommandRejected(Exception):
    """The command is rejected and nothing was done. `code` is stable, the sentence French."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def parse_columns(options: Mapping[str, Any]) -> dict[Meaning, str]:
    """Return the title of each chosen column by meaning, "" for a meaning without a column.

    Raises `CommandRejected` for a column that is not written as MEANING=TITLE, or given twice.
    """
    titles: dict[Meaning, str] = {}
    if options["quantity_column"] is not None:
        titles[Meaning.UNITS] = options["quantity_column"].strip()
    for column in options["columns"]:
        name, equals, title = column.partition("=")
        name = name.strip()
        if not equals:
            raise CommandRejected(
                "invalid_column",
                f"« --column {column} » s'écrit MEANING=TITLE, par exemple --column uai=RNE.",
            )
        if name not in CHOSEN_MEANINGS:
            raise CommandRejected(
                "unknown_meaning",
                f"« --column {column} » : « {name} » n'est pas une information lue. Il y a : "
                f"{', '.join(CHOSEN_MEANINGS)}.",
            )
        if Meaning(name) in titles:
            raise CommandRejected("repeated_column", f"La colonne de « {name} » est donnée deux fois.")
        titles[Meaning(name)] = title.strip()
    return titles


def choose_columns(spreadsheet_import: SpreadsheetImport, titles: Mapping[Meaning, str]) -> None:
    """Queue the file to be read again with these columns, their numbers taken as they are.

    Raises `CommandRejected` where a title is not that of exactly one column, or two meanings have the same one.
    """
    layout, choices = spreadsheet_import.layout, spreadsheet_import.choices
    chosen = {meaning: _find_column(title, layout.titles) if title else None for meaning, title in titles.items()}
    indexes = [index for index in chosen.values() if index is not None]
    repeated = next((index for index in indexes if indexes.count(index) > 1), None)
    if repeated is not None:
        raise CommandRejected(
            "shared_column", f"La colonne « {layout.titles[repeated]} » est donnée pour deux informations."
        )
    kept = {meaning: index for meaning, index in layout.columns.items() if index not in indexes}
    answers = dict(choices.answers)
    number = next((i for m in (Meaning.UNITS, Meaning.CLASSES) if (i := chosen.get(m)) is not None), None)
    if number is not None:
        # The column alone is meant, and not a sum that begins with it; and its numbers, whatever they look like.
        answers |= dict.fromkeys(("ambiguous_column", "doubtful_numbers"), column_letters(number))
    for_all = spreadsheet_import.units_for_all
    volume = Volume.COLUMN if chosen.get(Meaning.UNITS) is not None else spreadsheet_import.volume
    operations.choose_layout(
        import_id=spreadsheet_import.pk,
        sheets=layout.parsed_sheets,
        header_row=layout.header_row,
        columns={**kept, **chosen},
        answers=answers,
        volume=volume if for_all is None else Volume.ALL,
        units_for_all=for_all,
        by=None,
        at=timezone.now(),
    )


def _find_column(title: str, titles: Sequence[str]) -> int:
    """Return the only column with this title. Raises `CommandRejected` where there is none, or several."""
    found = _find_columns(title, titles)
    if not found:
        named = ", ".join(f"« {name} »" for name in titles if name.strip())
        raise CommandRejected(
            "unknown_column", f"Le tableau n'a pas de colonne « {title} ». Ses titres : {named or 'aucun'}."
        )
    if len(found) > 1:
        raise CommandRejected(
            "several_columns",
            f"Le tableau a {len(found)} colonnes « {title} » : donnez-leur des titres différents.",
        )
    return found[0]


def _find_columns(title: str, titles: Sequence[str]) -> list[int]:
    """Return the columns with this title: exact, else ignoring case and accents, else by its last line."""
    wanted = fold(title)
    matchers: tuple[Callable[[str], bool], ...] = (
        lambda name: name.strip() == title,
        lambda name: fold(name) == wanted,
        lambda name: fold(name.rpartition(" / ")[2]) == wanted,
    )
    for matches in matchers:
        found = [index for index, name in enumerate(titles) if name.strip() and matches(name)]
        if found:
            return found
    return []
