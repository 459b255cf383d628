"""What the schemas of collectivities know of a school, an address, a key or a telephone number, by one UNION."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from collectivities.operations.members import format_roles
from mailing.models import MessageState
from sites.back_office.search_results import OfficeMatch
from tenants.cross_schema import query_all

SCHOOL_SQL = """
SELECT 'École du périmètre', concat_ws(' ', contact_name, contact_email)
FROM {schema}.collectivities_portfolioschool WHERE school_id = %s
UNION ALL SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s) à ' || recipient
  || CASE WHEN revoked_at IS NULL THEN '' ELSE ', reprise' END
FROM {schema}.pools_allocation WHERE school_id = %s
"""
EMAIL_SQL = """
SELECT 'Membre', array_to_string(roles, ',') || CASE WHEN left_at IS NULL THEN '' ELSE ' (parti)' END
FROM {schema}.collectivities_member WHERE user_id = ANY(%s)
UNION ALL SELECT 'Contact d''une école', school_id
FROM {schema}.collectivities_portfolioschool WHERE lower(contact_email) = %s
UNION ALL SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s), école ' || school_id
FROM {schema}.pools_allocation WHERE lower(recipient) = %s
UNION ALL SELECT 'E-mails', count(*) || ' ' || state
FROM {schema}.mailing_message WHERE lower(recipient) = %s GROUP BY state
"""
KEY_SQL = """
SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s), école ' || school_id || ', à ' || recipient
FROM {schema}.pools_allocation WHERE key_id = %s
"""


def find_in_offices(sql: str, params: Sequence[Any]) -> list[OfficeMatch]:
    """Return the rows of a statement of each schema: a kind and a detail."""
    found = []
    for collectivity, (kind, detail) in query_all(sql, params):
        describe = _DESCRIPTIONS.get(kind, str)
        found.append(OfficeMatch(collectivity, kind, describe(str(detail))))
    return found


def _describe_roles(detail: str) -> str:
    """Return « acheteur, lecteur (parti) » of « buyer,viewer (parti) »."""
    roles, space, left = detail.partition(" ")
    return f"{format_roles(roles.split(','))}{space}{left}"


def _describe_emails(detail: str) -> str:
    """Return « 2 (remis) » of « 2 delivered »."""
    count, _space, state = detail.partition(" ")
    return f"{count} ({MessageState(state).label.lower()})"


#: What the rows of offices say in words of the database, in French.
_DESCRIPTIONS: dict[str, Callable[[str], str]] = {"Membre": _describe_roles, "E-mails": _describe_emails}
