"""URLs of the learning application (redirect and API) and of deletion certificates.

Portal only.
"""

from __future__ import annotations

from django.urls import path

from licensing.classes.api import EntryView
from licensing.classes.views import application, certificates

urlpatterns = [
    path("application/", application.enter_application, name="application"),
    path("api/application/v1/entry", EntryView.as_view(), name="application_entry"),
    path("certificats/", certificates.certificate_list, name="certificates"),
    path("certificats/<int:pk>/", certificates.certificate, name="certificate"),
    path("certificats/<int:pk>/pdf/", certificates.certificate_print, name="certificate_print"),
]
