"""The office's pages that gather several apps."""

from __future__ import annotations

from allauth.account.views import signup
from django.urls import include, path

from pages import views
from web.access import public_page

urlpatterns = [
    path("", views.office_home, name="home"),
    path("messages/", include("pages.messages.urls")),
    # Closed by `accounts.adapter`: it says that one comes by invitation.
    path("inscription/", public_page(signup), name="account_signup"),
]
