"""Navigation groups of the back office: the sidebar, also shown as cards on « Toute l'administration »."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

#: Title → (label, app label and model name, icon).
GROUPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Collectivités": (
        ("Collectivités", "tenants_collectivity", "account_balance"),
        ("Demandes de bureau", "tenants_officerequest", "inbox"),
    ),
    "Ventes": (
        ("Commandes", "orders_order", "receipt_long"),
        ("Bons de commande signés", "orders_purchaseorderscan", "draw"),
        ("Factures et avoirs", "billing_invoice", "request_quote"),
        ("Règlements", "payments_payment", "payments"),
        ("Relevés bancaires", "bank_statementline", "account_balance"),
        ("E-reporting", "e_reporting_periodreport", "campaign"),
        ("Paiements par carte", "payments_cardpayment", "credit_card"),
        ("Mouvements du prestataire", "accounting_balancetransaction", "currency_exchange"),
        ("Événements du prestataire", "payments_providerevent", "webhook"),
        ("Comptabilité", "accounting_accountingsettings", "menu_book"),
        ("Années scolaires et tarifs", "catalogue_schoolyear", "calendar_month"),
        ("Organismes publics", "orders_publicbody", "account_balance_wallet"),
        ("Vendeur", "catalogue_seller", "storefront"),
    ),
    "Licences": (
        ("Provenances", "entitlements_entitlement", "call_split"),
        ("Clés", "entitlements_activationkey", "key"),
        ("Abonnements", "entitlements_subscription", "card_membership"),
        ("Mouvements de clés", "entitlements_seatevent", "swap_horiz"),
        ("Produits", "catalogue_product", "sell"),
    ),
    "Classes": (
        ("Classes", "classes_classroom", "groups"),
        ("Certificats d'effacement", "classes_deletioncertificate", "verified"),
        ("Jetons de l'application", "classes_applicationtoken", "vpn_key"),
    ),
    "Annuaire": (
        ("Établissements", "schools_school", "school"),
        ("Rattachements", "schools_affiliation", "badge"),
        ("Changements de direction", "schools_principalevent", "supervisor_account"),
        ("Synchronisations", "schools_directorysync", "sync"),
    ),
    "Comptes": (
        ("Comptes", "accounts_user", "group"),
        ("Journal des comptes", "accounts_accountevent", "history"),
    ),
    "Technique": (
        ("E-mails du portail", "mailing_message", "mail"),
        ("Adresses refusées", "bounces_refusedaddress", "unsubscribe"),
        ("Envois qui échouent", "bounces_failedsending", "report"),
        ("Boîte des retours", "bounces_bouncemailbox", "markunread_mailbox"),
        ("Mails à lire", "bounces_unreadmail", "mark_email_unread"),
        ("Éléments mis de côté", "jobs_setasideitem", "rule"),
        ("Tâches de la file", "jobs_job", "list_alt"),
    ),
}

#: Models whose list is not where work begins, with the page that is.
FIRST_PAGES = {"bank_statementline": "bank_statementline_reconciliation"}


def build_sidebar(_request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups in django-unfold's format."""
    home = {"title": "Ce qui attend", "icon": "home", "link": reverse("admin:index")}
    everything = {"title": "Toute l'administration", "icon": "apps", "link": reverse("admin:everything")}
    search = {"title": "Rechercher partout", "icon": "search", "link": reverse("admin:global_search")}
    return [
        {"items": [home, everything, search]},
        *(
            {
                "title": title,
                "items": [
                    {
                        "title": label,
                        "icon": icon,
                        "link": reverse(f"admin:{FIRST_PAGES.get(model, f'{model}_changelist')}"),
                    }
                    for label, model, icon in items
                ],
            }
            for title, items in GROUPS.items()
        ),
    ]


def get_stylesheet_url(_request: HttpRequest) -> str:
    """Return the URL of our stylesheet, loaded after django-unfold's."""
    return static("web/admin.css")


def get_icon_url(_request: HttpRequest) -> str:
    """Return the URL of the mark of Pep's, beside the title."""
    return static("web/icon.svg")


def get_script_url(_request: HttpRequest) -> str:
    """Return the URL of the script that labels django-unfold's unlabelled controls."""
    return static("web/admin.js")
