"""Why a file is not read at all."""

from __future__ import annotations


class Unreadable(Exception):
    """The file is refused whole. `code` is stable; the sentence is French and says what to do next."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def damaged() -> Unreadable:
    """Return the refusal of a workbook that does not hold together."""
    return Unreadable(
        "damaged",
        "Ce classeur est abîmé ou incomplet. Ouvrez-le dans votre tableur, enregistrez-le de nouveau en .xlsx, "
        "puis déposez-le.",
    )


def encrypted() -> Unreadable:
    """Return the refusal of a workbook that a password protects."""
    return Unreadable(
        "encrypted",
        "Ce classeur est protégé par un mot de passe. Retirez la protection dans votre tableur (dans Excel : Fichier, "
        "Informations, Protéger le classeur), enregistrez-le, puis déposez-le.",
    )


def too_many_cells() -> Unreadable:
    """Return the refusal of a workbook with an immense sheet."""
    return Unreadable(
        "too_many_cells",
        "Ce classeur contient une feuille démesurée : trop de lignes et de colonnes, ou des textes trop longs. Copiez "
        "le tableau seul dans un nouveau classeur, puis déposez celui-ci.",
    )


def too_many_sheets(sheets: int, most: int) -> Unreadable:
    """Return the refusal of a workbook of too many sheets."""
    return Unreadable(
        "too_many_sheets",
        f"Ce classeur a {sheets} feuilles ; {most} au plus sont lues. Gardez celle qui porte la liste des écoles.",
    )


def too_many_formulas() -> Unreadable:
    """Return the refusal of a workbook whose formulas have no results or wrong ones, by the million."""
    return Unreadable(
        "too_many_formulas",
        "Ce classeur contient plus d'un million de formules sans résultat ou en erreur. Ouvrez-le dans votre tableur, "
        "corrigez ou effacez ces formules, enregistrez-le, puis déposez-le.",
    )


def empty() -> Unreadable:
    """Return the refusal of a workbook in which nothing stands."""
    return Unreadable("empty", "Ce classeur ne contient aucune ligne.")
