"""URLs on the portal."""

from django.urls import path

from collectivities.views import requests

urlpatterns = [
    path("collectivites/demande/", requests.ask, name="office_request"),
    path("collectivites/demande/envoyee/", requests.sent, name="office_request_sent"),
]
