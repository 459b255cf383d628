"""What Django is made of here: the apps of the public schema, those of each collectivity's, and the middlewares."""


def list_shared_apps(*, is_production: bool) -> list[str]:
    """Return the apps with tables in the public schema, in the order in which Django looks for what they override."""
    return [
        # Before django-tenants, to override its `migrate_schemas`.
        "tenants",
        "django_tenants",
        "installation",
        "accounts",
        "bounces",
        "mailing",
        "jobs",
        "core",
        "web",
        "schools",
        "licensing.catalogue",
        "licensing.entitlements",
        "licensing.requests.invitations",
        "licensing.requests.school_requests",
        "licensing.classes",
        "licensing.requests.returns",
        "licensing.orders",
        "licensing.books.billing",
        "licensing.books.billing.transmission",
        "licensing.payments",
        "licensing.books.bank",
        "licensing.books.accounting",
        "licensing.books.e_reporting",
        "sites.help",
        "sites.portal",
        "sites.office",
        "sites.back_office",
        "sites.audit",
        "sites.restoration",
        # Fictitious schools and people: not on a server.
        *([] if is_production else ["sites.demo"]),
        "procrastinate.contrib.django",
        "django.contrib.postgres",
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        # Our admin site replaces unfold's own.
        "unfold.apps.BasicAppConfig",
        "sites.back_office.apps.BackOfficeAdminConfig",
        "allauth",
        "allauth.account",
        "allauth.mfa",
        "crispy_forms",
        "crispy_bootstrap5",
        "django_filters",
        "django_htmx",
        "django_tables2",
        "rest_framework",
        "drf_spectacular",
    ]


# Apps whose tables are in each collectivity's schema; `mailing` has its tables in both.
TENANT_APPS = [
    "mailing",
    "webhooks",
    "api",
    "collectivities",
    "licensing.pools",
    "licensing.reminders",
    "licensing.plans.rebalancing",
    "licensing.plans.renewals",
    "imports",
]

MIDDLEWARE = [
    "sites.health.middleware.HealthMiddleware",
    "web.middleware.RequestRecordMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "web.assets.AssetsMiddleware",
    # After those that complete every response, before the first query: the one for the host's collectivity.
    "web.outage.DatabaseOutageMiddleware",
    "tenants.middleware.HostTenantMiddleware",
    "sites.restoration.middleware.HoldMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "web.middleware.HostSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "web.middleware.TypographyMiddleware",  # inside of the one that counts bytes
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.devices.SessionAccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.devices.AccountSessionMiddleware",
    # Before the policies: what a visit may not do, it is told in its own words.
    "collectivities.visit_middleware.OfficeVisitMiddleware",
    "web.middleware.AccessPolicyMiddleware",
]
