"""Django's settings. What differs between machines comes from the environment; docs/deploy.md lists it all."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from api.tags import TAGS
from config import database, env

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = Path(env.text("PEPS_DATA", str(ROOT / ".data")))

DEBUG = env.flag("DEBUG", default=False)
# The demo, the tests and a developer's machine run without a single variable; a server says who it is.
PRODUCTION = env.flag("PRODUCTION", default=False)

if PRODUCTION and not env.text("SECRET_KEY", ""):
    raise ImproperlyConfigured("SECRET_KEY must be set where PRODUCTION is True.")
SECRET_KEY = env.text("SECRET_KEY", "only-for-demonstration-and-tests")

# Keys are sealed under AES-SIV: `id:base64 of 64 bytes`, the current one first, older ones after it while re-sealing.
if PRODUCTION and not env.words("SEALING_KEYS"):
    raise ImproperlyConfigured("SEALING_KEYS must be set where PRODUCTION is True (see docs/deploy.md).")
SEALING_KEYS = env.words(
    "SEALING_KEYS", "1:" + base64.b64encode(hashlib.sha512(b"only-for-demonstration-and-tests").digest()).decode()
)

# --- Hosts: the portal at BASE_DOMAIN, a collectivity's office at <slug>.BASE_DOMAIN -------------------------------
BASE_DOMAIN = env.text("BASE_DOMAIN", "peps.localhost")
if not PRODUCTION and not BASE_DOMAIN.endswith("localhost"):
    # Without PRODUCTION the secrets above are those that anybody can read here.
    raise ImproperlyConfigured("PRODUCTION must be True where BASE_DOMAIN is not a name of this machine alone.")
# What stands after the host in the addresses we write into e-mails: « :8000 » in the demo, nothing on a server.
PUBLIC_PORT = env.text("PUBLIC_PORT", "")
SECURE = env.flag("SECURE", default=PRODUCTION)
ALLOWED_HOSTS = [BASE_DOMAIN, f".{BASE_DOMAIN}"]
CSRF_TRUSTED_ORIGINS: list[str] = []

# --- Tenancy --------------------------------------------------------------------------------------------------------
TENANT_MODEL = "tenants.Collectivity"
TENANT_DOMAIN_MODEL = "tenants.Domain"
PUBLIC_SCHEMA_URLCONF = "config.urls_public"
ROOT_URLCONF = "config.urls_tenant"
# Without it every query is preceded by a SET search_path.
TENANT_LIMIT_SET_CALLS = True
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]

SHARED_APPS = [
    # Before django-tenants, whose `migrate_schemas` it replaces.
    "tenants",
    "django_tenants",
    "accounts",
    "mailing",
    "jobs",
    "web",
    "schools",
    "licensing.catalogue",
    "licensing.orders",
    "licensing.subscriptions",
    "licensing.classes",
    "pages",
    # Invented schools and people have no business on a server.
    *([] if PRODUCTION else ["demo"]),
    "procrastinate.contrib.django",
    "django.contrib.postgres",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    # The operator's site, in pages.operator, takes the place of unfold's own.
    "unfold.apps.BasicAppConfig",
    "pages.operator.app.OperatorAdmin",
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
TENANT_APPS = [
    "mailing",
    "webhooks",
    "api",
    "collectivities",
    "licensing.pools",
    "imports",
]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tenants.middleware.TenantOfTheHost",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "web.middleware.SessionOfOneHost",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "web.middleware.ClosedUnlessOpened",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "web.context.site",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
DJANGO_TABLES2_TEMPLATE = "web/table.html"

WSGI_APPLICATION = "config.wsgi.application"

# --- Database -------------------------------------------------------------------------------------------------------
_database = (
    database.from_url(env.text("DATABASE_URL", ""))
    if env.text("DATABASE_URL", "")
    else database.embedded(DATA / "postgres")
)
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "django_tenants.postgresql_backend",
        "CONN_MAX_AGE": env.number("CONN_MAX_AGE", 60),
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"NAME": env.text("TEST_DATABASE", "test_peps")},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    # Shared by every process without another server. Rate limits do not live here: see accounts.throttling.
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "web_cache"},
}

# --- Sessions and security ------------------------------------------------------------------------------------------
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if env.flag("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# How many of our own proxies append to X-Forwarded-For: that many from the right stands the client (limits on guesses).
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0)
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    # Tabler draws the arrows of its selects and ticks with data: images.
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}

# --- Accounts -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
# School mailboxes are shared: the identifiant is unique, the address is not.
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
# Whoever asks for a password with an address that has no account gets the same answer, and no stranger a letter.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
# A new address takes the place of the old one once it is confirmed, and not before.
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "signup": "pages.sign_up.SignUpForm",
    "change_password": "accounts.forms.ChangePasswordForm",
}

# What accounts.limits counts in the database is not counted here as well; what remains answers with the page 429.
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    "login_failed": None,
    "signup": None,
    "reset_password": None,
    # Letters to one mailbox, which may be that of a whole staff.
    "confirm_email": "20/h/key",
}
MFA_ADAPTER = "accounts.mfa_adapter.MfaAdapter"
MFA_FORMS = {
    "authenticate": "accounts.mfa_forms.SignInCodeForm",
    "reauthenticate": "accounts.mfa_forms.ConfirmCodeForm",
    "activate_totp": "accounts.mfa_forms.SwitchOnForm",
}
MFA_TOTP_ISSUER = "Pep's"
# Telephones go wrong by some seconds: the code before and the code after are right too.
MFA_TOTP_TOLERANCE = 1
# Whoever signs in has confirmed an address; a new one on its way must not keep anybody from a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# The operator signs in with a second factor wherever the site is a server; a demonstration is spared it.
OPERATOR_SECOND_FACTOR = env.flag("OPERATOR_SECOND_FACTOR", default=PRODUCTION)

# --- Queue ----------------------------------------------------------------------------------------------------------
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
# Seconds between two signs of life of a worker; after three that are missing, its jobs are given to others.
JOBS_HEARTBEAT = env.number("JOBS_HEARTBEAT", 10)

# --- E-mail ---------------------------------------------------------------------------------------------------------
# Seconds for which a worker holds the messages it is sending: more than a server may take over one of them.
MAIL_LEASE = env.number("MAIL_LEASE", 300)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", f"Pep's <ne-pas-repondre@{BASE_DOMAIN}>")
# Who is told of requests for an office; nobody where it is empty.
OPERATOR_EMAIL = env.text("OPERATOR_EMAIL", "")
# Who reads what visitors write on the contact page.
CONTACT_EMAIL = env.text("CONTACT_EMAIL", f"contact@{BASE_DOMAIN}")
MAILERS = {
    "default": {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": env.text("SMTP_HOST", "127.0.0.1"),
            # By default the local sink that `manage.py smtp_sink` opens, whose messages can be read.
            "port": env.number("SMTP_PORT", 8025),
            "username": env.text("SMTP_USER", ""),
            "password": env.text("SMTP_PASSWORD", ""),
            "use_tls": env.flag("SMTP_STARTTLS", default=False),
            "timeout": 30,
        },
    }
}

# --- Language, time, files ------------------------------------------------------------------------------------------
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français")]
TIME_ZONE = "Europe/Paris"
USE_TZ = True
USE_I18N = True
# What django-unfold says in English alone.
LOCALE_PATHS = [ROOT / "platform" / "locale"]

STATIC_URL = "/static/"
STATIC_ROOT = DATA / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.AppDirectoriesFinder", "web.assets.PackagedAssets"]
# Prefix under STATIC_URL → folder of an npm package, and the files of it that pages ask for.
PACKAGED_ASSETS: dict[str, tuple[Path, tuple[str, ...]]] = {
    "tabler": (ROOT / "node_modules" / "@tabler" / "core" / "dist", ("css/tabler.min.css",)),
    "htmx": (ROOT / "node_modules" / "htmx.org" / "dist", ("htmx.min.js",)),
}
# Read by the documents that are printed; never served.
PDF_FONTS = ROOT / "node_modules" / "@expo-google-fonts"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        # On a server `collectstatic` hashes and compresses; elsewhere files are served from where they lie.
        "BACKEND": "web.assets.HashedAssets" if PRODUCTION else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

# Where « Accéder à l'application » leads.
APPLICATION_URL = env.text("APPLICATION_URL", "https://application.peps.example/")
# How many days after 31 August the pupils of a class are kept before they are erased.
PUPILS_KEPT_DAYS = env.number("PUPILS_KEPT_DAYS", 60)

# --- Card payments: django-payments, with Stripe where it is configured, else a demonstration without any card --------
PAYMENT_MODEL = "orders.CardPayment"
PAYMENT_HOST = BASE_DOMAIN
PAYMENT_USES_SSL = SECURE
STRIPE_SECRET_KEY = env.text("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET = env.text("STRIPE_WEBHOOK_SECRET", "")
if bool(STRIPE_SECRET_KEY) != bool(STRIPE_WEBHOOK_SECRET):
    raise ImproperlyConfigured("STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET are set together, or not at all.")
STRIPE_API_BASE = env.text("STRIPE_API_BASE", "https://api.stripe.com")
# Where Stripe asks for the card: the one other host that a form of ours may lead to.
STRIPE_CHECKOUT_ORIGIN = env.text("STRIPE_CHECKOUT_ORIGIN", "https://checkout.stripe.com")
# The provider that new payments go to; a server without Stripe takes none.
CARD_VARIANT = "stripe" if STRIPE_SECRET_KEY else "" if PRODUCTION else "demonstration"
_providers: dict[str, tuple[str, dict[str, str]]] = {
    # Reads the settings above itself: a provider's arguments show in tracebacks.
    "stripe": ("licensing.orders.card.stripe_checkout.StripeCheckout", {}),
    "demonstration": ("licensing.orders.card.demonstration.Demonstration", {}),
}
PAYMENT_VARIANTS = {CARD_VARIANT: _providers[CARD_VARIANT]} if CARD_VARIANT else {}

# --- API ------------------------------------------------------------------------------------------------------------
#: What a token may ask in a minute.
API_REQUESTS_A_MINUTE = env.number("API_REQUESTS_A_MINUTE", 600)
# Webhooks: in the clear only where nobody's server is meant; into networks of ours only where they are named.
WEBHOOKS_ALLOW_HTTP = env.flag("WEBHOOKS_ALLOW_HTTP", default=not PRODUCTION)
WEBHOOKS_PRIVATE_NETWORKS = env.networks("WEBHOOKS_PRIVATE_NETWORKS")
WEBHOOKS_LEASE, WEBHOOKS_THREADS = env.number("WEBHOOKS_LEASE", 60), env.number("WEBHOOKS_THREADS", 2)
#: Bytes of JSON that are read of one request: ten thousand allocations are some two million.
API_LARGEST_BODY = 8 * 1024 * 1024
REST_FRAMEWORK = {
    # Closed unless opened: an endpoint names its own authentication and permission.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "api.schema.Described",
    # No address ends in a format, and no parameter chooses one.
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Pep's : l'API d'un bureau",
    "DESCRIPTION": "Ce qu'une collectivité lit et fait par programme, à l'adresse de son bureau. Jetons, erreurs, "
    "reprises et limites sont expliqués sous `/api/v1/documentation/`.",
    "VERSION": "1",
    "EXTERNAL_DOCS": {"url": "/api/v1/documentation/", "description": "La documentation, en français."},
    # What an office serves names itself in its place.
    "SERVERS": [
        {"url": f"https://{{bureau}}.{BASE_DOMAIN}", "variables": {"bureau": {"default": "nimes"}}},
    ],
    "TAGS": TAGS,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Fields of one name with other words in each.
    "ENUM_NAME_OVERRIDES": {
        "DeliveryState": "webhooks.models.DeliveryState",
        "ImportState": "imports.enums.ImportState",
        "MessageState": "mailing.models.MessageState",
        "SchoolState": "schools.models.SchoolState",
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "api.schema.each_type_once"],
}

# --- The operator's admin -------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "Pep's – exploitation",
    "SITE_HEADER": "Pep's – exploitation",
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    # Light: the one theme whose contrasts are measured, by the walk in the browser.
    "THEME": "light",
    "STYLES": ["pages.operator.navigation.style"],
    "SCRIPTS": ["pages.operator.navigation.script"],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "pages.operator.navigation.sidebar",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "WARNING")},
    # Told more, they would write down addresses of buyers and the sessions that they pay in.
    "loggers": {"stripe": {"level": "WARNING"}, "urllib3": {"level": "WARNING"}},
}
