"""Template filters of the office: numbers, school names, pool positions and statuses."""

import datetime
from typing import NamedTuple

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import formatting
from core.calendar import date_in_paris
from licensing.entitlements.models import Entitlement, EntitlementStatus
from licensing.entitlements.wording import describe_review, describe_start, format_long_date, format_until
from licensing.entitlements.wording import status_text as status_in_words
from licensing.pools.positions import PoolPosition
from licensing.pools.tables import render_badge
from licensing.pools.wording import POSITION_WORDS
from schools.wording import format_school_name

register = template.Library()

#: Label and colour of a pool's status badge.
_BADGES = {
    EntitlementStatus.FIRM: ("Ferme", "green"),
    EntitlementStatus.PROVISIONAL: ("Provisoire", "yellow"),
    EntitlementStatus.UNPAID: ("Provisoire", "yellow"),
    EntitlementStatus.OVERDUE: ("À régler", "orange"),
    EntitlementStatus.LAPSED: ("Suspendu", "orange"),
    EntitlementStatus.SUSPENDED: ("Suspendu", "orange"),
    EntitlementStatus.CANCELLED: ("Annulé", "secondary"),
    EntitlementStatus.ENDED: ("Terminé", "secondary"),
}

#: Width of the bar in SVG user units.
_BAR_WIDTH = 1000


class BarSegment(NamedTuple):
    """A segment of the bar: its start and width in user units, and what it counts."""

    code: str
    label: str
    licences: int
    x: str
    width: str

    @property
    def words(self) -> str:
        """Return « 12 non activées », « 1 non activée »."""
        plural = self.label.lower()
        return formatting.pluralize(
            self.licences, ", ".join(word.removesuffix("s") for word in plural.split(", ")), plural
        )


@register.filter
def position_parts(position: PoolPosition) -> list[BarSegment]:
    """Return the four segments of the bar, in the order of a licence's life."""
    parts, start = [], 0.0
    counts = (position.free, position.issued, position.redeemed_free, position.held)
    for (code, label), count in zip(POSITION_WORDS.items(), counts, strict=True):
        width = _BAR_WIDTH * count / position.bought
        # SVG attributes: a decimal point in any locale.
        parts.append(BarSegment(code, label, count, f"{start:.2f}", f"{width:.2f}"))
        start += width
    return parts


@register.filter
def position_words(position: PoolPosition) -> str:
    """Return a text alternative of the bar."""
    parts = " ; ".join(part.words for part in position_parts(position))
    return f"{formatting.pluralize(position.bought, 'licence achetée', 'licences achetées')} : {parts}"


@register.filter
def status_badge(position: PoolPosition) -> SafeString:
    """Render a pool's status today as a coloured badge."""
    entitlement, day = position.entitlement, _today()
    label, colour = _BADGES[entitlement.status_on(day)]
    if position.under_review and not entitlement.over_on(day):
        suspended = entitlement.suspended_on(day)
        label, colour = describe_review(suspended=suspended), colour if suspended else "blue"
    return format_html('<span class="badge bg-{}-lt">{}</span>', colour, label)


@register.filter
def status_text(position: PoolPosition) -> str:
    """Describe what a pool's licences await, and until when; empty where they are paid for."""
    return formatting.add_nonbreaking_spaces(
        status_in_words(position.entitlement, _today(), under_review=position.under_review)
    )


@register.filter
def valid_until(entitlement: Entitlement) -> str:
    """Return until when licences are valid; while the order is unpaid, both deadlines."""
    return format_until(entitlement, _today())


@register.filter
def valid_between(entitlement: Entitlement) -> str:
    """Return the last day of the licences, after the first if it is to come; as if they were paid for."""
    start = describe_start(entitlement, _today())
    return f"{start + ', ' if start else ''}jusqu'au {format_long_date(entitlement.last_day)} inclus"


def _today() -> datetime.date:
    return date_in_paris(timezone.now())


register.filter("situation_badge", render_badge)
register.filter("french_number", formatting.number)
register.filter("school_name", format_school_name)
