"""What accepting requests will do, in schools and licences, before anybody confirms it.

Read without locks: the operation decides anew, and refuses for the same reasons.
"""

import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import django_tables2 as tables
from django.db.models import Count, Q, Sum
from django.utils.functional import cached_property

from core import formatting
from core.calendar import date_in_paris
from core.confirmation_guard import ConfirmationGuard, is_large_share
from core.formatting import format_school_year, school_forms
from licensing.entitlements.office_keys import find_entitlements, list_entitlements
from licensing.entitlements.queries import get_school_year
from licensing.pools.models import Allocation, Pool
from licensing.pools.queries import list_holdings, list_sibling_pools
from licensing.pools.wording import describe_holdings
from licensing.requests.school_requests.models import LicenceRequest
from tenants.models import Collectivity
from web.figure_column import FigureColumn


class AcceptancePreview(NamedTuple):
    """What accepting these requests gives."""

    pool: Pool
    #: Each request with the licences that it is to get.
    grants: list[tuple[LicenceRequest, int]]
    units: int
    #: French sentences: what will happen.
    lines: list[str]
    #: Why it cannot be done as it stands; empty where it can.
    obstacle: str


class HeldLicences(NamedTuple):
    """Licences that a school has of an office, and those that a teacher holds."""

    units: int = 0
    used: int = 0


def list_held_licences(requests: Collection[LicenceRequest]) -> dict[tuple[str, int], HeldLicences]:
    """Return by school and school year which licences of the current office the schools have. Two queries."""
    if not requests:
        return {}
    active = Allocation.objects.active().filter(school_id__in={one.school_id for one in requests})
    last_days = dict(list_entitlements().filter(cancelled_at=None).values_list("pk", "last_day"))
    active = active.filter(pool__entitlement__in=list(last_days))
    found = active.order_by().values_list("school_id", "pool__entitlement_id", "units", "held")
    held: dict[tuple[str, int], HeldLicences] = {}
    for uai, entitlement_id, units, used in found:
        year = (uai, get_school_year(last_days[entitlement_id]))
        before = held.get(year, HeldLicences())
        held[year] = HeldLicences(before.units + units, before.used + used)
    return held


def list_waiting(collectivity: Collectivity, request_ids: Collection[int]) -> list[LicenceRequest]:
    """Return those of the requests to this collectivity that wait, with their schools."""
    requests = LicenceRequest.objects.waiting().filter(collectivity_id=collectivity.pk, pk__in=request_ids)
    return list(requests.select_related("school").order_by("created_at", "pk"))


def preview_acceptance(pool: Pool, requests: Sequence[LicenceRequest], units: Mapping[int, int]) -> AcceptancePreview:
    """Return what accepting the requests from this pool will do. Three queries."""
    grants = [(one, units[one.pk]) for one in requests]
    total = sum(units[one.pk] for one in requests)
    uais = [one.school_id for one in requests]
    grown = set(Allocation.objects.active().filter(pool=pool, school_id__in=uais).values_list("school_id", flat=True))
    beside = list_holdings(list_sibling_pools(pool), uais)
    schools = formatting.pluralize(len(requests), "école reçoit", "écoles reçoivent")
    lines = [
        (
            f"{schools} {formatting.pluralize(total, 'licence')} du lot « {pool.name} », qui en aura encore"
            f" {formatting.number(max(0, pool.free - total))} à donner."
        )
    ]
    if new := [one for one in requests if one.school_id not in grown]:
        lines.append(f"{formatting.pluralize(len(new), 'clé part', 'clés partent')} par e-mail.")
    if grown:
        same = formatting.pluralize(len(grown), "école garde", "écoles gardent")
        lines.append(f"{same} la même clé, qui vaut davantage : rien n’est à saisir de nouveau.")
    lines += [
        f"{school_forms(one.school.name).the} a déjà {describe_holdings(beside[one.school_id])} : une seconde clé part."
        for one in requests
        if one.school_id in beside and one.school_id not in grown
    ]
    lines.append("Chaque direction qui a demandé l’apprend par e-mail.")
    return AcceptancePreview(pool, grants, total, lines, _find_obstacle(pool, requests, total))


def build_guard(preview: AcceptancePreview, at: datetime.datetime) -> ConfirmationGuard | None:
    """Return the guard on a gift that is large beside what the office has given; None for others."""
    entitlements = find_entitlements(Q(last_day__gte=date_in_paris(at)))
    running = Allocation.objects.active().filter(pool__entitlement__in=entitlements)
    given = running.aggregate(schools=Count("school_id", distinct=True), units=Sum("units"))
    units = given["units"] or 0
    if not is_large_share(preview.units, units, schools_served=given["schools"]):
        return None
    of_all = formatting.pluralize(units, "licence déjà donnée", "licences déjà données")
    return ConfirmationGuard(
        preview.units,
        f"Vous donnez {formatting.pluralize(preview.units, 'licence')}, pour {of_all}. Tapez ce nombre de licences pour"
        " confirmer.",
    )


def _find_obstacle(pool: Pool, requests: Sequence[LicenceRequest], total: int) -> str:
    year = get_school_year(pool.entitlement.last_day)
    if other := next((one for one in requests if one.school_year != year), None):
        return (
            f"{school_forms(other.school.name).the} demande des licences de {format_school_year(other.school_year)}, et"
            f" ce lot est de {format_school_year(year)} : choisissez un lot de cette année-là."
        )
    if total > pool.free:
        return (
            f"Ce lot n’a plus que {formatting.pluralize(pool.free, 'licence libre', 'licences libres')} :"
            " donnez-en moins, ou choisissez un autre lot."
        )
    return ""


class _RequestTable(tables.Table):
    school = tables.TemplateColumn(
        template_name="requests/_school.html", verbose_name="Établissement", order_by=("school__name_folded",)
    )
    school_year = tables.Column(verbose_name="Année scolaire")
    units = FigureColumn(verbose_name="Demandées")

    def render_school_year(self, value: int) -> str:
        return format_school_year(value)


class LicenceRequestTable(_RequestTable):
    """Requests that wait: what each school asks, what it has, and how many licences to give it."""

    pick = tables.TemplateColumn(
        template_name="requests/_pick.html", verbose_name="Choisir", orderable=False, attrs={"td": {"class": "tick"}}
    )
    held = FigureColumn(verbose_name="Déjà données", empty_values=(), orderable=False)
    used = FigureColumn(verbose_name="Utilisées", empty_values=(), orderable=False)
    given = tables.TemplateColumn(
        template_name="requests/_given.html",
        verbose_name="À donner",
        orderable=False,
        attrs={"td": {"class": "number"}},
    )
    reason = tables.Column(verbose_name="Motif", orderable=False)
    created_at = tables.DateColumn(verbose_name="Depuis le", format="d/m/Y")

    class Meta:
        model = LicenceRequest
        fields = ()
        sequence = ("pick", "school", "school_year", "units", "held", "used", "given", "reason", "created_at")
        empty_text = "Aucune école n’attend de réponse."

    def __init__(
        self,
        *args: Any,
        ticked: Collection[int] = (),
        typed: Mapping[int, str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Build the table. `ticked`, `typed`: what a refused form had."""
        super().__init__(*args, **kwargs)
        self.ticked, self.typed = ticked, typed or {}

    @cached_property
    def held_licences(self) -> dict[tuple[str, int], HeldLicences]:
        """What the schools of the page have, by school and school year. Two queries."""
        return list_held_licences([row.record for row in self.paginated_rows])

    def render_held(self, record: LicenceRequest) -> int:
        return self.held_licences.get((record.school_id, record.school_year), HeldLicences()).units

    def render_used(self, record: LicenceRequest) -> int:
        return self.held_licences.get((record.school_id, record.school_year), HeldLicences()).used

    def get_given(self, record: LicenceRequest) -> str:
        """Return how many licences the field of a row holds."""
        return self.typed.get(record.pk, str(record.units))


class AnsweredRequestTable(_RequestTable):
    """Requests that were answered, withdrawn or are over."""

    accepted_units = FigureColumn(verbose_name="Données")
    outcome = tables.Column(verbose_name="Issue")
    answer = tables.Column(verbose_name="Réponse", orderable=False)
    ended_at = tables.DateColumn(verbose_name="Le", format="d/m/Y")

    class Meta:
        model = LicenceRequest
        fields = ()
        sequence = ("school", "school_year", "units", "accepted_units", "outcome", "answer", "ended_at")
        empty_text = "Aucune demande n’a encore eu de réponse."

    def render_outcome(self, record: LicenceRequest) -> str:
        return str(record.state.label)
