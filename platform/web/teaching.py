"""Whether a user teaches a class: the menu has « Mes classes » then. Licences are above the frame, and answer it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

from core.registry import Registry

#: Returns whether a signed-in user teaches.
type TeachingCheck = Callable[[Any], bool]


#: By app, what tells whether a user teaches.
teaching_checks: Registry[TeachingCheck] = Registry("check of who teaches")


def is_teaching(request: HttpRequest) -> bool:
    """Return whether the user of the request teaches; False where nobody is signed in."""
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated and any(check(user) for check in teaching_checks.values())
