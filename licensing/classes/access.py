"""Access policy of pupils' pages: only a signed-in pupil, no other user."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from licensing.classes import pupil_session
from licensing.classes.models import PupilAccount
from web.access import require_policy


class PupilRequest(HttpRequest):
    """A request that passed the pupil policy, with its pupil."""

    pupil: PupilAccount


class SignedInPupil:
    """Access policy: a signed-in pupil."""

    label = "pupil"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Return None for a signed-in pupil; redirect all others to the pupils' sign-in page."""
        pupil = pupil_session.get_pupil(request)
        if pupil is None:
            return redirect("classes:pupil_sign_in")
        cast("PupilRequest", request).pupil = pupil
        return None


pupil_page = require_policy(SignedInPupil())
