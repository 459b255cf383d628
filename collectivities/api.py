"""What the API of an office opens to its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.permissions import IsAuthenticated

from collectivities.api_access import OfficeApi, not_found
from schools.api import SchoolViewSet
from web.access import opened

if TYPE_CHECKING:
    from django.http import HttpRequest, JsonResponse


class OfficeSchools(SchoolViewSet):
    """Les établissements de l'annuaire national : chercher, filtrer, lire par UAI."""

    access_policy = OfficeApi()


class OfficeSchema(SpectacularJSONAPIView):
    """The OpenAPI description of all of this."""

    access_policy = OfficeApi()
    permission_classes = (IsAuthenticated,)


@opened(OfficeApi())
def nothing_here(request: HttpRequest, **_rest: Any) -> JsonResponse:  # noqa: ARG001 - a view is given it
    """Answer in JSON where the API has no such address."""
    return not_found()
