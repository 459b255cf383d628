"""What a server that real people use must have: checked at the start, and by `manage.py check --deploy`.

Every fault is listed at once, without any secret. What only weakens a server is a risk, which may be accepted by name.
"""

import ipaddress
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection

from core.confinement import list_lacks
from core.sealing import parse_sealing_keys

#: What is wrong with the role, by kind, and which thing for an example.
_ROLE_FAULTS = """
SELECT 'superuser', '' FROM pg_roles WHERE rolname = %(role)s AND rolsuper
UNION ALL SELECT 'powers', '' FROM pg_roles
    WHERE rolname = %(role)s AND NOT rolsuper AND (rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
UNION ALL SELECT 'member', granted.rolname FROM pg_auth_members AS membership
    JOIN pg_roles AS granted ON granted.oid = roleid JOIN pg_roles AS member ON member.oid = membership.member
    WHERE member.rolname = %(role)s
UNION ALL (SELECT 'owner', format('%%s.%%s', nspname, relname) FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace JOIN pg_roles ON pg_roles.oid = relowner
    WHERE rolname = %(role)s AND relpersistence = 'p' LIMIT 1)
UNION ALL (SELECT 'creator', nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND has_schema_privilege(%(role)s, oid, 'CREATE') LIMIT 1)
UNION ALL (SELECT 'truncate', relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND has_table_privilege(%(role)s, oid, 'TRUNCATE')
    LIMIT 1)
"""
_SENTENCES = {
    "superuser": "is a superuser",
    "powers": "may create roles or databases, replicate or pass over row security",
    "member": "is a member of {}",
    "owner": "owns {}",
    "creator": "may create objects in the schema {}",
    "truncate": "may truncate {}",
}


def list_role_faults(role: str) -> list[tuple[str, str]]:
    """Return what a role is and the application's must not be: a kind of `_SENTENCES`, and which thing. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_ROLE_FAULTS, {"role": role})
        faults: list[tuple[str, str]] = cursor.fetchall()
        return faults


def describe_role_faults() -> list[str]:
    """Return one sentence for each fault of the role of DATABASE_URL."""
    role = settings.DATABASES["default"]["USER"]
    return [
        f"The role {role} of DATABASE_URL {_SENTENCES[kind].format(what)}." for kind, what in list_role_faults(role)
    ]


def _list_faults_on_a_server(list_faults: Callable[[], list[str]]) -> list[str]:
    """Return the faults of a server's database, none elsewhere.

    A database that does not answer is no reason: the process starts, and says so to whoever asks.
    """
    if not settings.PRODUCTION:
        return []
    try:
        return list_faults()
    except OperationalError:
        return []
    finally:
        # Not to be shared with the processes that a server forks.
        connection.close()


def refuse_privileged_role() -> None:
    """Raise `ImproperlyConfigured` on a server whose role may do more than the application needs."""
    if faults := _list_faults_on_a_server(describe_role_faults):
        sentences = "\n".join(f"- {fault}" for fault in faults)
        raise ImproperlyConfigured(
            f"PRODUCTION is True, but (see docs/deploy.md, manage.py create_database_roles):\n{sentences}"
        )


# What the database must be before anything is stored in it: UTF-8, letters beyond ASCII, PostgreSQL 15.
#
# Neither can be changed later but by a dump and a new database; where they are wrong nothing fails at first: an
# accent is two letters, « É » has no small letter, and searches miss both.

#: The oldest PostgreSQL that Django 6.1 works with.
MIN_VERSION = 15
#: What the migrations install: contrib modules, which the owner of a database may.
EXTENSIONS = ("btree_gist", "pg_trgm", "unaccent")
#: Locales whose letters are those of ASCII.
_ASCII_LOCALES = ("C", "POSIX")

_DATABASE = """
SELECT current_setting('server_version_num')::int / 10000, pg_encoding_to_char(encoding), datctype
FROM pg_database WHERE datname = current_database()
"""
_SORTS_FRENCH = r"SELECT U&'\00C9cole' < 'Lycee'"


class Cursor(Protocol):
    """A cursor of psycopg or of Django."""

    def execute(self, query: Any) -> Any: ...

    def fetchone(self) -> Any: ...


def list_database_faults(cursor: Cursor) -> list[str]:
    """Return one sentence for each thing that is wrong with the connected database. One query."""
    cursor.execute(_DATABASE)
    version, encoding, letters = cursor.fetchone()
    faults = []
    if version < MIN_VERSION:
        faults.append(f"PostgreSQL is {version}, and {MIN_VERSION} at least is needed.")
    if encoding != "UTF8":
        faults.append(f"The database's encoding is {encoding}, and must be UTF8.")
    if letters in _ASCII_LOCALES:
        faults.append(f"The database's LC_CTYPE is {letters}, which knows no letters but those of ASCII.")
    return faults


def sorts_french(cursor: Cursor) -> bool:
    """Return whether the connected database, in UTF-8, sorts « École » before « Lycée ». One query."""
    cursor.execute(_SORTS_FRENCH)
    [is_before] = cursor.fetchone()
    return bool(is_before)


def refuse_unfit_database() -> None:
    """Raise `ImproperlyConfigured` on a server whose database is not as `list_database_faults` has it."""

    def list_connection_faults() -> list[str]:
        with connection.cursor() as cursor:
            return list_database_faults(cursor)

    if faults := _list_faults_on_a_server(list_connection_faults):
        raise ImproperlyConfigured(describe_faults(faults))


def describe_faults(faults: Iterable[str]) -> str:
    """Return a message with every fault, and how a database without them is made."""
    sentences = "\n".join(f"- {fault}" for fault in faults)
    return (
        f"The database cannot be used (see docs/deploy.md):\n{sentences}\n"
        "manage.py create_database_roles makes one that can where DATABASE_URL names a database that is not there yet."
    )


type Network = ipaddress.IPv4Network | ipaddress.IPv6Network


logger = logging.getLogger(__name__)

#: The secrets of demonstrations and tests, which anybody can read here.
PUBLIC_SECRET_KEY = "only-for-demonstration-and-tests"  # noqa: S105 - published on purpose
_PUBLIC_PREFIXES = (PUBLIC_SECRET_KEY, "django-insecure-")
MIN_SECRET_LENGTH = 50
#: Of the groups of three letters of a drawn secret hardly any comes twice, even of hexadecimal digits.
_MIN_SHARE_OF_DISTINCT_GROUPS = 0.75
#: Of 32 drawn bytes some 30 differ, of 64 some 57.
_MIN_SHARE_OF_DISTINCT_BYTES = 0.5
#: A balancer, a proxy of the machine, and one of a content network.
MAX_PROXIES = 3
#: The widest private network that has a use: 10.0.0.0/8, and its like for IPv6.
_MIN_PREFIX_LENGTHS = {4: 8, 6: 7}
#: This machine, and what answers on the link alone, such as a cloud's own service of keys (169.254.169.254).
_OWN_NETWORKS = tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10")))
_CHECKED_SETTINGS = (
    "SECRET_KEY", "SECRET_KEY_FALLBACKS", "SEALING_KEYS", "PUBLIC_SEALING_KEY", "METRICS_TOKEN", "HEALTH_TOKEN",
    "BASE_DOMAIN", "DEBUG", "SECURE", "BEHIND_TLS_PROXY", "TRUSTED_PROXIES", "OPERATOR_SECOND_FACTOR",
    "OFFICE_SECOND_FACTOR", "WEBHOOKS_ALLOW_HTTP", "WEBHOOKS_PRIVATE_NETWORKS", "DIRECTORY_PRIVATE_NETWORKS",
    "HEALTH_NETWORKS", "ACCEPTED_RISKS",
)  # fmt: skip
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+")


class Fault(NamedTuple):
    """A setting that is missing, wrong or weak; `id`: of the check.

    `risk`: the setting's name, where `ACCEPTED_RISKS` may hold it.
    """

    id: str
    sentence: str
    risk: str = ""


class _Flag(NamedTuple):
    """A setting that is on or off, `wrong` being what it must not be; `id`: of the check, `reason`: why.

    `is_risk`: it only weakens a server.
    """

    wrong: bool
    id: str
    reason: str
    is_risk: bool


_FLAGS = {
    "DEBUG": _Flag(True, "peps.E005", "its error pages show settings and data to anybody", is_risk=False),
    "SECURE": _Flag(False, "peps.E006", "sessions would travel in the clear", is_risk=False),
    "OPERATOR_SECOND_FACTOR": _Flag(
        False, "peps.E008", "a password alone would open the administration of every office", is_risk=True
    ),
    "OFFICE_SECOND_FACTOR": _Flag(
        False, "peps.E009", "a password alone would give and take back an office's licences", is_risk=True
    ),
    "WEBHOOKS_ALLOW_HTTP": _Flag(
        True, "peps.E010", "events would travel in the clear; ask for an https address", is_risk=True
    ),
}


def is_local_name(domain: str) -> bool:
    """Return whether a domain is a name of this machine alone."""
    return domain == "localhost" or domain.endswith(".localhost")


def is_domain(name: str) -> bool:
    """Return whether a name is a whole domain in small letters, with a dot at least."""
    return _DOMAIN.fullmatch(name) is not None


def list_faults(values: Mapping[str, Any]) -> list[Fault]:
    """Return what a server must not start with. `values`: the settings by name.

    Without the risks that the operator accepts; an accepted one that is none is a fault.
    """
    accepted = set(values["ACCEPTED_RISKS"])
    risks = list_risks(values)
    idle = sorted(accepted - {fault.risk for fault in risks})
    return [
        *_list_secret_faults(values),
        *_list_token_faults(values),
        *_list_host_faults(values),
        *(fault for fault in _list_wrong_flags(values) if not fault.risk),
        *_list_proxy_faults(values),
        *(fault for fault in risks if fault.risk not in accepted),
        *(Fault("peps.E014", f"ACCEPTED_RISKS: {name} is no risk with these settings: take it out.") for name in idle),
    ]


def list_risks(values: Mapping[str, Any]) -> list[Fault]:
    """Return the settings that weaken a server, accepted or not."""
    return [
        *(fault for fault in _list_wrong_flags(values) if fault.risk),
        *_list_network_risks(values),
        *_list_proxy_risks(values),
    ]


def refuse_to_start(faults: list[Fault]) -> None:
    """Raise `ImproperlyConfigured` with every fault, if there is any."""
    if not faults:
        return
    sentences = "\n".join(f"- {fault.sentence}" for fault in faults)
    risks = ",".join(dict.fromkeys(fault.risk for fault in faults if fault.risk))
    accepting = f"\nTo run with such a risk all the same, add to ACCEPTED_RISKS: {risks}" if risks else ""
    raise ImproperlyConfigured(f"PRODUCTION is True, but (see docs/deploy.md):\n{sentences}{accepting}")


@checks.register(checks.Tags.security, deploy=True)
def check_deployment(app_configs: Any, **_kwargs: Any) -> list[checks.CheckMessage]:  # noqa: ARG001 - Django's signature
    """Return the faults of these settings, and the accepted risks as warnings, for `manage.py check --deploy`."""
    values = {name: getattr(settings, name) for name in _CHECKED_SETTINGS}
    faults = list_faults(values)
    if not settings.PRODUCTION:
        faults.insert(0, Fault("peps.E000", "PRODUCTION must be True on a server that real people use."))
    accepted = [risk for risk in list_risks(values) if risk not in faults]
    return [
        *(checks.Error(fault.sentence, id=fault.id) for fault in faults),
        *(checks.Warning(f"Accepted: {risk.sentence}", id=risk.id.replace("E", "W")) for risk in accepted),
    ]


@checks.register(checks.Tags.security)
def check_confinement(app_configs: Any, **_kwargs: Any) -> list[checks.CheckMessage]:  # noqa: ARG001 - Django's signature
    """Return a warning on a server whose kernel cannot confine what reads foreign files.

    Not of `--deploy` alone: a worker says it whenever it starts.
    """
    lacks = list_lacks() if settings.PRODUCTION else []
    if not lacks:
        return []
    return [
        checks.Warning(
            "What reads foreign files is not shut in: this kernel, or the container around it, lacks "
            f"{' and '.join(lacks)}.",
            hint="docs/deploy.md, « Foreign files ».",
            id="peps.W025",
        )
    ]


def warn_of_confinement() -> None:
    """Write into the log what `check_confinement` returns, for a process that runs no checks when it starts."""
    for warning in check_confinement(None):
        logger.warning("%s: %s See %s", warning.id, warning.msg, warning.hint)


def _list_secret_faults(values: Mapping[str, Any]) -> Iterator[Fault]:
    if not values["SECRET_KEY"] or values["SECRET_KEY"] == PUBLIC_SECRET_KEY:
        yield Fault("peps.E001", "SECRET_KEY must be set to a random text of your own.")
    elif reason := _find_weakness(values["SECRET_KEY"]):
        yield Fault("peps.E001", f"SECRET_KEY {reason}.")
    for number, secret in enumerate(values["SECRET_KEY_FALLBACKS"], start=1):
        if reason := _find_weakness(secret):
            yield Fault("peps.E002", f"SECRET_KEY_FALLBACKS: entry {number} {reason}.")
    if not values["SEALING_KEYS"] or values["PUBLIC_SEALING_KEY"] in values["SEALING_KEYS"]:
        yield Fault("peps.E003", "SEALING_KEYS must be set to random keys of your own.")
        return
    try:
        keys = parse_sealing_keys(tuple(values["SEALING_KEYS"]))
    except ImproperlyConfigured as error:
        yield Fault("peps.E003", str(error))
        return
    for number, key in keys.items():
        if len(set(key)) < len(key) * _MIN_SHARE_OF_DISTINCT_BYTES:
            yield Fault("peps.E003", f"SEALING_KEYS: key {number} repeats its bytes; draw another at random.")


def _list_token_faults(values: Mapping[str, Any]) -> Iterator[Fault]:
    for name in ("METRICS_TOKEN", "HEALTH_TOKEN"):
        if values[name] and _is_repetitive(values[name]):
            yield Fault("peps.E013", f"{name} repeats its letters; draw another at random.")


def _find_weakness(secret: str) -> str:
    """Return what is wrong with a secret, or an empty text."""
    if secret.startswith(_PUBLIC_PREFIXES):
        return "is a published value"
    if len(secret) < MIN_SECRET_LENGTH or _is_repetitive(secret):
        return f"must have {MIN_SECRET_LENGTH} characters at least, drawn at random, without repeated ones"
    return ""


def _is_repetitive(secret: str) -> bool:
    """Return whether a text repeats letters or groups of them, as none that was drawn does."""
    groups = [secret[start : start + 3] for start in range(len(secret) - 2)]
    return len(set(groups)) < len(groups) * _MIN_SHARE_OF_DISTINCT_GROUPS


def _list_host_faults(values: Mapping[str, Any]) -> Iterator[Fault]:
    domain = values["BASE_DOMAIN"]
    if not is_domain(domain):
        yield Fault("peps.E004", f"BASE_DOMAIN must be a whole name in small letters: peps.example, not {domain!r}.")
    elif is_local_name(domain):
        yield Fault(
            "peps.E004",
            f"BASE_DOMAIN must be a name that visitors find: {domain!r} is a demonstration's.",
        )


def _list_wrong_flags(values: Mapping[str, Any]) -> Iterator[Fault]:
    for name, flag in _FLAGS.items():
        if bool(values[name]) == flag.wrong:
            yield Fault(flag.id, f"{name} must be {not flag.wrong}: {flag.reason}.", risk=name if flag.is_risk else "")


def _list_proxy_faults(values: Mapping[str, Any]) -> Iterator[Fault]:
    if values["BEHIND_TLS_PROXY"] and not values["TRUSTED_PROXIES"]:
        yield Fault(
            "peps.E007",
            "TRUSTED_PROXIES must be 1 or more where BEHIND_TLS_PROXY is True: all visitors would count as one.",
        )


def _list_proxy_risks(values: Mapping[str, Any]) -> Iterator[Fault]:
    if values["TRUSTED_PROXIES"] > MAX_PROXIES:
        yield Fault(
            "peps.E012",
            f"TRUSTED_PROXIES must be the number of proxies that stand there, {MAX_PROXIES} at most: with one too many"
            " visitors choose the address by which their attempts are counted.",
            risk="TRUSTED_PROXIES",
        )


def _list_network_risks(values: Mapping[str, Any]) -> Iterator[Fault]:
    for name in ("WEBHOOKS_PRIVATE_NETWORKS", "DIRECTORY_PRIVATE_NETWORKS", "HEALTH_NETWORKS"):
        # A monitor may stand on the machine itself; webhooks and downloads have nothing to do there.
        refused = _OWN_NETWORKS if name != "HEALTH_NETWORKS" else ()
        if wide := [str(network) for network in values[name] if _is_too_wide(network, refused)]:
            yield Fault(
                "peps.E011",
                f"{name} must name the networks alone that are meant, such as 10.20.0.0/16: {', '.join(wide)} holds"
                " this machine's own services, or everybody's addresses.",
                risk=name,
            )


def _is_too_wide(network: Network, refused: Iterable[Network]) -> bool:
    return network.prefixlen < _MIN_PREFIX_LENGTHS[network.version] or any(
        network.version == own.version and network.overlaps(own) for own in refused
    )
