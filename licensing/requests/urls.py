"""URLs of requests in a collectivity's office."""

from __future__ import annotations

from django.urls import path

from licensing.requests.views import decisions, request_list

app_name = "requests"
urlpatterns = [
    path("demandes/", request_list.request_list, name="list"),
    path("demandes/export.xlsx", request_list.export, name="export"),
    path("demandes/repondre/", decisions.decide, name="decide"),
    path("demandes/e-mails/", decisions.choose_letters, name="letters"),
]
