"""Breaks of what docs/security.md says holds: `make mutants ARGS=--security` runs the tests it names on each.

One condition, argument or statement a break: what somebody could take away without a reader's noticing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.mutants.sources import Mutant, Mutation, find_lines, read

ROOT = Path(__file__).resolve().parent.parent.parent
_DOCUMENT = ROOT / "docs" / "security.md"
_NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)?)`")
_NEVER = "if False:"


class Break(NamedTuple):
    """A text that stands once in a file, and what stands there instead; `section`: of docs/security.md."""

    section: str
    path: str
    before: str
    after: str


BREAKS = [
    Break(
        "8.1", "platform/web/middleware.py", 'raise PermissionDenied("This view is opened to nobody.")', "return None"
    ),
    Break(
        "8.1",
        "platform/web/access.py",
        "return None if request.user.is_authenticated else redirect_to_login(request.get_full_path())",
        "return None",
    ),
    Break("7.2", "platform/web/middleware.py", "get(SESSION_HOST_KEY) != host", "get(SESSION_HOST_KEY) is None"),
    Break(
        "2.2",
        "platform/web/middleware.py",
        'any("\\x00" in text for text in texts)',
        'any("\\x01" in text for text in texts)',
    ),
    Break("2.2", "platform/web/middleware.py", "for text in item),", "for text in item[:0]),"),
    Break("14.2", "platform/web/log_filters.py", "isinstance(record.args, tuple)", "isinstance(record.args, list)"),
    Break(
        "14.3",
        "platform/web/response_headers.py",
        'response["Cache-Control"] = "no-store"',
        'response["Cache-Control"] = "private"',
    ),
    Break(
        "3.4",
        "platform/web/response_headers.py",
        'setdefault("Permissions-Policy", PERMISSIONS_POLICY)',
        'setdefault("Permissions-Policy", "")',
    ),
    Break("3.4", "platform/web/response_headers.py", 'patch_vary_headers(response, ["HX-Request"])', "pass"),
    Break("8.3", "platform/api/authentication.py", "if token.revoked_at is not None:", _NEVER),
    Break("4.1", "platform/api/authentication.py", "if token.expires_at <= at:", _NEVER),
    Break("4.1", "platform/api/authentication.py", "if not tokens.is_allowed_from(token, address):", _NEVER),
    Break("4.1", "platform/api/authentication.py", "if tried.is_over:", _NEVER),
    Break("2.4", "platform/api/authentication.py", "            _count_invalid_token(address, at)", "            pass"),
    Break("4.1", "platform/api/tokens.py", "if not at < expires_at <= at + MAX_LIFETIME:", "if not at < expires_at:"),
    Break(
        "4.1",
        "platform/api/tokens.py",
        "if isinstance(client_ip, ipaddress.IPv6Address) and client_ip.ipv4_mapped is not None:",
        _NEVER,
    ),
    Break("4.1", "platform/api/tokens.py", "is_active=False", "is_active=True"),
    Break("4.2", "platform/core/bounded_json.py", "if len(raw) > max_bytes:", _NEVER),
    Break("4.2", "platform/core/bounded_json.py", "    _check_depth(parsed)\n", "    pass\n"),
    Break("2.2", "platform/core/bounded_json.py", "if len(members) != len(pairs):", _NEVER),
    Break("2.2", "platform/api/parsers.py", "if len(names) != len(set(names)):", _NEVER),
    Break("4.1", "platform/api/idempotency.py", 'f"{token.token_hash} {key}"', 'f"{key}"'),
    Break("4.1", "platform/api/idempotency.py", "if stored.fingerprint != request_fingerprint:", _NEVER),
    Break("4.1", "platform/api/idempotency.py", "if response.status_code < 500 and", "if"),
    Break("12.3", "platform/webhooks/url_policy.py", "if not is_scheme_allowed(url):", _NEVER),
    Break(
        "1.3",
        "platform/webhooks/url_policy.py",
        "if parts.username is not None or parts.password is not None:",
        "if parts.username is not None and parts.password is not None:",
    ),
    Break(
        "1.3",
        "platform/webhooks/url_policy.py",
        "if ip_address is not None and not is_address_allowed(ip_address):",
        _NEVER,
    ),
    Break("14.2", "platform/webhooks/signing.py", " and at < endpoint.previous_until", ""),
    Break("14.2", "platform/webhooks/signing.py", 'f"{event_id}.{timestamp}.".encode()', 'f"{event_id}.".encode()'),
    Break("1.3", "platform/webhooks/http_client.py", "allow_redirects=False", "allow_redirects=True"),
    Break("1.3", "platform/webhooks/http_client.py", "trust_env=False", "trust_env=True"),
    Break("1.3", "platform/webhooks/http_client.py", "0 if reason == attempt_results.HOST_UNREACHABLE else ", ""),
    Break(
        "1.3",
        "platform/core/outgoing_addresses.py",
        "if ip_address is None or not is_address_allowed(ip_address, private_networks):",
        "if ip_address is None:",
    ),
    Break("1.3", "platform/core/outgoing_addresses.py", "    address = _unwrap_ipv4(address)", "    pass"),
    Break("1.3", "platform/core/outgoing_addresses.py", "for network in _BLOCKED)", "for network in ())"),
    Break("1.3", "platform/core/outgoing_addresses.py", "        and not address.is_multicast\n", ""),
    Break(
        "2.4", "platform/accounts/throttling.py", "self.tries > self.limit.tries", "self.tries > 10 * self.limit.tries"
    ),
    Break(
        "2.4",
        "platform/accounts/throttling.py",
        "ip_network((parsed, 64), strict=False)",
        "ip_network((parsed, 128), strict=False)",
    ),
    Break("6.3", "platform/accounts/attempt_delays.py", "if failures < self.free:", "if failures < 50 * self.free:"),
    Break("6.3", "platform/accounts/attempt_delays.py", "    if open_at > now:", "    if False:"),
    Break("6.3", "platform/accounts/sign_in_delays.py", "if KnownOrigin.Kind.DEVICE in known:", "if True:"),
    Break("6.3", "platform/accounts/sign_in_delays.py", "[here, (self.of_account, name), ", "[here, "),
    Break("6.3", "platform/accounts/sign_in_delays.py", "username.strip().casefold()", "username"),
    Break(
        "6.3",
        "platform/accounts/sign_in_delays.py",
        '"accounts.device.password", user.password,',
        '"accounts.device.password", "",',
    ),
    Break(
        "8.2",
        "platform/accounts/passkeys.py",
        "filter(pk=passkey_id, user_id=user.pk, type=",
        "filter(pk=passkey_id, type=",
    ),
    Break("6.5", "platform/accounts/passkeys.py", "if owned.count() >= MAX_PASSKEYS:", _NEVER),
    Break("7.3", "platform/accounts/sessions.py", "objects.filter(expire_date__gt=timezone.now())", "objects.all()"),
    Break("7.3", "platform/accounts/session_lifetime.py", "at - signed_in_at >= self.absolute or ", ""),
    Break("7.3", "platform/accounts/session_lifetime.py", " or at - seen_at >= self.idle", ""),
    Break("7.3", "platform/accounts/session_lifetime.py", " and not user.is_staff else", " else"),
    Break(
        "7.5",
        "platform/accounts/reauthentication.py",
        "self.when is None or self.when(request)",
        "self.when is not None and self.when(request)",
    ),
    Break("7.5", "platform/accounts/reauthentication.py", "    if form.is_valid():", "    if data is not None:"),
    Break(
        "7.5",
        "platform/accounts/reauthentication.py",
        "    if _is_confirmed(request):",
        '    if request.method == "POST" or _is_confirmed(request):',
    ),
    Break(
        "6.6",
        "platform/accounts/enrolment_codes.py",
        "code_hash=hash_token(typed), expires_at__gt=at)",
        "code_hash=hash_token(typed))",
    ),
    Break(
        "6.6",
        "platform/accounts/enrolment_codes.py",
        "if expires_at is None or not valid.delete()[0]:",
        "if expires_at is None:",
    ),
    Break("6.6", "platform/accounts/enrolment_codes.py", "account == user.pk and ", ""),
    Break(
        "6.3", "platform/accounts/sign_in_delays.py", "by_second_factor=self.by_second_factor", "by_second_factor=False"
    ),
    Break("6.3", "platform/accounts/password_resets.py", ", is_active=True)", ")"),
    Break(
        "2.4",
        "platform/accounts/password_resets.py",
        "RateLimitExceeded:\n        return\n",
        "RateLimitExceeded:\n        pass\n",
    ),
    Break("2.3", "platform/core/confirmation_guard.py", "if number == str(self.number):", "if number:"),
    Break(
        "2.3", "platform/core/confirmation_guard.py", "changed > SERVED_SHARE_THRESHOLD * of_all", "changed > of_all"
    ),
    Break("3.2", "platform/core/file_responses.py", "if inline and content_type not in _INLINE_TYPES:", _NEVER),
    Break("14.2", "platform/core/link_tokens.py", "return hashlib.sha256(token.encode()).hexdigest()", "return token"),
    Break("1.2", "platform/core/workbook.py", "        cell.quotePrefix = True", "        pass"),
    Break("1.2", "platform/core/workbook.py", '    cell.data_type = "s"', "    pass"),
    Break(
        "14.2",
        "platform/core/error_reports.py",
        'mask(str(exception.get("value") or ""))',
        'str(exception.get("value") or "")',
    ),
    Break(
        "16.4",
        "platform/core/journal_seals.py",
        "previous.number + 1 or seal.previous != previous.hash:",
        "previous.number + 1:",
    ),
    Break("16.4", "platform/core/journal_seals.py", "if seal.compute_hash() != seal.hash:", _NEVER),
]


def build_breaks() -> list[Mutant]:
    """Return the breaks as mutants, in the project's folder. Raises `ValueError` for a text that is not once in it."""
    mutants = []
    for section, name, before, after in BREAKS:
        path = Path(name)
        source = read(path)
        if source.count(before) != 1:
            raise ValueError(f"{name} has {source.count(before)} times: {before}")
        line = source[: source.index(before) + len(before) - len(before.lstrip())].count("\n") + 1
        mutation = Mutation(path, section, operator=None, occurrence=0, line=line)
        mutants.append(Mutant(mutation, source.replace(before, after), find_lines(source, line)))
    return mutants


def list_named_tests() -> list[str]:
    """Return the tests that docs/security.md names, but those of the browser."""
    return sorted({name for name in _NAMED_TEST.findall(read(_DOCUMENT)) if not name.startswith("tests/e2e")})
