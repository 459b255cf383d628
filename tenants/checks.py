"""`manage.py check --deploy --database default`: the roles of the database do what they should, and no more."""

from __future__ import annotations

from typing import Any

from django.core.checks import Error, Tags, register

from tenants import privileges

#: Faults that are listed; the rest are counted.
_MAX_LISTED = 20


@register(Tags.database, deploy=True)
def check_privileges(app_configs: Any, databases: Any = None, **_kwargs: Any) -> list[Error]:  # noqa: ARG001 - Django's
    """Return an error for each fault of the application's and the reader's privileges."""
    if not databases:
        return []
    faults = privileges.find_faults()
    errors = [Error(fault, id="peps.E010") for fault in faults[:_MAX_LISTED]]
    if len(faults) > _MAX_LISTED:
        errors.append(Error(f"et {len(faults) - _MAX_LISTED} de plus", id="peps.E010"))
    return errors
