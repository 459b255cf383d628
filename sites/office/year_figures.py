"""The figures of a school year's licences, and their way from the purchase to a teacher. Pure."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from core import formatting
from core.formatting import format_school_year
from licensing.entitlements.queries import get_school_year
from licensing.pools.positions import PoolProgress

#: Percentages below have a decimal: « 2 % » would stand for what is nearly three.
_WHOLE_FROM = 10
#: Width of a stage's bar in SVG user units, if it has as many licences as were bought.
BAR_WIDTH = 1000


class FunnelStage(NamedTuple):
    """A stage of the funnel, with its share of the stage before and what stays behind there."""

    code: str
    label: str
    licences: int
    #: « 36 % des achetées ; 1 543 à donner »; empty for the first.
    details: str
    #: An SVG attribute.
    width: str
    #: « 2 400 licences », « 857 données ».
    words: str


@dataclass(frozen=True, slots=True)
class YearFigures:
    """The licences of all running lots of a school year. Each figure is part of the one before."""

    #: The year in which it ends.
    year: int
    bought: int
    given: int
    delivered: int
    redeemed: int
    used: int

    @property
    def label(self) -> str:
        """« 2026-2027 »."""
        return format_school_year(self.year)

    @property
    def stages(self) -> list[FunnelStage]:
        """The five stages, from bought to used."""
        counts = [
            ("bought", "licence", "Achetées", self.bought, "", ""),
            ("given", "donnée", "Données", self.given, "des achetées", "à donner"),
            ("delivered", "remise", "Remises", self.delivered, "des données", "en route, ou perdues"),
            ("redeemed", "activée", "Activées", self.redeemed, "des remises", "à activer par leur école"),
            ("used", "utilisée", "Utilisées", self.used, "des activées", "pas encore utilisées par leur école"),
        ]
        before, stages = self.bought, []
        for code, noun, label, count, base, left in counts:
            share = f"{format_share(count, before)} {base}" if base and before else ""
            rest = f"{formatting.number(before - count)} {left}" if count < before else ""
            width = BAR_WIDTH * count / self.bought if self.bought else 0
            details = " ; ".join(filter(None, (share, rest if share else "")))
            words = formatting.pluralize(count, noun)
            stages.append(FunnelStage(code, label, count, details, f"{width:.2f}", words))
            before = count
        return stages


def build_years(pools: Sequence[PoolProgress], day: datetime.date) -> list[YearFigures]:
    """Return the figures of each school year of the pools that are not over, the running year first."""
    by_year: dict[int, list[PoolProgress]] = {}
    for pool in pools:
        if not pool.position.entitlement.over_on(day):
            by_year.setdefault(get_school_year(pool.position.last_day), []).append(pool)
    return [_add_up(year, by_year[year]) for year in sorted(by_year)]


def _add_up(year: int, pools: Sequence[PoolProgress]) -> YearFigures:
    positions = [pool.position for pool in pools]
    return YearFigures(
        year=year,
        bought=sum(one.bought for one in positions),
        given=sum(one.bought - one.free for one in positions),
        delivered=sum(pool.delivered for pool in pools),
        redeemed=sum(one.redeemed_free + one.held for one in positions),
        used=sum(one.held for one in positions),
    )


def count_available(pools: Sequence[PoolProgress], day: datetime.date) -> int:
    """Return how many licences can be given today."""
    return sum(pool.position.free for pool in pools if pool.position.entitlement.available_on(day))


def format_share(part: int, total: int) -> str:
    """Return « 36 % », « 2,8 % » below ten percent; rounded down, so that 100 % is all."""
    percent = Decimal(100 * part) / total
    step = Decimal(1) if percent >= _WHOLE_FROM or not part else Decimal("0.1")
    return formatting.percent(max(percent.quantize(step, ROUND_DOWN), step if part else Decimal(0)))
