"""The number of licences proposed for a school's next year, and why. Pure."""

import datetime
from typing import Any, NamedTuple

from core import formatting
from core.calendar import date_in_paris
from core.connections import connection
from core.schemas import PublicRows
from licensing.entitlements.office_keys import ENTITLEMENTS
from licensing.entitlements.queries import get_last_days
from licensing.plans.renewals.models import MAX_UNITS


class SchoolUse(NamedTuple):
    """A school and the licences of its running year, over all its keys that were not revoked."""

    uai: str
    name: str
    commune: str
    #: Whether the directory says that it is closed.
    is_closed: bool
    #: Whether the portfolio has it, and how many classes it is said to have there.
    in_portfolio: bool
    classes: int | None
    #: None where it was given none this year; 0 where it gave all back.
    given: int | None
    is_redeemed: bool
    #: When it was last given a key.
    given_at: datetime.datetime | None
    #: The most that its teachers held in the evening of a day, and what they hold today.
    peak: int
    used: int
    #: What it asks for and waits for: more this year, and of the next one.
    asks_now: int
    asks_next: int
    #: What it has already of the next year.
    has_next: int


# Movements are summed a day: who hands a seat over, or undoes a click, holds no two seats in between.
_STEPS = PublicRows(
    "step",
    {"key_id": "bigint", "day": "date", "seats": "bigint"},
    """
    SELECT
        subscription.key_id,
        (event.at AT TIME ZONE 'Europe/Paris')::date,
        sum(CASE WHEN event.kind IN ('assigned', 'claimed') THEN 1 ELSE -1 END)
    FROM public.entitlements_entitlement AS entitlement
    JOIN public.tenants_collectivity AS collectivity
        ON collectivity.id = entitlement.collectivity_id AND collectivity.schema_name = %(schema)s
    JOIN public.entitlements_activationkey AS key ON key.entitlement_id = entitlement.id
    JOIN public.entitlements_subscription AS subscription ON subscription.key_id = key.id
    JOIN public.entitlements_seat AS seat ON seat.subscription_id = subscription.id
    JOIN public.entitlements_seatevent AS event ON event.seat_id = seat.id
    WHERE entitlement.last_day > %(before)s AND entitlement.last_day <= %(last)s AND entitlement.cancelled_at IS NULL
    GROUP BY subscription.key_id, 2
    """,
)
_ASKED = PublicRows(
    "asked",
    {"school_id": "text", "now": "bigint", "next": "bigint"},
    """
    SELECT
        request.school_id,
        coalesce(sum(request.units) FILTER (WHERE request.school_year = %(year)s), 0)::bigint,
        coalesce(sum(request.units) FILTER (WHERE request.school_year = %(year)s + 1), 0)::bigint
    FROM public.requests_licencerequest AS request
    JOIN public.tenants_collectivity AS collectivity ON collectivity.id = request.collectivity_id
    WHERE collectivity.schema_name = %(schema)s AND request.ended_at IS NULL
        AND request.school_year IN (%(year)s, %(year)s + 1)
    GROUP BY request.school_id
    """,
)
_USE_SQL = f"""
WITH {ENTITLEMENTS.cte}, {_STEPS.cte}, {_ASKED.cte},
given AS (
    SELECT
        allocation.school_id, allocation.units, allocation.key_id, allocation.created_at, allocation.redeemed_at,
        allocation.held
    FROM entitlement
    JOIN pools_pool AS pool ON pool.entitlement_id = entitlement.id
    JOIN pools_allocation AS allocation ON allocation.pool_id = pool.id AND allocation.revoked_at IS NULL
    WHERE entitlement.last_day > %(before)s AND entitlement.last_day <= %(last)s AND entitlement.cancelled_at IS NULL
),
had AS (
    SELECT
        school_id, sum(units)::bigint AS units, bool_or(redeemed_at IS NOT NULL) AS redeemed,
        max(created_at) AS given_at, coalesce(sum(held), 0)::bigint AS held
    FROM given GROUP BY school_id
),
moved AS (
    SELECT given.school_id, step.day, sum(step.seats) AS step
    FROM given
    JOIN step ON step.key_id = given.key_id
    GROUP BY given.school_id, step.day
),
peaks AS (
    SELECT school_id, max(evening)::bigint AS seats
    FROM (SELECT school_id, sum(step) OVER (PARTITION BY school_id ORDER BY day) AS evening FROM moved) AS evenings
    GROUP BY school_id
),
coming AS (
    SELECT allocation.school_id, sum(allocation.units)::bigint AS units
    FROM entitlement
    JOIN pools_pool AS pool ON pool.entitlement_id = entitlement.id
    JOIN pools_allocation AS allocation ON allocation.pool_id = pool.id AND allocation.revoked_at IS NULL
    WHERE entitlement.last_day > %(last)s AND entitlement.last_day <= %(next_last)s AND entitlement.cancelled_at IS NULL
    GROUP BY allocation.school_id
),
named AS (
    SELECT school_id FROM collectivities_portfolioschool
    UNION SELECT school_id FROM had
    UNION SELECT school_id FROM asked
    UNION SELECT school_id FROM coming
    UNION SELECT school_id FROM renewals_renewalline WHERE renewal_id = %(renewal)s
)
SELECT
    school.uai,
    school.name,
    school.commune,
    school.state = 'closed',
    entry.id IS NOT NULL,
    entry.classes,
    had.units,
    coalesce(had.redeemed, FALSE),
    had.given_at,
    coalesce(peaks.seats, 0),
    coalesce(had.held, 0),
    coalesce(asked.now, 0),
    coalesce(asked.next, 0),
    coalesce(coming.units, 0)
FROM named
JOIN public.schools_school AS school ON school.uai = named.school_id
LEFT JOIN collectivities_portfolioschool AS entry ON entry.school_id = named.school_id
LEFT JOIN had ON had.school_id = named.school_id
LEFT JOIN peaks ON peaks.school_id = named.school_id
LEFT JOIN asked ON asked.school_id = named.school_id
LEFT JOIN coming ON coming.school_id = named.school_id
ORDER BY school.commune_folded, school.name_folded, school.uai
"""  # noqa: S608 - constants of this module, and parameters


def list_school_uses(year: int, *, renewal_id: int) -> list[SchoolUse]:
    """Return the schools that a renewal may concern, with what they had of the school year `year`. Four queries.

    Those of the portfolio, those that have or ask for licences, and those of the renewal's lines; 0 for no renewal.
    """
    before, last = get_last_days(year)
    _, next_last = get_last_days(year + 1)
    bounds: dict[str, Any] = {
        "year": year,
        "before": before,
        "last": last,
        "next_last": next_last,
        "renewal": renewal_id,
    }
    public_rows = {**ENTITLEMENTS.read(), **_STEPS.read(bounds), **_ASKED.read(bounds)}
    with connection.cursor() as cursor:
        cursor.execute(_USE_SQL, {**bounds, **public_rows})
        return [SchoolUse._make(row) for row in cursor.fetchall()]


#: A key that waits for less says nothing yet of what its school needs.
RECENT = datetime.timedelta(days=45)


class SchoolProposal(NamedTuple):
    """How many licences are proposed, and the reason as a French sentence without its full stop."""

    units: int
    reason: str


def propose(use: SchoolUse, at: datetime.datetime) -> SchoolProposal:
    """Return what is proposed for a school from what it was given, held at most, asked for, and its classes."""
    if use.is_closed:
        return SchoolProposal(0, "école fermée, d'après l'annuaire")
    units, reasons = _propose_from_use(use, at)
    if use.asks_now:
        units += use.asks_now
        reasons.append(f"en demande {formatting.number(use.asks_now)} de plus cette année")
    if use.asks_next:
        units = max(units, use.asks_next)
        reasons.append(f"en demande {formatting.number(use.asks_next)} pour l'an prochain")
    # Classes that were used are there, whatever the portfolio says.
    limit = None if use.classes is None else max(use.classes, use.peak)
    if limit is not None and units > limit:
        units = limit
        reasons.append(_describe_limit(limit))
    return SchoolProposal(min(units, MAX_UNITS), ", ".join(reasons))


def _describe_limit(limit: int) -> str:
    if limit > 1:
        return f"pas plus que ses {formatting.pluralize(limit, 'classe')}"
    return "pas plus que sa classe" if limit else "aucune classe, d'après votre liste d'écoles"


def _propose_from_use(use: SchoolUse, at: datetime.datetime) -> tuple[int, list[str]]:
    if not use.given:
        return 0, ["rien cette année" if use.given is None else "a rendu toutes ses licences"]
    if not use.is_redeemed:
        return _propose_unredeemed(use.given, use.given_at, at)
    if not use.peak:
        return 1, ["clé activée, personne ne s'en est servi : à voir avec l'école"]
    if use.peak < use.given:
        return use.peak, [f"{formatting.number(use.peak)} tenues au plus" if use.peak > 1 else "1 tenue au plus"]
    if use.classes is not None and use.classes > use.peak:
        return use.peak + 1, [f"toutes tenues, pour {formatting.pluralize(use.classes, 'classe')}"]
    return use.peak, ["toutes tenues" if use.peak > 1 else "tenue"]


def _propose_unredeemed(given: int, given_at: datetime.datetime | None, at: datetime.datetime) -> tuple[int, list[str]]:
    if given_at is not None and at - given_at < RECENT:
        return given, [f"clé donnée le {formatting.long_date(date_in_paris(given_at))}, pas encore activée"]
    return 0, ["clé jamais activée"]
