"""Problem codes of rows: label, fixes, and whether they untick the row."""

from __future__ import annotations

from enum import StrEnum

from imports.enums import ConflictResolution

#: Codes of probable mistakes: the row can be applied, but is unticked by default.
UNTICKING = frozenset({"no_elementary", "more_than_classes", "looks_like_sum", "huge"})

#: Allowed resolutions by conflict code; other codes have none.
RESOLUTIONS_BY_CODE = {
    "lower": frozenset({ConflictResolution.REDUCE, ConflictResolution.REVOKE}),
    "lower_to_none": frozenset({ConflictResolution.REVOKE}),
}


class Fix(StrEnum):
    """A fix that the pages offer as a button."""

    #: Choose one of the proposed schools.
    CHOOSE = "choose"
    #: Edit a cell.
    CORRECT = "correct"
    SET_ASIDE = "set_aside"
    #: Set aside until the directory knows the school.
    AWAIT = "await"
    ADD_TO_PORTFOLIO = "add_to_portfolio"
    REDUCE = "reduce"
    REVOKE = "revoke"
    #: Confirm that the value is intended.
    TICK = "tick"
    #: Restore a row that was set aside.
    RESTORE = "restore"


_SCHOOL_FIXES = (Fix.CHOOSE, Fix.CORRECT, Fix.SET_ASIDE)
_CELL_FIXES = (Fix.CORRECT, Fix.SET_ASIDE)
_PLAUSIBILITY_FIXES = (Fix.CORRECT, Fix.TICK)

#: Fixes by code, the likeliest first; none for pure information.
FIXES: dict[str, tuple[Fix, ...]] = {
    "uai_missing": _SCHOOL_FIXES,
    "uai_invalid": _SCHOOL_FIXES,
    "uai_twice": _SCHOOL_FIXES,
    "repair_unsure": _SCHOOL_FIXES,
    "other_school": _SCHOOL_FIXES,
    "not_confirmed": _SCHOOL_FIXES,
    "several_schools": _SCHOOL_FIXES,
    "no_match": _SCHOOL_FIXES,
    "unknown_school": (Fix.AWAIT, Fix.CHOOSE, Fix.CORRECT, Fix.SET_ASIDE),
    "closed_school": _SCHOOL_FIXES,
    "duplicate_differs": (Fix.SET_ASIDE, Fix.CORRECT),
    "units_missing": _CELL_FIXES,
    "units_invalid": _CELL_FIXES,
    "no_classes_known": _CELL_FIXES,
    "classes_invalid": _CELL_FIXES,
    "classes_out_of_range": _CELL_FIXES,
    "email_invalid": _CELL_FIXES,
    "email_twice": _CELL_FIXES,
    "no_email": _CELL_FIXES,
    "excel_error": (),
    "not_computed": _CELL_FIXES,
    "lower": (Fix.REDUCE, Fix.REVOKE, Fix.SET_ASIDE),
    "lower_to_none": (Fix.REVOKE, Fix.SET_ASIDE),
    "lower_redeemed": (Fix.SET_ASIDE,),
    "no_elementary": (Fix.TICK, Fix.SET_ASIDE),
    "outside_portfolio": (Fix.ADD_TO_PORTFOLIO, Fix.SET_ASIDE),
    "more_than_classes": _PLAUSIBILITY_FIXES,
    "looks_like_sum": _PLAUSIBILITY_FIXES,
    "huge": _PLAUSIBILITY_FIXES,
    "email_shared": (Fix.CORRECT,),
    "email_elsewhere": (),
    "repaired": (),
    "by_name": (),
    "changes": (),
    "duplicate": (),
    "nothing_asked": (),
    "ignored": (Fix.RESTORE,),
    "set_aside": (Fix.RESTORE,),
    "awaited": (Fix.RESTORE,),
}

#: French labels of the codes.
LABELS: dict[str, str] = {
    "uai_missing": "UAI manquant",
    "uai_invalid": "UAI faux",
    "uai_twice": "Plusieurs UAI dans la case",
    "repair_unsure": "UAI incomplet",
    "other_school": "UAI d'une autre école",
    "not_confirmed": "UAI décalé",
    "several_schools": "Plusieurs écoles possibles",
    "no_match": "École introuvable",
    "unknown_school": "UAI absent de l'annuaire",
    "closed_school": "École fermée",
    "duplicate_differs": "École citée avec deux nombres",
    "units_missing": "Nombre de licences manquant",
    "units_invalid": "Nombre de licences illisible",
    "no_classes_known": "Nombre de classes inconnu",
    "classes_invalid": "Nombre de classes illisible",
    "classes_out_of_range": "Nombre de classes impossible",
    "email_invalid": "Adresse e-mail illisible",
    "email_twice": "Plusieurs adresses e-mail",
    "no_email": "Aucune adresse e-mail connue",
    "excel_error": "Erreur du tableur dans la case",
    "not_computed": "Formule sans résultat",
    "lower": "Moins que ce que l'école a",
    "lower_to_none": "À reprendre en entier",
    "lower_redeemed": "Moins qu'une clé déjà activée",
    "no_elementary": "Sans classe du CP au CM2",
    "outside_portfolio": "Hors de votre périmètre",
    "more_than_classes": "Plus de licences que de classes",
    "looks_like_sum": "Sous-total probable",
    "huge": "Nombre très élevé",
    "email_shared": "Adresse commune à plusieurs écoles",
    "email_elsewhere": "Adresse inconnue de l'annuaire",
    "repaired": "UAI rétabli",
    "by_name": "Trouvée par son nom",
    "changes": "Renseignements modifiés",
    "duplicate": "École déjà citée",
    "nothing_asked": "0 licence demandée",
    "ignored": "Hors du tableau (total, note…)",
    "set_aside": "Mise de côté",
    "awaited": "En attente de l'annuaire",
}


def list_fixes(codes: list[str]) -> list[Fix]:
    """Return the distinct fixes for these codes, the likeliest first."""
    return list(dict.fromkeys(remedy for code in codes for remedy in FIXES.get(code, ())))
