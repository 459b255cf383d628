"""URLs of the learning application (redirect and API) and of deletion certificates.

Portal only.
"""

from __future__ import annotations

from django.urls import path

from licensing.classes import application, certificate_pages
from licensing.classes.api import EntryEndpoint

urlpatterns = [
    path("application/", application.application, name="application"),
    path("api/application/v1/entry", EntryEndpoint.as_view(), name="application_entry"),
    path("certificats/", certificate_pages.certificate_list, name="certificates"),
    path("certificats/<int:pk>/", certificate_pages.certificate, name="certificate"),
    path("certificats/<int:pk>/pdf/", certificate_pages.certificate_print, name="certificate_print"),
]
