"""Entitlements in each status, and what pages say of them."""

import datetime
from typing import Any

from licensing.entitlements.models import Entitlement, EntitlementStatus
from tests.conftest import TERM

TODAY = TERM.date()
SOON = datetime.date(2026, 12, 6)
PAST = TODAY - datetime.timedelta(days=1)


#: Fields of an entitlement with this status on TODAY, its validity and its sentence.
STATUS_CASES: dict[EntitlementStatus, tuple[dict[str, Any], str, str]] = {
    EntitlementStatus.FIRM: ({}, "31/08/2027", ""),
    EntitlementStatus.PROVISIONAL: (
        {"provisional_until": SOON},
        "06/12/2026 (droits temporaires), puis 31/08/2027 dès règlement",
        "jusqu'au 6 décembre 2026 inclus (plus que 12 jours), dans l'attente du bon de commande signé",
    ),
    EntitlementStatus.UNPAID: (
        {"unpaid_until": SOON},
        "31/08/2027, sous réserve du règlement",
        "(plus que 12 jours), dans l'attente du règlement",
    ),
    EntitlementStatus.OVERDUE: (
        {"unpaid_until": PAST},
        "31/08/2027, sous réserve du règlement",
        "Le règlement était attendu le 23 novembre 2026 au plus tard",
    ),
    EntitlementStatus.LAPSED: (
        {"provisional_until": PAST},
        "23/11/2026 (droits temporaires), puis 31/08/2027 dès règlement",
        "ont pris fin le 23 novembre 2026, faute de bon de commande signé",
    ),
    EntitlementStatus.SUSPENDED: (
        {"suspended_at": TERM, "unpaid_until": PAST},
        "31/08/2027, sous réserve du règlement",
        "Licences suspendues : leur commande attend son règlement",
    ),
    EntitlementStatus.CANCELLED: ({"suspended_at": TERM, "cancelled_at": TERM}, "31/08/2027", "a été annulée"),
    EntitlementStatus.ENDED: ({"last_day": PAST, "provisional_until": PAST}, "23/11/2026", ""),
}


def build_entitlement(**fields):
    return Entitlement(**{"first_day": TODAY, "last_day": datetime.date(2027, 8, 31)} | fields)
