"""`/membres/`."""

from django.urls import path

from collectivities.views import members

app_name = "members"
urlpatterns = [
    path("", members.members_list, name="list"),
    path("inviter/", members.invite, name="invite"),
    path("invitations/<int:pk>/retirer/", members.withdraw, name="withdraw"),
    path("<int:pk>/roles/", members.roles, name="roles"),
    path("<int:pk>/retirer/", members.remove, name="remove"),
]
