"""URLs on the portal."""

from django.urls import path

from collectivities.views import office_requests

urlpatterns = [
    path("collectivites/demande/", office_requests.submit, name="office_request"),
    path("collectivites/demande/envoyee/", office_requests.submitted, name="office_request_sent"),
]
