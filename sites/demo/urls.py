"""Pages of the portal that only a demonstration has: never on a server."""

from django.urls import path

from sites.demo import pages

urlpatterns = [
    path("composants/", pages.components, name="components"),
    path("demonstration/application/", pages.start_of_application, name="demo_application"),
]
