"""The key of a visitor between its e-mail and « Mon compte »: sealed in the session, for a day.

It outlasts other tabs, a sign-in, a forgotten password and the confirmation of an address; each page on the way says
what is kept (`web.pending_page`).
"""

from __future__ import annotations

from typing import NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from core import formatting
from licensing.entitlements.models import ActivationKey
from schools.wording import format_school
from web.frame import PendingPage, forget_pending_page, get_pending_page, keep_pending_page
from web.link_page import forget_link_token, get_link_token, keep_link_token

_NAME = "activation-key"


class KeptKey(NamedTuple):
    """The code, and the token of its e-mail; empty where the key was typed."""

    code: str
    token: str


@sensitive_variables("code", "token", "kept")
def keep_key(request: HttpRequest, *, code: str, token: str, key: ActivationKey) -> None:
    """Keep a key that exists, in place of an earlier one; pages on the way say for which school it is."""
    keep_link_token(request, _NAME, f"{code}\n{token}")
    licences = formatting.pluralize(key.units, "licence")
    of_school = f", {format_school(key.school)}" if key.school is not None else ""
    keep_pending_page(request, PendingPage(reverse("key_start"), f"Votre clé est gardée : {licences}{of_school}."))


@sensitive_variables("kept", "code", "token")
def get_kept_key(request: HttpRequest) -> KeptKey | None:
    """Return the key that this browser keeps, if any."""
    page = get_pending_page(request)
    kept = get_link_token(request, _NAME) if page is not None and page.path == reverse("key_start") else None
    if kept is None:
        return None
    code, _, token = kept.partition("\n")
    return KeptKey(code, token)


def forget_key(request: HttpRequest) -> None:
    """Forget the key, which was used or is not the visitor's."""
    forget_link_token(request, _NAME)
    forget_pending_page(request)
