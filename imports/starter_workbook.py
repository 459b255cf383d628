"""Blank workbook prefilled with the schools of the portfolio and their licences."""

from __future__ import annotations

from django.db.models import OuterRef, Subquery

from collectivities.models import PortfolioSchool
from imports.enums import Purpose
from imports.workbooks import blank_templates
from imports.workbooks.blank_templates import KnownSchool, build_template
from licensing.pools.models import Allocation, Pool
from schools.wording import format_school_name


def build_starter_workbook(purpose: Purpose, pool: Pool | None) -> bytes:
    """Return the prefilled workbook for this purpose; `pool`: the pool whose licences are shown."""
    count = PortfolioSchool.objects.count()
    schools = _schools(pool) if count <= blank_templates.MAX_SCHOOLS else []
    return build_template(
        purpose, schools, lot=pool.name if pool else "", left_out=count if count > blank_templates.MAX_SCHOOLS else 0
    )


def _schools(pool: Pool | None) -> list[KnownSchool]:
    active_allocations = Allocation.objects.active().filter(
        pool_id=pool.pk if pool else 0, school_id=OuterRef("school_id")
    )
    rows = (
        PortfolioSchool.objects.annotate(units=Subquery(active_allocations.values("units")[:1]))
        .order_by("school__commune_folded", "school__name_folded", "school_id")
        .values_list(
            "school_id",
            "school__name",
            "school__commune",
            "contact_name",
            "contact_email",
            "contact_phone",
            "classes",
            "units",
        )
    )
    return [
        KnownSchool(uai, format_school_name(name), commune, contact, email, phone, classes, units)
        for uai, name, commune, contact, email, phone, classes, units in rows
    ]
