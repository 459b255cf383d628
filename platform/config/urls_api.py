"""The addresses of an office's API, under `/api/v1/`. A new resource is one more line to the router."""

from __future__ import annotations

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from collectivities.api import OfficeSchema, OfficeSchools, nothing_here

app_name = "api"

router = SimpleRouter()
router.register("schools", OfficeSchools, basename="school")

urlpatterns = [
    path("schema/", OfficeSchema.as_view(), name="schema"),
    path("", include(router.urls)),
    re_path("^(?P<rest>.*)$", nothing_here, name="nothing"),
]
