"""The portal's pages that gather several apps."""

from __future__ import annotations

from django.urls import path

from pages import contact, portal

urlpatterns = [
    path("", portal.home, name="home"),
    path("collectivites/", portal.office_door, name="office_door"),
    path("boutique/", portal.read_only("shop"), name="shop"),
    path("faq/", portal.read_only("faq"), name="faq"),
    path("contact/", contact.contact, name="contact"),
    path("conditions-generales-de-vente/", portal.read_only("cgv"), name="cgv"),
    path("credits/", portal.read_only("credits"), name="credits"),
    path("mentions-legales/", portal.read_only("legal"), name="legal"),
    path("accessibilite/", portal.read_only("accessibility"), name="accessibility"),
]
