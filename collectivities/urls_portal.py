"""URLs on the portal."""

from django.urls import path

from collectivities.views import office

urlpatterns = [
    path("collectivites/demande/", office.submit, name="office_request"),
    path("collectivites/demande/envoyee/", office.submitted, name="office_request_sent"),
]
