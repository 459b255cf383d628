"""Django settings. What differs between machines comes from environment variables, listed in docs/deploy.md."""

import base64
import hashlib
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from config import apps, cells, database, env, external_services, libraries, mail, packaged_assets
from config.observability import build_logging, check_metrics_folder, has_trace_collector, read_error_dsn, read_token
from core import start_checks

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = Path(env.text("PEPS_DATA", str(ROOT / ".data")))

DEBUG = env.flag("DEBUG", default=False)
# The demo, the tests and development need no environment variable; a server must set PRODUCTION.
PRODUCTION = env.flag("PRODUCTION", default=False)

SECRET_KEY = env.text("SECRET_KEY", start_checks.PUBLIC_SECRET_KEY)
# Earlier values, while what they signed is still to be accepted.
SECRET_KEY_FALLBACKS = env.items("SECRET_KEY_FALLBACKS")

# AES-SIV keys that seal secrets: `id:base64 of 64 bytes`, the current one first, then older ones while resealing.
PUBLIC_SEALING_KEY = "1:" + base64.b64encode(hashlib.sha512(start_checks.PUBLIC_SECRET_KEY.encode()).digest()).decode()
SEALING_KEYS = env.items("SEALING_KEYS", PUBLIC_SEALING_KEY)

# --- Hosts: the portal at BASE_DOMAIN, a collectivity's office at <slug>.BASE_DOMAIN -------------------------------
BASE_DOMAIN = env.text("BASE_DOMAIN", "peps.localhost")
if not PRODUCTION and not start_checks.is_local_name(BASE_DOMAIN):
    # Without PRODUCTION the secrets above are the published defaults.
    raise ImproperlyConfigured("PRODUCTION must be True where BASE_DOMAIN is not a name of this machine alone.")
# Where the same software runs once a region; empty for one installation alone.
CELLS = cells.read_cells(BASE_DOMAIN)
# Port in the URLs of e-mails: 8000 in the demo, empty on a server.
PUBLIC_PORT = env.text("PUBLIC_PORT", "")
SECURE = env.flag("SECURE", default=PRODUCTION)
ALLOWED_HOSTS = [BASE_DOMAIN, f".{BASE_DOMAIN}"]
CSRF_TRUSTED_ORIGINS: list[str] = []

# --- Tenancy --------------------------------------------------------------------------------------------------------
TENANT_MODEL = "tenants.Collectivity"
TENANT_DOMAIN_MODEL = "tenants.Domain"
PUBLIC_SCHEMA_URLCONF = "config.urls_public"
ROOT_URLCONF = "config.urls_tenant"
# Otherwise every query is preceded by a SET search_path.
TENANT_LIMIT_SET_CALLS = True
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]

SHARED_APPS, TENANT_APPS = apps.list_shared_apps(is_production=PRODUCTION), apps.TENANT_APPS
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
MIDDLEWARE = apps.MIDDLEWARE

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
                "web.frame.site",
            ],
            "builtins": ["web.templatetags.french_filters"],
        },
    },
    # Texts that a writer edits, without HTML: of e-mails, documents, sentences of pages.
    {
        "NAME": "texts",
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "autoescape": False,
            "loaders": [("django.template.loaders.cached.Loader", ["core.text_templates.Loader"])],
            "builtins": ["web.templatetags.french_filters", "web.templatetags.french", "web.templatetags.frame"],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
DJANGO_TABLES2_TEMPLATE = "web/table.html"

WSGI_APPLICATION = "config.wsgi.application"

# --- Database -------------------------------------------------------------------------------------------------------
DATABASE_IS_EMBEDDED = not env.text("DATABASE_URL", "")
_access = (
    database.start_embedded(DATA, ROOT / ".data")
    if DATABASE_IS_EMBEDDED
    else database.from_urls(
        application=env.text("DATABASE_URL", ""),
        owner=env.text("OWNER_DATABASE_URL", ""),
        administrator=env.text("ADMINISTRATOR_DATABASE_URL", ""),
        reader=env.text("READER_DATABASE_URL", ""),
    )
)
# Who owns the tables, and who makes the roles: of this process where it was told, for `core.connections`.
DATABASE_OWNER, DATABASE_ADMINISTRATOR, DATABASE_READER = _access.owner, _access.administrator, _access.reader
DATABASES = {
    "default": {
        **_access.application,
        "ENGINE": "django_tenants.postgresql_backend",
        "CONN_MAX_AGE": env.number("CONN_MAX_AGE", 60),
        "CONN_HEALTH_CHECKS": True,
        "TEST": {"NAME": env.text("TEST_DATABASE", "test_peps")},
    }
}
# Whether a standby may be promoted: a new timeline alone is then no restoration. See installation.hold.
DATABASE_FAILS_OVER = env.flag("DATABASE_FAILS_OVER", default=False)
MIGRATION_CONNECTIONS = env.number("MIGRATION_CONNECTIONS", 4)  # in which `migrate_schemas` works
# What django-tenants' backend extends.
ORIGINAL_BACKEND = "core.postgresql"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    # Shared by all processes without another server. Rate limits are not cached: see accounts.throttling.
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "web_cache"},
}

# --- Sessions and security ------------------------------------------------------------------------------------------
SESSION_ENGINE = "accounts.sessions"
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# The longest lifetime; offices and the operator have hours: see accounts.devices.
SESSION_COOKIE_AGE = 14 * 24 * 3600
MESSAGE_STORAGE = "web.middleware.HostMessageStorage"
SECURE_SSL_REDIRECT = SECURE
# Programs that call in the clear are refused (`web.middleware`): led on, they would not learn that a token was read.
SECURE_REDIRECT_EXEMPT = [r"^(api/(?!v1/documentation/)|webhooks/)"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
# The browsers' list of names that are https alone is left to whoever owns the domain.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
BEHIND_TLS_PROXY = env.flag("BEHIND_TLS_PROXY", default=False)
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Number of our proxies that append to X-Forwarded-For: the client's address is that many from the right.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", 0)
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    # Bootstrap draws select arrows and check marks with data: images.
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
    {"NAME": "accounts.passwords.PersonalWordsValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "accounts.passwords.GuessablePasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.LeakedPasswordValidator"},
]
# Passwords of known leaks: a sorted file of their hashes, and a service that is asked by five digits of one.
PASSWORD_LEAKS_FILE, PASSWORD_LEAKS_URL = (
    external_services.read_leaks_file(),
    external_services.read_leaks_url(is_production=PRODUCTION),
)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
# School mailboxes are shared: the username is unique, the e-mail address is not.
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
# A password reset for an unknown address gives the same response and sends no e-mail.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
# Seconds for which a confirmation by password or second factor holds: see accounts.reauthentication.
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
# A new address replaces the old one once it is confirmed.
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "signup": "sites.portal.sign_up.SignUpForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reset_password_from_key": "accounts.forms.NewPasswordForm",
}

# None: counted in the database instead, by accounts.attempt_delays and accounts.throttling. The other gives a 429.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": None,
    "signup": None,
    "reset_password": None,
    # E-mails to one mailbox, which may be shared by a school's staff.
    "confirm_email": "20/h/key",
}
MFA_ADAPTER = "accounts.adapter.MfaAdapter"
MFA_FORMS = {
    "authenticate": "accounts.mfa_forms.SignInCodeForm",
    "reauthenticate": "accounts.mfa_forms.ConfirmCodeForm",
    "activate_totp": "accounts.mfa_forms.EnableTotpForm",
    "add_webauthn": "accounts.mfa_forms.AddPasskeyForm",
    "edit_webauthn": "accounts.mfa_forms.RenamePasskeyForm",
    "authenticate_webauthn": "accounts.mfa_forms.SignInPasskeyForm",
    "login_webauthn": "accounts.mfa_forms.PasskeyAloneForm",
    "reauthenticate_webauthn": "accounts.mfa_forms.ConfirmPasskeyForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Not to guess a passkey, which nobody can, but to bound the sessions that a visitor opens. Two requests a sign-in.
MFA_RATE_LIMITS = {"webauthn_login": "60/m/ip"}
MFA_TOTP_ISSUER = "Pep's"
# Clock drift of phones: the previous and the next code are valid too.
MFA_TOTP_TOLERANCE = 1
# Signing in requires a verified address; a pending new one must not block the second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# On a server, not in the demo: the operator, and buyers and managers of offices that have not decided for themselves.
OPERATOR_SECOND_FACTOR = env.flag("OPERATOR_SECOND_FACTOR", default=PRODUCTION)
OFFICE_SECOND_FACTOR = env.flag("OFFICE_SECOND_FACTOR", default=PRODUCTION)

# --- Queue ----------------------------------------------------------------------------------------------------------
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
# Seconds between two heartbeats of a worker; after three missed ones its jobs are retried.
JOBS_HEARTBEAT = env.number("JOBS_HEARTBEAT", 10)
# Threads of a worker for large imports, besides the one it keeps for small ones, and for e-mails.
IMPORTS_THREADS, MAIL_THREADS = env.number("IMPORTS_THREADS", 1), env.number("MAIL_THREADS", 2)

# --- E-mail ---------------------------------------------------------------------------------------------------------
# Lease in seconds on the messages a worker is sending, renewed while a server makes it wait. Two thirds of it must be
# longer than the sending of one message's bytes may last (`mailing.mail_server.SmtpTimeouts.block`).
MAIL_LEASE = env.number("MAIL_LEASE", 300)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", f"Pep's <ne-pas-repondre@{BASE_DOMAIN}>")
# Envelope sender of every e-mail, to which servers report what became of it; empty: the sender's address.
BOUNCE_ADDRESS = env.text("BOUNCE_ADDRESS", "")
# The mailbox of those reports, read by the workers; None: it is not read.
BOUNCE_MAILBOX = mail.read_bounce_mailbox()
# Recipient of new requests for an office; empty: no e-mail.
OPERATOR_EMAIL = env.text("OPERATOR_EMAIL", "")
# Recipient of the contact form.
CONTACT_EMAIL = env.text("CONTACT_EMAIL", f"contact@{BASE_DOMAIN}")
# Where to report a vulnerability, in security.txt: an e-mail address or a URL.
SECURITY_CONTACT = env.text("SECURITY_CONTACT", CONTACT_EMAIL)
MAIL_PROVIDER = mail.read_provider()
MAILERS, ANYMAIL = {"default": mail.build_mailer(MAIL_PROVIDER)}, mail.build_anymail(MAIL_PROVIDER)

# --- Sealed journals: a checkpoint is signed each day and kept outside, see tenants.checkpoints ---------------------
#: Ed25519, 32 bytes in base64 each: the first signs, the others are known as well. Empty: none are signed.
JOURNAL_SIGNING_KEYS = env.items("JOURNAL_SIGNING_KEYS")
JOURNAL_CHECKPOINT_FOLDER, JOURNAL_CHECKPOINT_ADDRESS = (
    env.text("JOURNAL_CHECKPOINT_FOLDER", ""),
    env.text("JOURNAL_CHECKPOINT_ADDRESS", ""),
)

# --- Language, time, files ------------------------------------------------------------------------------------------
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français")]
TIME_ZONE = "Europe/Paris"
USE_TZ = True
USE_I18N = True
# French translations missing in django-unfold.
LOCALE_PATHS = [ROOT / "platform" / "locale"]

STATIC_URL = "/static/"
STATIC_ROOT = DATA / "static"
if not PRODUCTION:
    # On a server `collectstatic` makes it, which web processes do not start without.
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.AppDirectoriesFinder", "web.assets.PackagedAssets"]
PACKAGED_ASSETS, PDF_FONTS = packaged_assets.SERVED, packaged_assets.PDF_FONTS
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        # On a server `collectstatic` hashes and compresses the files; elsewhere they are served in place.
        "BACKEND": "web.assets.HashedAssets" if PRODUCTION else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
# Larger files are written to disk as they come, and read from there in chunks.
FILE_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024

# Link target of « Accéder à l'application »; elsewhere than on a server, a page of the demonstration.
APPLICATION_URL = env.text(
    "APPLICATION_URL", "https://application.peps.example/" if PRODUCTION else "/demonstration/application/"
)
# Days after 31 August until the pupils of a class are erased.
PUPILS_KEPT_DAYS = env.number("PUPILS_KEPT_DAYS", 60)

# --- Card payments: django-payments with Stripe if configured, else a demo provider without cards --------------------
PAYMENT_MODEL = "payments.CardPayment"
PAYMENT_HOST = BASE_DOMAIN
PAYMENT_USES_SSL = SECURE
STRIPE_SECRET_KEY = env.text("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET = env.text("STRIPE_WEBHOOK_SECRET", "")
if bool(STRIPE_SECRET_KEY) != bool(STRIPE_WEBHOOK_SECRET):
    raise ImproperlyConfigured("STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET are set together, or not at all.")
STRIPE_API_BASE = env.text("STRIPE_API_BASE", "https://api.stripe.com")
# Origin of Stripe's payment page, added to form-action of the CSP on the checkout page.
STRIPE_CHECKOUT_ORIGIN = env.text("STRIPE_CHECKOUT_ORIGIN", "https://checkout.stripe.com")
CARD_VARIANT = external_services.choose_variant(has_stripe=bool(STRIPE_SECRET_KEY), is_production=PRODUCTION)
PAYMENT_VARIANTS = external_services.list_variants(CARD_VARIANT)
INVOICE_PLATFORMS = external_services.read_platforms()
REPORTING_PLATFORM = external_services.read_reporting_platform()
APPROVED_PLATFORM_TAKES_PUBLIC = env.flag("APPROVED_PLATFORM_TAKES_PUBLIC", default=False)

# --- Directory of schools: downloaded each day where a URL is set; private networks only if listed -------------------
DIRECTORY_URL = external_services.read_directory_url(is_production=PRODUCTION)
DIRECTORY_PRIVATE_NETWORKS = env.networks("DIRECTORY_PRIVATE_NETWORKS")

# --- API ------------------------------------------------------------------------------------------------------------
#: Requests per token and minute.
API_REQUESTS_PER_MINUTE = env.number("API_REQUESTS_PER_MINUTE", 600)
# Webhooks: plain http outside of production only; private networks only if listed.
WEBHOOKS_ALLOW_HTTP = env.flag("WEBHOOKS_ALLOW_HTTP", default=not PRODUCTION)
WEBHOOKS_PRIVATE_NETWORKS = env.networks("WEBHOOKS_PRIVATE_NETWORKS")
WEBHOOKS_LEASE, WEBHOOKS_THREADS = env.number("WEBHOOKS_LEASE", 60), env.number("WEBHOOKS_THREADS", 4)
#: Maximum bytes of a JSON body; 10,000 allocations are about 2 MB.
API_MAX_BODY_BYTES = 8 * 1024 * 1024
REST_FRAMEWORK = {
    # Closed by default: each endpoint sets its authentication and permissions.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.StrictJsonParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # No format suffix or parameter.
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = libraries.build_spectacular_settings(BASE_DOMAIN)

# --- Back office ----------------------------------------------------------------------------------------------------
UNFOLD = libraries.BACK_OFFICE

# --- What is watched ------------------------------------------------------------------------------------------------
METRICS_TOKEN, SENTRY_DSN = read_token("METRICS_TOKEN"), read_error_dsn()
check_metrics_folder()
# Who is told how the queue does: these networks, and who sends the token.
HEALTH_NETWORKS, HEALTH_TOKEN = env.networks("HEALTH_NETWORKS"), read_token("HEALTH_TOKEN")
HAS_TRACE_COLLECTOR = has_trace_collector()
LOGGING = build_logging(env.text("LOG_LEVEL", "WARNING"), env.text("LOG_FORMAT", "line"), sends_errors=bool(SENTRY_DSN))

# --- What a server must not start with, all of it at once -----------------------------------------------------------
# Settings that weaken a server and that its operator wants all the same, by their names.
ACCEPTED_RISKS = env.items("ACCEPTED_RISKS")
if PRODUCTION:
    start_checks.refuse_to_start(start_checks.list_faults(globals()))
