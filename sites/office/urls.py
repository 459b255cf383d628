"""URLs of an office's pages that span several apps."""

from allauth.account.views import signup
from django.urls import include, path

from collectivities.urls_office import portfolio_urls
from sites.office import checkout, messages, purchases, renewal, renewal_spreadsheets, school, schools
from sites.office.distribute import distribute, follow_up
from sites.office.home import office_home
from sites.office.letters import my_letters, sample_letter
from sites.office.report import report_pdf, report_workbook, show_report
from sites.office.territory import map_place, map_state, territory_map
from sites.office.territory_schools import territory_schools, undo_addition
from web.access import public_page

message_urls = [
    path("", messages.message_list, name="list"),
    path("<int:pk>/", messages.message_detail, name="detail"),
    path("<int:pk>/apercu/", messages.message_preview, name="preview"),
    path("<int:pk>/cle/", messages.message_reveal, name="reveal"),
    path("<int:pk>/renvoyer/", messages.message_resend, name="resend"),
    path("<int:pk>/ecrire/", messages.message_write_anyway, name="write_anyway"),
]
purchase_urls = [
    path("", purchases.purchase_list, name="list"),
    path("nouveau/", checkout.new_purchase, name="new"),
    path("<int:pk>/", purchases.detail, name="detail"),
    path("<int:pk>/devis/", checkout.quote, name="quote"),
    path("<int:pk>/devis.pdf", purchases.quote_pdf, name="quote_pdf"),
    path("<int:pk>/commander/", checkout.order, name="order"),
    path("<int:pk>/completer/", checkout.complete, name="complete"),
    path("<int:pk>/abandonner/", checkout.discard, name="discard"),
    path("<int:pk>/bon-de-commande.pdf", purchases.purchase_order_pdf, name="purchase_order_pdf"),
    path("<int:pk>/bon-de-commande-signe/", purchases.scan_upload, name="upload"),
    path("<int:pk>/bon-de-commande-signe/<int:number>/", purchases.scan_download, name="scan"),
    path("<int:pk>/factures/<slug:number>.pdf", purchases.invoice_pdf, name="invoice_pdf"),
]
renewal_urls = [
    path("", renewal.renewal, name="list"),
    path("ensemble/", renewal.set_all, name="set_all"),
    path("classeur.xlsx", renewal_spreadsheets.workbook, name="workbook"),
    path("tableau/<int:pk>/", renewal_spreadsheets.take_numbers, name="take"),
    path("commander/", renewal.order, name="order"),
    path("attribuer/", renewal.give, name="give"),
    path("annuler/", renewal.undo, name="undo"),
    path("sans-suite/", renewal.decline, name="decline"),
    path("rouvrir/", renewal.reopen, name="reopen"),
]
# The list, and what `collectivities` has of the portfolio.
school_urls = [
    path("", schools.school_list, name="list"),
    path("export.xlsx", schools.export, name="export"),
    path("<str:uai>/contact/", school.edit_contact, name="edit"),
    *portfolio_urls,
]

urlpatterns = [
    path("", office_home, name="home"),
    path("achats/", include((purchase_urls, "purchases"))),
    path("reconduire/", include((renewal_urls, "renewal"))),
    path("distribuer/", distribute, name="distribute"),
    path("suivi/", follow_up, name="follow_up"),
    path("reglages/lettre/", sample_letter, name="office_letter"),
    path("ecoles/territoire/", territory_schools, name="territory_schools"),
    path("ecoles/territoire/annuler/", undo_addition, name="territory_schools_undo"),
    path("ecoles/", include((school_urls, "portfolio"))),
    path("ecoles/<str:uai>/", school.school, name="school"),
    path("carte/", territory_map, name="map"),
    path("carte/etat/<str:state>/", map_state, name="map_state"),
    path("carte/<str:uai>/", map_place, name="map_place"),
    path("mes-e-mails/", my_letters, name="my_letters"),
    path("messages/", include((message_urls, "messages"))),
    path("rapport/", show_report, name="report"),
    path("rapport/pdf/", report_pdf, name="report_pdf"),
    path("rapport/classeur/", report_workbook, name="report_workbook"),
    # `accounts.adapter` closes sign-up here; the page explains that members join by invitation.
    path("inscription/", public_page(signup), name="account_signup"),
]
