"""The OpenAPI description of the API, for programs: the same at every office, so everybody may read it."""

from __future__ import annotations

from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.permissions import AllowAny

from web.access import Public


class Description(SpectacularJSONAPIView):
    access_policy = Public()
    permission_classes = (AllowAny,)
