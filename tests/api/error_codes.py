"""Every error code of the API, collected from the source: rules, framework, fields and parameters."""

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.urls import get_resolver

from api import problem_details, views
from api.fields import StrictSerializer
from api.views import ApiView
from core.exceptions import DomainError

#: Callables that take an error code as first argument, third argument, or keyword.
_FIRST = {"ApiProblem", "Unauthorised", "FieldError", "build_problem_response", "__init__"}
_THIRD = {"PortfolioRowError"}
_NAMED = {"ErrorDetail", "ValidationError", "ApiProblem", "FieldError"}
_CODE = re.compile(r"[a-z]+(_[a-z]+)*")

#: Packages whose rules are used by endpoints of other apps.
USED_BY_OTHERS = ("webhooks",)

#: Error codes of these apps that only pages can meet.
PAGE_ONLY_CODES = {
    "addition_not_undoable",
    "already_decided",
    "already_verified",
    "given_lately",
    "invalid_address",
    "invalid_logo",
    "invalid_pool_name",
    "invalid_reminder_days",
    "invalid_roles",
    "invalid_school_year",
    "invalid_token_settings",
    "invitation_invalid",
    "invited_at_another_address",
    "last_manager",
    "licence_held",
    "no_awaited_school_found",
    "no_chosen_school",
    "no_mailbox",
    "nobody_to_ask",
    "not_a_member",
    "not_a_principal",
    "not_a_teacher",
    "not_given",
    "not_principal",
    "not_verified",
    "nothing_held",
    "nothing_to_add_up",
    "nothing_to_lead",
    "nothing_to_order",
    "principals_changed",
    "renewal_not_undoable",
    "renewal_refused",
    "request_open",
    "requested_too_often",
    "return_not_undoable",
    "school_asks_for_more",
    "second_factor_required",
    "token_already_created",
    "too_many_licence_requests",
    "units_changed",
    "unknown_choice",
    "unknown_collectivity",
    "unknown_return_request",
    "unknown_row",
    "unknown_token",
    "verification_link_invalid",
    "visit_refused",
}


def list_endpoints() -> set[type[ApiView]]:
    """Return the endpoint classes."""
    patterns = get_resolver("config.urls_api").url_patterns
    return {pattern.callback.cls for pattern in patterns if hasattr(pattern.callback, "cls")}


def list_apps() -> set[str]:
    """Return the apps that have endpoints."""
    found = {apps.get_containing_app_config(one.__module__) for one in list_endpoints()}
    return {app.name for app in found if app is not None} | {"api", *USED_BY_OTHERS}


def api_rule_codes() -> set[str]:
    """Return the error codes of those apps' domain errors."""
    theirs = tuple(f"{app}." for app in list_apps())
    named = {one.code for one in _subclasses(DomainError) if one.__module__.startswith(theirs)}
    return named - {DomainError.code} | _refusal_codes(theirs)


def all_rule_codes() -> set[str]:
    """Return the error codes of all domain errors."""
    return {one.code for one in _subclasses(DomainError)} | _refusal_codes(("",))


def _refusal_codes(packages: tuple[str, ...]) -> set[str]:
    """Return the codes of the refusals that have no class, in the modules of these packages."""
    ours = [
        app
        for app in apps.get_app_configs()
        if Path(app.path).is_relative_to(settings.ROOT) and ".venv" not in app.path
    ]
    found = set()
    for app in ours:
        for file in Path(app.path).rglob("*.py"):
            module = ".".join([app.name, *file.relative_to(app.path).with_suffix("").parts])
            if module.startswith(packages):
                tree = ast.parse(file.read_text(encoding="utf-8"))
                found |= set(_in_source(tree, first={"Refusal", "RejectedDemand", "UndoneAction"}, named=set()))
    return found


def framework_codes() -> set[str]:
    """Return the error codes in the source of the API framework and of the endpoints."""
    modules = {one.__module__ for one in list_endpoints()}
    # Row errors of bulk requests are raised by the operations and what they check.
    theirs = re.compile(rf"({'|'.join(map(re.escape, list_apps()))})\.(operations|checks)\b")
    modules |= {name for name in sys.modules if theirs.match(name)}
    files = {*Path(views.__file__).parent.glob("*.py"), *(Path(sys.modules[name].__file__) for name in modules)}
    found = {code for file in files for code in _in_source(ast.parse(file.read_text(encoding="utf-8")))}
    return found | {code for _, code, _, _ in problem_details._FRAMEWORK_ERRORS}  # noqa: SLF001 - a table


def field_codes() -> set[str]:
    """Return the error codes of fields and parameters."""
    fields = [field for one in _subclasses(StrictSerializer) for field in _fields(one())]
    for one in list_endpoints():
        if (filterset_class := getattr(one, "filterset_class", None)) is not None:
            fields += filterset_class(queryset=vars(one)["queryset"]).form.fields.values()
    return {code for field in fields for code in _of_field(field)}


def _subclasses[T](cls: type[T]) -> Iterator[type[T]]:
    for one in cls.__subclasses__():
        yield one
        yield from _subclasses(one)


def _fields(serializer) -> Iterator[object]:
    for field in serializer.fields.values():
        yield field
        for inner in (field, getattr(field, "child", None)):
            if inner is not field and inner is not None:
                yield inner
            if hasattr(inner, "fields"):
                yield from _fields(inner)


def _of_field(field) -> Iterator[str]:
    yield from field.error_messages
    for validator in field.validators:
        code = getattr(validator, "code", None)
        # The codes of function validators are read from their source.
        yield from [code] if code else _in_source(ast.parse(inspect.getsource(type(validator))))


def _in_source(tree: ast.AST, *, first: set[str] = _FIRST, named: set[str] = _NAMED) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "id", getattr(node.func, "attr", ""))
        given = [word.value for word in node.keywords if word.arg == "code"] if called in named else []
        given += node.args[:1] if called in first else node.args[2:3] if called in _THIRD else []
        for one in given:
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and _CODE.fullmatch(one.value):
                yield one.value
