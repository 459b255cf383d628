"""Pages of the portal that only a demonstration has: never on a server."""

from __future__ import annotations

from django.urls import path

from sites.demo import application_page, components

urlpatterns = [
    path("composants/", components.components, name="components"),
    path("demonstration/application/", application_page.start_of_application, name="demo_application"),
]
