"""URLs of what a collectivity asks back, in its office."""

from django.urls import path

from licensing.requests.returns import views

app_name = "returns"
urlpatterns = [
    path("distribuer/rendre/", views.request_list, name="list"),
    path("distribuer/rendre/<int:pk>/retirer/", views.withdraw, name="withdraw"),
]
