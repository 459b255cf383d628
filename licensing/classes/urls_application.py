"""The way into the learning application, and what it asks the portal. Of the portal alone."""

from __future__ import annotations

from django.urls import path

from licensing.classes.api import EntryEndpoint

urlpatterns = [
    path("api/application/v1/entry", EntryEndpoint.as_view(), name="application_entry"),
]
