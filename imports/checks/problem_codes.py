"""Problem codes of rows: fixes, and whether they untick the row.

The sentence of a problem is written where it is found, in the other modules of `imports.checks` and `imports.parsing`.
"""

from enum import StrEnum

from imports.enums import ConflictResolution

#: Codes of probable mistakes and open questions: the row can be applied, but is unticked by default.
UNTICKING = frozenset({"declined", "no_elementary", "probable_subtotal", "outlier", "other_pool", "already_added"})

#: Codes of rows whose school holds licences of another pool of the year: to be answered, and with a typed number.
OTHER_POOL = "other_pool"
ADDED_TO_OTHER_POOL = "added_to_other_pool"
OTHER_POOL_CODES = frozenset({OTHER_POOL, ADDED_TO_OTHER_POOL})

#: Allowed resolutions by conflict code; other codes have none.
RESOLUTIONS_BY_CODE = {
    "lower": frozenset({ConflictResolution.REDUCE, ConflictResolution.REVOKE}),
    "reduced_to_zero": frozenset({ConflictResolution.REVOKE}),
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
    #: Count what the school holds from other pools, and give the rest.
    COMPLEMENT = "complement"
    #: Restore a row that was set aside.
    RESTORE = "restore"


_SCHOOL_FIXES = (Fix.CHOOSE, Fix.CORRECT, Fix.SET_ASIDE)
_CELL_FIXES = (Fix.CORRECT, Fix.SET_ASIDE)
_PLAUSIBILITY_FIXES = (Fix.CORRECT, Fix.TICK)

#: Fixes by code, the likeliest first; none for pure information. The codes are in the order of their weight: what
#: stops a row, what unticks it, what is merely noted.
FIXES: dict[str, tuple[Fix, ...]] = {
    "uai_missing": _SCHOOL_FIXES,
    "uai_invalid": _SCHOOL_FIXES,
    "multiple_uais": _SCHOOL_FIXES,
    "uncertain_repair": _SCHOOL_FIXES,
    "uai_of_another_school": _SCHOOL_FIXES,
    "unconfirmed_uai": _SCHOOL_FIXES,
    "ambiguous_school": _SCHOOL_FIXES,
    "no_match": _SCHOOL_FIXES,
    "unknown_school": (Fix.AWAIT, Fix.CHOOSE, Fix.CORRECT, Fix.SET_ASIDE),
    "school_closed": _SCHOOL_FIXES,
    "conflicting_duplicate": (Fix.SET_ASIDE, Fix.CORRECT),
    "units_missing": _CELL_FIXES,
    "units_invalid": _CELL_FIXES,
    "classes_unknown": _CELL_FIXES,
    "classes_invalid": _CELL_FIXES,
    "classes_out_of_range": _CELL_FIXES,
    "email_invalid": _CELL_FIXES,
    "multiple_emails": _CELL_FIXES,
    "email_missing": _CELL_FIXES,
    "excel_error": (),
    "formula_not_computed": _CELL_FIXES,
    "rows_not_combined": _CELL_FIXES,
    "shared_number": _CELL_FIXES,
    "lower": (Fix.REDUCE, Fix.REVOKE, Fix.SET_ASIDE),
    "reduced_to_zero": (Fix.REVOKE, Fix.SET_ASIDE),
    "below_redeemed_units": (Fix.SET_ASIDE,),
    "already_added": (Fix.TICK, Fix.SET_ASIDE),
    "other_pool": (Fix.COMPLEMENT, Fix.TICK, Fix.SET_ASIDE),
    "declined": (Fix.TICK, Fix.SET_ASIDE),
    "no_elementary": (Fix.TICK, Fix.SET_ASIDE),
    "probable_subtotal": _PLAUSIBILITY_FIXES,
    "outlier": _PLAUSIBILITY_FIXES,
    "not_in_portfolio": (Fix.ADD_TO_PORTFOLIO, Fix.SET_ASIDE),
    "units_exceed_classes": (Fix.CORRECT,),
    "file_remark": (),
    "added_to_other_pool": (),
    "added_units": (),
    "shared_number_given": (Fix.CORRECT,),
    "email_shared": (Fix.CORRECT,),
    "email_not_in_directory": (),
    "repaired": (),
    "matched_by_name": (),
    "named_differently": (),
    "classes_differ": (),
    "rows_combined": (),
    "changes": (),
    "duplicate": (),
    "zero_units": (),
    # Restored one by one: all at once, they would contradict the rows that count in their place.
    "counted_with_another": (),
    "number_given_elsewhere": (),
    "another_row_counts": (),
    "table_not_chosen": (),
    "ignored": (Fix.RESTORE,),
    "set_aside": (Fix.RESTORE,),
    "awaited": (Fix.RESTORE,),
}


def list_fixes(codes: list[str]) -> list[Fix]:
    """Return the distinct fixes for these codes, the likeliest first."""
    return list(dict.fromkeys(remedy for code in codes for remedy in FIXES.get(code, ())))
