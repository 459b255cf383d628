"""OpenAPI examples of an import at its steps."""

SUMMARY = {
    "id": 57,
    "purpose": "allocation",
    "pool": 3,
    "filename": "ecoles-2026.xlsx",
    "size": 18_422,
    "sha256": "0f343b0931126a20f133d67c2b018a3b5f1b2f3f4a5d6c7e8f90112233445566",
    "state": "checked",
    "corrects": None,
    "counts": {"new": 2, "changed": 0, "unchanged": 0, "conflict": 0, "error": 0, "ignored": 1},
    "created_at": "2026-11-25T09:00:00Z",
    "created_by": "Jeton « SI de la ville »",
    "applied_at": None,
    "applied_by": None,
    "undone_at": None,
    "contents_deleted_at": None,
}
_LAYOUT: dict[str, object] = {
    "kind": "xlsx",
    "sheets": ["Écoles"],
    "read_sheets": [{"sheet": "Écoles", "index": 0, "header_row": 1}],
    "columns": [
        {"index": 0, "letters": "A", "title": "UAI", "examples": ["0301234D", "0301235E"], "meaning": "uai"},
        {"index": 1, "letters": "B", "title": "Licences", "examples": ["8", "5"], "meaning": "units"},
    ],
    "volume": "column",
    "remembered": False,
    "rows": 3,
    "remarks": [],
    "questions": [],
    "answered": [],
}
CHECKED = SUMMARY | {
    "volume": None,
    "units_for_all": None,
    "send_on": None,
    "progress": None,
    "layout": _LAYOUT,
    "plan": {
        "digest": "2-8214563219987",
        "rows": 2,
        "created": 2,
        "grown": 0,
        "reduced": 0,
        "revoked": 0,
        "added": 0,
        "updated": 0,
        "units": 13,
        "free": 120,
        "missing": 0,
        "errors": 0,
        "conflicts": 0,
        "confirmation": None,
    },
    "outcome": None,
    "rejection": None,
}
_QUESTION = {
    "column": "",
    "code": "row_categories",
    "message": "« Statut » (F) : lesquelles de ces lignes faut-il prendre ?",
    "options": [
        {"value": "F:valide", "label": "Statut (F) : Validé – 6 lignes"},
        {"value": "F:en-attente", "label": "Statut (F) : En attente – 2 lignes"},
    ],
    "answer": "",
    "multiple": True,
    "likely": ["F:valide"],
}
ASKED = CHECKED | {
    "state": "read",
    "layout": _LAYOUT | {"questions": [_QUESTION]},
    "plan": None,
}
UPLOADED = CHECKED | {
    "state": "uploaded",
    "counts": dict.fromkeys(("new", "changed", "unchanged", "conflict", "error", "ignored"), 0),
    "layout": None,
    "plan": None,
}
APPLYING = CHECKED | {"state": "applying", "applied_by": "Jeton « SI de la ville »", "plan": None}
CANCELLED = CHECKED | {"state": "cancelled", "plan": None}
_OUTCOME = {
    "allocations": 2, "grown": 0, "reduced": 0, "revoked": 0, "units": 13, "returned": 0, "messages": 2,
}  # fmt: skip
APPLIED = APPLYING | {"state": "applied", "applied_at": "2026-11-25T09:02:00Z", "outcome": _OUTCOME}
ROW = {
    "id": 90_211,
    "sheet": 0,
    "number": 2,
    "cells": {"uai": "0301234D", "units": "8"},
    "edits": {},
    "uai": "0301234D",
    "match_method": "uai",
    "confidence": 1.0,
    "label": "École élémentaire Jean Jaurès – Nîmes",
    "proposals": [],
    "email": "",
    "recipient": "ce.0301234d@ac-exemple.example",
    "units": 8,
    "units_before": 0,
    "classes": None,
    "contact_name": "",
    "phone": "",
    "previous_contact": None,
    "verdict": "new",
    "problems": [],
    "resolution": "",
    "ignored_reason": "",
    "set_aside": False,
    "awaited": False,
    "ticked": True,
    "effect": "created",
}
UNDO = {
    "done": False,
    "revoked": 1,
    "reduced": 0,
    "units": 8,
    "removed": 0,
    "restored": 0,
    "messages": 1,
    "kept_count": 1,
    "kept": [
        {
            "sheet": 0,
            "number": 3,
            "uai": "0301235E",
            "label": "École élémentaire Marie Curie – Nîmes",
            "units": 5,
            "code": "already_redeemed",
            "reason": "La clé a été activée le 2 décembre 2026 : l'école garde ses licences.",
        }
    ],
}
