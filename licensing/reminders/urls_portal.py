"""URL of a letter's off switch on the portal: `pools.stop_links` builds it."""

from __future__ import annotations

from django.urls import path

from licensing.reminders import views

urlpatterns = [
    path("relances/arreter/<str:token>/", views.stop, name="reminder_stop"),
]
