"""The addresses of an office's API, under `/api/v1/`; none ends in a slash."""

from __future__ import annotations

from django.urls import path, re_path

from api.description import Description
from api.endpoint import Nowhere
from collectivities.api import members, remit
from pages.messages import api as messages
from schools import api as schools

app_name = "api"

urlpatterns = [
    path("openapi.json", Description.as_view(), name="description"),
    path("schools", schools.Schools.as_view(), name="schools"),
    path("schools/<str:uai>", schools.OneSchool.as_view(), name="school"),
    path("remit", remit.Remit.as_view(), name="remit"),
    path("remit/bulk", remit.RemitList.as_view(), name="remit_bulk"),
    path("remit/remove", remit.RemitRemoval.as_view(), name="remit_remove"),
    path("remit/<str:uai>", remit.RemitSchool.as_view(), name="remit_school"),
    path("members", members.Members.as_view(), name="members"),
    path("messages", messages.Messages.as_view(), name="messages"),
    path("messages/<int:pk>", messages.OneMessage.as_view(), name="message"),
    re_path("^(?P<rest>.*)$", Nowhere.as_view(), name="nowhere"),
]
