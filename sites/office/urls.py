"""URLs of an office's pages that span several apps."""

from __future__ import annotations

from allauth.account.views import signup
from django.urls import include, path

from sites.office.home import office_home
from sites.office.school import school
from web.access import public_page

urlpatterns = [
    path("", office_home, name="home"),
    path("ecoles/<str:uai>/", school, name="school"),
    path("messages/", include("sites.office.messages.urls")),
    # `accounts.adapter` closes sign-up here; the page explains that members join by invitation.
    path("inscription/", public_page(signup), name="account_signup"),
]
