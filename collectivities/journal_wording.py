"""French names of the actions of the audit log, for the filter of the Journal page and for its export.

Actions with the same name are one choice of the filter: a revocation alone, and the revocations of a list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from core.registry import Registry


@dataclass(frozen=True, slots=True)
class JournalAction:
    """How an action is named. `counted`: what comes by the dozen, singular and plural.

    `has_address`: its summary has somebody's address or telephone, and is said without it where others read it.
    """

    label: str
    counted: tuple[str, str] | None = None
    has_address: bool = False


#: Names of subjects, the part of an action before its dot, in the order of the filter.
subject_labels: Registry[str] = Registry("subject of the journal")
journal_actions: Registry[JournalAction] = Registry("action of the journal")
_OTHER = "Autre"


def declare_subject(subject: str, label: str, *, rank: int) -> None:
    """Declare a subject; `rank`: its place in the filter. Raises `ImproperlyConfigured` where it is taken."""
    subject_labels.declare(subject, label, rank=rank)


def declare_actions(actions: Mapping[str, JournalAction]) -> None:
    """Declare the actions that an app writes. Raises `ImproperlyConfigured` where one is taken."""
    for name, action in actions.items():
        journal_actions.declare(name, action)


def describe_action(action: str) -> str:
    """Return the French name of an action, or that of its subject where the action has none."""
    return _get_label(action) or subject_labels.get(_get_subject(action), _OTHER)


def list_same_actions(action: str) -> list[str]:
    """Return the actions of the same subject with the same name as this one; empty where it has none."""
    label, subject = _get_label(action), _get_subject(action)
    return [other for other, its in journal_actions.items() if its.label == label and _get_subject(other) == subject]


def find_choice(action: str) -> str:
    """Return the value of the journal's filter that finds an action: the first of its name, else its subject."""
    return next(iter(list_same_actions(action)), _get_subject(action))


def group_choices(actions: Collection[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return, by subject, the choices of a filter that finds these actions: the whole subject, then each name."""
    names = {(_get_subject(action), _get_label(action)) for action in actions}
    groups = []
    for subject, subject_label in subject_labels.items():
        if subject not in {found for found, _ in names}:
            continue
        # Of each name the first action of the list, so that a link stays the same whatever has happened since.
        first: dict[str, str] = {}
        for name, action in journal_actions.items():
            if _get_subject(name) == subject:
                first.setdefault(action.label, name)
        choices = sorted((label, action) for label, action in first.items() if (subject, label) in names)
        everything = (subject, f"{subject_label} : tout")
        groups.append((subject_label, [everything, *((action, label) for label, action in choices)]))
    return groups


def _get_subject(action: str) -> str:
    return action.partition(".")[0]


def _get_label(action: str) -> str | None:
    return journal_actions[action].label if action in journal_actions else None
