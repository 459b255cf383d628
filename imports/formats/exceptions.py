"""Why a file cannot be read, and which files are recognised as unsupported."""

from __future__ import annotations

from imports.formats import limits


class UnreadableFile(Exception):
    """The file cannot be read. `code` is stable; `sentence` is French and says what to do next."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def damaged() -> UnreadableFile:
    """Return the error for a damaged or incomplete workbook."""
    return UnreadableFile(
        "damaged",
        "Ce classeur est abîmé ou incomplet. Ouvrez-le dans votre tableur, enregistrez-le de nouveau en .xlsx, "
        "puis déposez-le.",
    )


def encrypted() -> UnreadableFile:
    """Return the error for a password-protected workbook."""
    return UnreadableFile(
        "encrypted",
        "Ce classeur est protégé par un mot de passe. Retirez la protection dans votre tableur (dans Excel : Fichier, "
        "Informations, Protéger le classeur), enregistrez-le, puis déposez-le.",
    )


def too_many_cells() -> UnreadableFile:
    """Return the error for a workbook with a sheet that is too large."""
    return UnreadableFile(
        "too_many_cells",
        "Ce classeur contient une feuille démesurée : trop de lignes et de colonnes, ou des textes trop longs. Copiez "
        "le tableau seul dans un nouveau classeur, puis déposez celui-ci.",
    )


def too_many_sheets(sheets: int, most: int) -> UnreadableFile:
    """Return the error for a workbook with too many sheets."""
    return UnreadableFile(
        "too_many_sheets",
        f"Ce classeur a {sheets} feuilles ; {most} au plus sont lues. Gardez celle qui porte la liste des écoles.",
    )


def too_many_formulas() -> UnreadableFile:
    """Return the error for a workbook with too many formulas that have no result or an error."""
    return UnreadableFile(
        "too_many_formulas",
        "Ce classeur contient plus d'un million de formules sans résultat ou en erreur. Ouvrez-le dans votre tableur, "
        "corrigez ou effacez ces formules, enregistrez-le, puis déposez-le.",
    )


def too_much_memory() -> UnreadableFile:
    """Return the error for a file whose reading was stopped at its limit of memory."""
    return UnreadableFile(
        "too_much_memory",
        "Ce fichier demande trop de mémoire pour être lu : sa lecture a été arrêtée. Copiez le tableau seul dans un "
        "nouveau classeur, puis déposez celui-ci.",
    )


def too_much_time() -> UnreadableFile:
    """Return the error for a file whose reading was stopped at its limit of time."""
    return UnreadableFile(
        "too_much_time",
        "Ce fichier demande trop de temps pour être lu : sa lecture a été arrêtée. Copiez le tableau seul dans un "
        "nouveau classeur, puis déposez celui-ci.",
    )


def annotation_too_slow() -> UnreadableFile:
    """Return the error for an annotated workbook that was not made in time: the file itself was read before."""
    return UnreadableFile(
        "too_much_time",
        "Le tableau annoté a demandé trop de temps : sa préparation a été arrêtée. Redemandez-le dans un moment, ou "
        "corrigez les lignes sur cette page.",
    )


def empty() -> UnreadableFile:
    """Return the error for an empty workbook."""
    return UnreadableFile("empty", "Ce classeur ne contient aucune ligne.")


def too_many_rows(height: int) -> UnreadableFile:
    """Return the error for a table with too many rows."""
    return UnreadableFile(
        "too_many_rows",
        f"Ce tableau a {height} lignes ; {limits.MAX_ROWS} au plus sont lues. Partagez-le en plusieurs fichiers.",
    )


def check_height(height: int) -> None:
    """Raise `UnreadableFile` when the selected sheets have too many rows.

    Titles, blank rows and totals are not counted among the rows of data, hence the margin.
    """
    if height > limits.MAX_ROWS + limits.MARGIN_ROWS:
        raise too_many_rows(height)
