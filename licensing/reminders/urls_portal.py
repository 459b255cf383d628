"""URL of a letter's off switch on the portal: `licensing.pools.emails` builds it."""

from django.urls import path

from licensing.reminders import views

urlpatterns = [
    path("relances/arreter/<str:token>/", views.stop, name="reminder_stop"),
]
