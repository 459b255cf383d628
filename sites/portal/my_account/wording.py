"""French texts of the dashboard. Pure."""

from __future__ import annotations

from core.formatting import pluralize
from licensing.entitlements.overview import PrincipalOverview
from licensing.entitlements.wording import format_long_date
from schools.wording import format_school_name
from sites.portal.my_account.roster import SchoolRoster


def describe_classes(found: PrincipalOverview, shown: SchoolRoster) -> str:
    """Return « École Jaurès : 2 classes ont Pep's, 1 licence reste à donner »; the school alone without licences."""
    name = format_school_name(str(found.affiliation)) if found.affiliation is not None else "Mon établissement"
    if not shown.cards:
        return name
    if shown.suspended:
        return f"{name} : {'licence suspendue' if shown.size == 1 else 'licences suspendues'}"
    start = f"à partir du {format_long_date(shown.begins_on)}" if shown.begins_on is not None else ""
    served, rest = _describe_served(shown.served, start), _describe_rest(shown)
    if start and not shown.served:
        return f"{name}, {start} : {rest}"
    return f"{name} : {', '.join(filter(None, [served, rest]))}"


def _describe_served(count: int, start: str) -> str:
    """Return « 2 classes ont Pep's », or from which day."""
    if not count:
        return "aucune classe n'a encore Pep's"
    classes = pluralize(count, "classe")
    if start:
        return f"{classes} {'aura' if count == 1 else 'auront'} Pep's {start}"
    return f"{classes} {'a' if count == 1 else 'ont'} Pep's"


def _describe_rest(shown: SchoolRoster) -> str:
    """Return « 8 licences restent à donner », or that all are given or reserved; empty if the others are suspended."""
    if left := sum(card.free for card in shown.offers):
        return f"{pluralize(left, 'licence reste', 'licences restent')} à donner"
    if shown.reserved:
        return pluralize(shown.reserved, "licence est réservée", "licences sont réservées")
    if shown.free:
        return ""
    return "votre licence est donnée" if shown.size == 1 else "toutes vos licences sont données"
