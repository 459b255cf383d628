"""Template tags of the portfolio: what was added by one act and can still be undone, and who may change it."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils import timezone

from collectivities.capabilities import Capability
from collectivities.models import Member
from collectivities.operations.portfolio import list_undoable_additions
from collectivities.queries import list_members

register = template.Library()


@register.simple_tag
def portfolio_editors() -> list[Member]:
    """Return the members who may change the portfolio."""
    return list_members(Capability.KEEP_SCHOOLS)


@register.inclusion_tag("collectivities/_additions.html", takes_context=True)
def undoable_additions(context: Mapping[str, Any]) -> dict[str, Any]:
    """Render what was added within the hour, each with its undo, to members who may change the portfolio."""
    member = getattr(context["request"], "member", None)
    may_change = member is not None and member.may(Capability.KEEP_SCHOOLS)
    return {"additions": list_undoable_additions(timezone.now()) if may_change else []}
