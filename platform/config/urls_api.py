"""The addresses of an office's API, under `/api/v1/`; none ends in a slash."""

from __future__ import annotations

from django.urls import path, re_path

from api.description import Description
from api.endpoint import Nowhere
from schools import api as schools

app_name = "api"

urlpatterns = [
    path("openapi.json", Description.as_view(), name="description"),
    path("schools", schools.Schools.as_view(), name="schools"),
    path("schools/<str:uai>", schools.OneSchool.as_view(), name="school"),
    re_path("^(?P<rest>.*)$", Nowhere.as_view(), name="nowhere"),
]
