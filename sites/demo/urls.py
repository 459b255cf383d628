"""URLs of the portal that only a demonstration has."""

from __future__ import annotations

from django.urls import path

from sites.demo import components

urlpatterns = [path("composants/", components.components, name="components")]
