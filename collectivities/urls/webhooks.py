"""`/reglages/webhooks/`."""

from django.urls import path

from collectivities.views import webhooks

app_name = "webhooks"
urlpatterns = [
    path("", webhooks.webhooks_list, name="list"),
    path("ajouter/", webhooks.new, name="new"),
    path("<int:pk>/", webhooks.detail, name="detail"),
    path("<int:pk>/modifier/", webhooks.edit, name="edit"),
    path("<int:pk>/secret/", webhooks.rotate, name="rotate"),
    path("<int:pk>/essayer/", webhooks.send_test, name="test"),
    path("<int:pk>/supprimer/", webhooks.remove, name="remove"),
    path("<int:pk>/envois/<int:number>/", webhooks.delivery, name="delivery"),
    path("<int:pk>/envois/<int:number>/rejouer/", webhooks.replay, name="replay"),
]
