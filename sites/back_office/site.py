"""The back office: our own pages at its root, and the admin, for superusers signed in through the portal.

The admin's Content-Security-Policy is looser because django-unfold runs Alpine, which evaluates expressions, and sets
inline styles; see docs/decisions/0022. Our own pages keep the policy of the site.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import path, reverse
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csp import csp_override
from django.views.decorators.debug import sensitive_post_parameters
from unfold.sites import UnfoldAdminSite

from accounts import second_factor
from web.frame import MenuEntry

#: View name in the admin's namespace, label, and the other views whose pages belong to the entry.
PAGES: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("index", "Ce qui attend", frozenset({"waiting_list", "waiting_order"})),
    ("month", "Le mois en chiffres", frozenset({"month_of"})),
    ("year", "L’année, par collectivité", frozenset({"year_of"})),
    ("everything", "Toute l’administration", frozenset()),
)


def build_menu(request: HttpRequest) -> list[MenuEntry]:
    """Return the entries of the menu, the one of the current page marked."""
    match = request.resolver_match
    current = match.url_name if match else None
    return [
        MenuEntry(reverse(f"admin:{name}"), label, current == name or current in others)
        for name, label, others in PAGES
    ]


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


CONTENT_SECURITY_POLICY: dict[str, Any] = {
    **settings.SECURE_CSP,
    "script-src": [CSP.SELF, CSP.UNSAFE_EVAL],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
}
#: Groups are unused; e-mail addresses and second factors belong to their owners; jobs have their own admin.
UNREGISTERED_MODELS = {"auth.Group", "account.EmailAddress", "mfa.Authenticator", "procrastinate.ProcrastinateJob"}


class BackOfficeSite(UnfoldAdminSite):
    site_title = site_header = "Pep's – exploitation"
    index_title = "Toute l'administration"
    index_template = "back_office/index.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register the models, except those of third parties that the operator does not need."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        known = [model for model in models if model._meta.label not in UNREGISTERED_MODELS]  # noqa: SLF001 - documented
        super().register(known, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Allow superusers only, with a second factor if the settings require it."""
        return second_factor.may_operate(request.user)

    def admin_view[V: Callable[..., HttpResponseBase]](self, view: V, cacheable: bool = False) -> V:  # noqa: FBT001, FBT002 - Django's signature
        """Wrap every admin page in the site's Content-Security-Policy."""
        return csp_override(CONTENT_SECURITY_POLICY)(super().admin_view(view, cacheable))

    def own_page[V: Callable[..., HttpResponseBase]](self, view: V) -> V:
        """Ask of a page of our own what the admin asks, and keep the site's Content-Security-Policy."""
        return super().admin_view(view)

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Redirect to the portal's sign-in page, which is throttled and checks the second factor.

        Django's own sign-in form is never shown: it would accept the password alone.
        """
        if self.has_permission(request):
            return redirect("admin:index")
        if second_factor.is_operator(request.user):
            messages.info(
                request, "l'exploitation demande la double authentification. Activez-la une fois pour entrer."
            )
            return redirect_to_login(self._next_url(request), reverse("mfa_index"))
        if request.user.is_authenticated:
            raise PermissionDenied("The operator's site is for superusers.")
        return redirect_to_login(self._next_url(request), reverse("account_login"))

    @staticmethod
    def _next_url(request: HttpRequest) -> str:
        """Return the requested admin page; the home page if it is not an admin URL."""
        url = request.GET.get(REDIRECT_FIELD_NAME, "")
        return url if url.startswith(reverse("admin:index")) else reverse("admin:index")

    def get_urls(self) -> list[Any]:
        """Put our own pages before the admin's, whose home page is « Toute l'administration »."""
        from sites.back_office.urls import OWN_PAGES  # noqa: PLC0415 - imports models, which are not loaded yet when the site is created

        return [
            *(path(route, self.own_page(view), name=name) for route, view, name in OWN_PAGES),
            path("rechercher/", self.own_page(self.search), name="global_search"),
            path("tout/", self.admin_view(self.index), name="everything"),
            *super().get_urls(),
        ]

    @method_decorator(sensitive_post_parameters("query"))
    @method_decorator(never_cache)
    def search(self, request: HttpRequest) -> HttpResponse:
        """Search everything. The query is kept in address and field, unless it may be a key: then in neither."""
        from sites.back_office import global_search  # noqa: PLC0415 - imports models
        from sites.back_office.clients import find_clients  # noqa: PLC0415 - imports models
        from sites.back_office.global_search import GlobalSearchResult  # noqa: PLC0415 - imports models

        text = (request.POST if request.method == "POST" else request.GET).get("query", "")
        secret = global_search.may_be_key(text)
        if request.method == "POST" and not secret:
            return redirect(f"{reverse('admin:global_search')}?{urlencode({'query': text})}")
        if request.method == "POST" or ("query" in request.GET and not secret):
            found = global_search.search_everywhere(text)
        elif secret:
            found = GlobalSearchResult("", problem="Une clé se saisit dans le champ, jamais dans l'adresse.")
        else:
            found = None
        context = {
            "found": found,
            "clients": found and find_clients(found.schools, found.people),
            "searched": "" if secret else text,
        }
        return TemplateResponse(request, "back_office/global_search.html", context)
