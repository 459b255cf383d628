"""French texts of the dashboard. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.formatting import pluralize
from licensing.entitlements.wording import format_long_date
from schools.wording import format_school_name

if TYPE_CHECKING:
    from licensing.entitlements.overview import PrincipalOverview
    from sites.portal.my_account.roster import SchoolRoster


def describe_classes(found: PrincipalOverview, shown: SchoolRoster) -> str:
    """Return « École Jean Jaurès : 2 classes sur 3 ont Pep's »; the school alone where it has no licence."""
    name = format_school_name(str(found.affiliation)) if found.affiliation is not None else "Mon établissement"
    if not shown.cards:
        return name
    if shown.suspended:
        return f"{name} : {'licence suspendue' if shown.size == 1 else 'licences suspendues'}"
    if shown.begins_on is not None:
        have, start = "aura" if shown.taken <= 1 else "auront", f" à partir du {format_long_date(shown.begins_on)}"
    else:
        have, start = "a" if shown.taken <= 1 else "ont", ""
    if not shown.taken:
        return f"{name} : aucune classe sur {shown.size} n'{have}{'' if start else ' encore'} Pep's{start}"
    return f"{name} : {pluralize(shown.taken, 'classe')} sur {shown.size} {have} Pep's{start}"
