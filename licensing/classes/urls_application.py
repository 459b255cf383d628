"""URLs of the learning application (redirect and API) and of deletion certificates.

Portal only.
"""

from django.urls import path

from licensing.classes import pupil_views, views
from licensing.classes.api import EntryView

urlpatterns = [
    path("application/", pupil_views.enter_application, name="application"),
    path("api/application/v1/entry", EntryView.as_view(), name="application_entry"),
    path("certificats/", views.certificate_list, name="certificates"),
    path("certificats/<int:pk>/", views.certificate, name="certificate"),
    path("certificats/<int:pk>/pdf/", views.certificate_print, name="certificate_print"),
]
