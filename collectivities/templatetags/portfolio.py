"""Template tags of the portfolio: what was added by one act and can still be undone, and who may change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils import timezone

from collectivities.models import Member, Role
from collectivities.operations.portfolio import list_undoable_additions
from collectivities.queries import list_members

register = template.Library()


@register.simple_tag
def portfolio_editors() -> list[Member]:
    """Return the members who may change the portfolio."""
    return list_members(Role.DATA_OFFICER, Role.MANAGER)


@register.inclusion_tag("collectivities/_additions.html", takes_context=True)
def undoable_additions(context: Mapping[str, Any]) -> dict[str, Any]:
    """Render what was added within the hour, each with its undo, to members who may change the portfolio."""
    member = getattr(context["request"], "member", None)
    may_change = member is not None and not {Role.DATA_OFFICER, Role.MANAGER}.isdisjoint(member.roles)
    return {"additions": list_undoable_additions(timezone.now()) if may_change else []}
