"""URLs of requests in a collectivity's office."""

from django.urls import path

from licensing.requests.school_requests import views

app_name = "requests"
urlpatterns = [
    path("demandes/", views.request_list, name="list"),
    path("demandes/export.xlsx", views.export, name="export"),
    path("demandes/repondre/", views.decide, name="decide"),
    path("demandes/e-mails/", views.choose_letters, name="letters"),
]
