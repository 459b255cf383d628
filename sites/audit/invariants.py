"""Types of the audit: invariants, findings, and what the rules of an office are given of the public schema."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from core.connections import connection
from core.schemas import PublicRows

# What the rules of an office are given of the public schema: read before, since no statement names tables of both.
#
# Each is read once for an office, in the moment of all its rules: see `checks`.

#: What the office names of the public schema, as parameters of the queries below. One row, of the office's tables.
NAMED = {
    "accounts": """
        SELECT user_id FROM collectivities_member
        UNION SELECT actor_id FROM collectivities_auditentry
        UNION SELECT account_id FROM api_token
        UNION SELECT created_by_id FROM pools_allocation
        UNION SELECT revoked_by_id FROM pools_allocation
        UNION SELECT applied_by_id FROM rebalancing_rebalancing
        UNION SELECT undone_by_id FROM rebalancing_rebalancing
        UNION SELECT changed_by_id FROM renewals_renewal
        UNION SELECT declined_by_id FROM renewals_renewal
        UNION SELECT ordered_by_id FROM renewals_renewalorder
        UNION SELECT applied_by_id FROM renewals_renewalapplication
        UNION SELECT undone_by_id FROM renewals_renewalapplication
    """,
    "entitlements": "SELECT entitlement_id FROM pools_pool",
    "keys": "SELECT key_id FROM pools_allocation",
    "requests": "SELECT request_id FROM rebalancing_licencemove WHERE request_id IS NOT NULL",
    "orders": "SELECT order_id FROM renewals_renewalorder",
    "reminded_schools": "SELECT DISTINCT school_id FROM reminders_reminder WHERE sent_at IS NOT NULL",
    "waiting_addresses": "SELECT lower(trim(recipient)) FROM mailing_message WHERE refusal = 'waiting'",
}

ACCOUNTS = PublicRows(
    "account",
    {"id": "bigint", "is_active": "boolean", "profile": "text"},
    "SELECT id, is_active, profile FROM public.accounts_user WHERE id = ANY(%(accounts)s)",
)
ENTITLEMENTS = PublicRows(
    "entitlement",
    {
        "id": "bigint",
        "collectivity_id": "bigint",
        "last_day": "date",
        "provisional_until": "date",
        "suspended_at": "timestamptz",
        "cancelled_at": "timestamptz",
        "ordered": "bigint",
    },
    """
    SELECT
        entitlement.id, entitlement.collectivity_id, entitlement.last_day, entitlement.provisional_until,
        entitlement.suspended_at, entitlement.cancelled_at, line.quantity - line.taken_back
    FROM public.entitlements_entitlement AS entitlement
    LEFT JOIN public.orders_orderline AS line ON line.entitlement_id = entitlement.id
    WHERE entitlement.collectivity_id = %(collectivity)s OR entitlement.id = ANY(%(entitlements)s)
    """,
)
#: `returned`: whether its school gave some of its licences back.
KEYS = PublicRows(
    "key",
    {
        "id": "bigint",
        "entitlement_id": "bigint",
        "school_id": "text",
        "units": "bigint",
        "redeemed_at": "timestamptz",
        "revoked_at": "timestamptz",
        "returned": "boolean",
    },
    """
    SELECT
        key.id, key.entitlement_id, key.school_id, key.units, key.redeemed_at, key.revoked_at,
        EXISTS (
            SELECT FROM public.returns_licencereturn AS given WHERE given.key_id = key.id AND given.undone_at IS NULL
        )
    FROM public.entitlements_activationkey AS key
    WHERE key.entitlement_id = ANY(%(entitlements)s) OR key.id = ANY(%(keys)s)
    """,
)
REQUESTS = PublicRows(
    "request",
    {
        "id": "bigint",
        "collectivity_id": "bigint",
        "school_id": "text",
        "outcome": "text",
        "accepted_units": "bigint",
        "granted_until": "timestamptz",
        "key_id": "bigint",
    },
    """
    SELECT id, collectivity_id, school_id, outcome, accepted_units, granted_until, key_id
    FROM public.requests_licencerequest
    WHERE collectivity_id = %(collectivity)s OR id = ANY(%(requests)s)
    """,
)
#: `year`: in which the school year of a line ends.
SALES = PublicRows(
    "sale",
    {"id": "bigint", "kind": "text", "state": "text", "schema": "text", "year": "integer"},
    """
    SELECT sale.id, sale.kind, sale.state, collectivity.schema_name, extract(YEAR FROM year.ends_on)
    FROM public.orders_order AS sale
    LEFT JOIN public.tenants_collectivity AS collectivity ON collectivity.id = sale.collectivity_id
    LEFT JOIN public.orders_orderline AS line ON line.order_id = sale.id
    LEFT JOIN public.catalogue_schoolyear AS year ON year.id = line.school_year_id
    WHERE sale.id = ANY(%(orders)s)
    """,
)
#: Those that wait or run in the office's schema, or for a key.
JOBS = PublicRows(
    "job",
    {"task_name": "text", "lock": "text", "schema": "text"},
    """
    SELECT task_name, lock, args ->> 'schema'
    FROM public.procrastinate_jobs
    WHERE status IN ('todo', 'doing') AND (args ->> 'schema' = %(schema)s OR starts_with(lock, 'pools.key:'))
    """,
)
DUE_WORK = PublicRows(
    "work",
    {"kind": "text", "due_at": "timestamptz"},
    "SELECT kind, due_at FROM public.jobs_duework WHERE schema = %(schema)s",
)
WRITTEN_WEEKS = PublicRows(
    "written",
    {"school_id": "text", "week": "date", "schema": "text"},
    "SELECT school_id, week, schema FROM public.schools_writtenweek WHERE school_id = ANY(%(reminded_schools)s)",
)
REFUSED_ADDRESSES = PublicRows(
    "refused",
    {"address": "text", "waits_here": "boolean"},
    """
    SELECT address, %(schema)s = ANY(waiting_in) FROM public.bounces_refusedaddress
    WHERE address = ANY(%(waiting_addresses)s)
    """,
)
FAILED_SENDINGS = PublicRows(
    "sending",
    {"id": "bigint", "lost": "bigint", "handled": "bigint"},
    "SELECT id, lost, handled FROM public.bounces_failedsending WHERE schema = %(schema)s",
)


#: Maximum number of violations kept as sentences per invariant; all are counted.
MAX_EXAMPLES = 20


@dataclass(slots=True)
class Finding:
    """One invariant and its violations."""

    code: str
    rule: str
    broken: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Count one violation."""
        self.broken += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(sentence)


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule and the query that returns its violations."""

    code: str
    rule: str
    sql: str
    #: What an office's rule reads of the public schema, under their names.
    public: tuple[PublicRows, ...] = ()


# What the rules of one schema are given: its name, the moment, and public rows, read once for the first rule.
#
# As parameters: a node that keeps an office knows neither a setting of the session nor the schema it is in.


class OfficeRows:
    """What was read of the public schema for the current one; `collectivity`: None for the portal's own outbox."""

    def __init__(self, *, collectivity: int | None, at: datetime.datetime) -> None:
        self._collectivity = collectivity
        self._at = at
        self._named: dict[str, list[Any]] | None = None
        self._read: dict[str, dict[str, str | None]] = {}

    def read(self, wanted: Iterable[PublicRows]) -> dict[str, Any]:
        """Return the parameters of a rule that reads these rows."""
        parameters: dict[str, Any] = {
            "collectivity": self._collectivity,
            "schema": connection.schema_name,
            "audited_at": self._at,
        }
        for rows in wanted:
            if rows.name not in self._read:
                self._read[rows.name] = rows.read({**parameters, **self._list_named()})
            parameters |= self._read[rows.name]
        return parameters

    def _list_named(self) -> dict[str, list[Any]]:
        """Return what the schema names of the public one. One query, of its own tables."""
        if self._named is None:
            # The portal has an outbox, and no other table of an office.
            asked = NAMED if self._collectivity is not None else {"waiting_addresses": NAMED["waiting_addresses"]}
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {', '.join(f'ARRAY({query})' for query in asked.values())}")
                self._named = dict(zip(asked, cursor.fetchone() or (), strict=True))
        return self._named
