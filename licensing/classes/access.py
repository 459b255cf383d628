"""Who may open a pupil's page: a pupil who has signed in, and no grown-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from licensing.classes import pupil_session
from web.access import opened

if TYPE_CHECKING:
    from licensing.classes.models import PupilAccount


class PupilRequest(HttpRequest):
    """A request that `Pupil` let through: it says which pupil makes it."""

    pupil: PupilAccount


class Pupil:
    """A pupil who has signed in."""

    label = "pupil"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Send everybody else to the page where pupils sign in."""
        pupil = pupil_session.of(request)
        if pupil is None:
            return redirect("classes:pupil_sign_in")
        cast("PupilRequest", request).pupil = pupil
        return None


pupil_page = opened(Pupil())
