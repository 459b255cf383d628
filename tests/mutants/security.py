"""Breaks of what docs/security.md says holds: `make mutants ARGS=--security` runs the tests it names on each.

One condition, argument or statement a break: what somebody could take away without a reader's noticing.
"""

import re
from pathlib import Path

from tests.mutants.sources import Mutant, Mutation, find_lines, read

ROOT = Path(__file__).resolve().parent.parent.parent
_DOCUMENT = ROOT / "docs" / "security.md"
_NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)?)`")
_NEVER = "if False:"


#: By file, breaks: the section of docs/security.md, a text that stands once in the file, and what stands there instead.
BREAKS: dict[str, list[tuple[str, str, str]]] = {
    "platform/web/middleware.py": [
        ("8.1", 'raise PermissionDenied("This view is opened to nobody.")', "return None"),
        ("7.2", "get(SESSION_HOST_KEY) != host", "get(SESSION_HOST_KEY) is None"),
        ("2.2", 'any("\\x00" in text for text in texts)', 'any("\\x01" in text for text in texts)'),
        ("2.2", "for text in item),", "for text in item[:0]),"),
        ("4.1", "if settings.SECURE_SSL_REDIRECT and not request.is_secure():", _NEVER),
        ("13.4", 'if request.method == "TRACE":', _NEVER),
        ("16.3", "if response.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) and", "if"),
        ("16.3", "HTTPStatus.NOT_FOUND) and request.user", "HTTPStatus.FORBIDDEN) and request.user"),
        ("14.3", 'response["Cache-Control"] = "no-store"', 'response["Cache-Control"] = "private"'),
        ("3.4", 'setdefault("Permissions-Policy", PERMISSIONS_POLICY)', 'setdefault("Permissions-Policy", "")'),
        ("3.4", 'patch_vary_headers(response, ["HX-Request"])', "pass"),
    ],
    "platform/core/telemetry.py": [
        ("16.4", '"\\\\n".join(super().formatMessage(record).splitlines())', "super().formatMessage(record)"),
        ("14.2", "isinstance(record.args, tuple)", "isinstance(record.args, list)"),
        ("14.2", 'mask(str(exception.get("value") or ""))', 'str(exception.get("value") or "")'),
    ],
    "sites/back_office/accounts.py": [
        ("7.4", "if not obj.is_active:", _NEVER),
    ],
    "platform/web/access.py": [
        (
            "8.1",
            "return None if request.user.is_authenticated else redirect_to_login(request.get_full_path())",
            "return None",
        ),
    ],
    "platform/api/tokens.py": [
        ("8.3", "if token.revoked_at is not None:", _NEVER),
        ("4.1", "if token.expires_at <= at:", _NEVER),
        ("4.1", "if not is_allowed_from(token, address):", _NEVER),
        ("4.1", "if tried.is_over:", _NEVER),
        ("2.4", "            _count_invalid_token(address, at)", "            pass"),
        ("4.1", "if not at < expires_at <= at + MAX_LIFETIME:", "if not at < expires_at:"),
        ("4.1", "if isinstance(client_ip, ipaddress.IPv6Address) and client_ip.ipv4_mapped is not None:", _NEVER),
        ("4.1", "is_active=False", "is_active=True"),
    ],
    "platform/core/confinement.py": [
        ("5.2", "(_RETURN, 0, 0, _KILL),", "(_RETURN, 0, 0, _ALLOW),"),
        ("5.2", "        str(package.parent)\n", "        str(package.parent.parent)\n"),
    ],
    "platform/core/start_checks.py": [
        ("5.2", "list_lacks() if settings.PRODUCTION else []", "[]"),
    ],
    "platform/core/foreign_values.py": [
        ("4.2", "if len(raw) > max_bytes:", _NEVER),
        ("4.2", "    _check_depth(parsed)\n", "    pass\n"),
        ("2.2", "if len(members) != len(pairs):", _NEVER),
    ],
    "platform/api/parsers.py": [
        ("2.2", "if len(names) != len(set(names)):", _NEVER),
    ],
    "platform/api/idempotency.py": [
        ("4.1", 'f"{token.token_hash} {key}"', 'f"{key}"'),
        ("4.1", "if stored.fingerprint != request_fingerprint:", _NEVER),
        ("4.1", "if response.status_code < 500 and", "if"),
    ],
    "platform/webhooks/http_client.py": [
        ("1.3", "allow_redirects=False", "allow_redirects=True"),
        ("1.3", "trust_env=False", "trust_env=True"),
        ("1.3", "0 if reason == leases.HOST_UNREACHABLE else ", ""),
    ],
    "platform/webhooks/url_policy.py": [
        ("12.3", "if not is_scheme_allowed(url):", _NEVER),
        (
            "1.3",
            "if parts.username is not None or parts.password is not None:",
            "if parts.username is not None and parts.password is not None:",
        ),
        ("1.3", "if ip_address is None or is_address_allowed(ip_address) else", "if True else"),
    ],
    "platform/webhooks/endpoints.py": [
        ("14.2", " and at < endpoint.previous_until", ""),
        ("14.2", 'f"{event_id}.{timestamp}.".encode()', 'f"{event_id}.".encode()'),
    ],
    "platform/core/outgoing_addresses.py": [
        (
            "1.3",
            "if ip_address is None or not is_address_allowed(ip_address, private_networks):",
            "if ip_address is None:",
        ),
        ("1.3", "    address = _unwrap_ipv4(address)", "    pass"),
        ("1.3", "for network in _BLOCKED)", "for network in ())"),
        ("1.3", "        and not address.is_multicast\n", ""),
    ],
    "platform/accounts/throttling.py": [
        ("16.3", "_logger.warning(", "_logger.debug("),
        ("2.4", "self.tries > self.limit.tries", "self.tries > 10 * self.limit.tries"),
        ("2.4", "ip_network((parsed, 64), strict=False)", "ip_network((parsed, 128), strict=False)"),
    ],
    "platform/accounts/attempt_delays.py": [
        ("6.3", "if failures < self.free:", "if failures < 50 * self.free:"),
        ("6.3", "is_early = open_at > now", "is_early = False"),
        ("6.3", "if KnownOrigin.Kind.DEVICE in known:", "if True:"),
        ("6.3", "[here, (self.of_account, name), ", "[here, "),
        ("6.3", "username.strip().casefold()", "username"),
        ("6.3", '"accounts.device.password", user.password,', '"accounts.device.password", "",'),
        ("6.3", "by_second_factor=self.by_second_factor", "by_second_factor=False"),
    ],
    "platform/accounts/mfa_forms.py": [
        ("6.5", "if factor is not None and not second_factor.is_bound(factor):", _NEVER),
        ("6.5", "second_factor.is_bound(passkey) and ", ""),
    ],
    "platform/accounts/second_factor.py": [
        ("6.5", 'f"{factor.user_id} {factor.type} {digest}"', 'f"{factor.type} {digest}"'),
        ("6.5", 'f"{factor.user_id} {factor.type} {digest}"', 'f"{factor.user_id} {factor.type}"'),
        ("8.2", "filter(pk=passkey_id, user_id=user.pk, type=", "filter(pk=passkey_id, type="),
        ("6.5", "if owned.count() >= MAX_PASSKEYS:", _NEVER),
        ("6.5", "if (counter or previous) and counter <= previous:", _NEVER),
        ("6.6", "codes.filter(expires_at__gt=at).first()", "codes.first()"),
        ("6.6", "or not codes.filter(code_hash=issued.code_hash).delete()[0]:", "or not codes.exists():"),
        ("6.6", "{user.pk} {expires_at.timestamp()} {code}", "{expires_at.timestamp()} {code}"),
        ("6.6", "{user.pk} {expires_at.timestamp()} {code}", "{user.pk} {code}"),
        ("6.6", "account == user.pk and ", ""),
    ],
    "platform/accounts/sessions.py": [
        ("7.2", "{self.row_key or hash_token(self.session_key or '')}", ""),
        ("7.3", "session.expire_date > %s", "%s IS NOT NULL"),
    ],
    "platform/accounts/devices.py": [
        ("7.3", "at - signed_in_at >= self.absolute or ", ""),
        ("7.3", " or at - seen_at >= self.idle", ""),
        ("7.3", " and not user.is_staff else", " else"),
        ("7.4", "user.is_active and ", ""),
        ("7.4", "return user if is_current else get_user(request)", "return user"),
    ],
    "platform/accounts/reauthentication.py": [
        ("7.5", "self.when is None or self.when(request)", "self.when is not None and self.when(request)"),
        ("7.5", "    if form.is_valid():", "    if data is not None:"),
        ("7.5", "    if _is_confirmed(request):", '    if request.method == "POST" or _is_confirmed(request):'),
    ],
    "platform/accounts/passwords.py": [
        ("6.2", '["guesses"] < MIN_GUESSES', '["guesses"] < 0'),
        ("6.2", "        super().validate(password, user)\n", ""),
        ("6.2", "file and leaked_passwords.is_in_file(file, password)", "False"),
        ("6.2", "url and leaked_passwords.is_known_to_service(url, password)", "False"),
        ("6.3", ", is_active=True)", ")"),
        ("2.4", "RateLimitExceeded:\n        return\n", "RateLimitExceeded:\n        pass\n"),
    ],
    "platform/core/leaked_passwords.py": [
        ("6.2", "if hashes != sorted(hashes):", _NEVER),
        ("6.2", 'count.strip() != "0"', 'count.strip() == "0"'),
        ("6.2", 'does not answer: %s", type(error).__name__', 'does not answer: %s", error'),
    ],
    "platform/core/confirmation_guard.py": [
        ("2.3", "if number == str(self.number):", "if number:"),
        ("2.3", "changed > SERVED_SHARE_THRESHOLD * of_all", "changed > of_all"),
    ],
    "platform/core/documents.py": [
        ("3.2", "if inline and content_type not in _INLINE_TYPES:", _NEVER),
    ],
    "platform/core/links.py": [
        ("14.2", "return hashlib.sha256(token.encode()).hexdigest()", "return token"),
    ],
    "platform/core/worksheet_cells.py": [
        ("1.2", "        cell.quotePrefix = True", "        pass"),
        ("1.2", '    cell.data_type = "s"', "    pass"),
    ],
    "platform/core/journal_seals.py": [
        ("16.4", "previous.number + 1 or seal.previous != previous.hash:", "previous.number + 1:"),
        ("16.4", "if seal.compute_hash() != seal.hash:", _NEVER),
    ],
}


def build_breaks() -> list[Mutant]:
    """Return the breaks as mutants, in the project's folder. Raises `ValueError` for a text that is not once in it."""
    mutants = []
    for name, breaks in BREAKS.items():
        path = Path(name)
        source = read(path)
        for section, before, after in breaks:
            if source.count(before) != 1:
                raise ValueError(f"{name} has {source.count(before)} times: {before}")
            line = source[: source.index(before) + len(before) - len(before.lstrip())].count("\n") + 1
            mutation = Mutation(path, section, operator=None, occurrence=0, line=line)
            mutants.append(Mutant(mutation, source.replace(before, after), find_lines(source, line)))
    return mutants


def list_named_tests() -> list[str]:
    """Return the tests that docs/security.md names, but those of the browser."""
    return sorted({name for name in _NAMED_TEST.findall(read(_DOCUMENT)) if not name.startswith("tests/e2e")})
