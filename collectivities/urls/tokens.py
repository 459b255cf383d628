"""`/reglages/api/`."""

from django.urls import path

from collectivities.views import tokens

app_name = "tokens"
urlpatterns = [
    path("", tokens.tokens_list, name="list"),
    path("creer/", tokens.new, name="new"),
    path("<int:pk>/revoquer/", tokens.revoke, name="revoke"),
]
