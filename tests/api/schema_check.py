"""Checks every response that the API tests receive against the OpenAPI description.

Fuzzing seldom generates an accepted body; the tests send hundreds.
"""

import functools
import json
import re

import jsonschema_rs

from api.documentation import get_openapi_document


@functools.cache
def _operations_by_path():
    """Return (pattern, path, operations) of each described path, those without parameters first."""
    paths = sorted(get_openapi_document()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), path, operations) for path, operations in paths]


def find_operation(method, path):
    """Return the name and the description of an operation; None if it is not described."""
    for pattern, name, operations in _operations_by_path():
        if pattern.fullmatch(path.partition("?")[0]):
            described = operations.get(method.lower())
            return None if described is None else (f"{method} {name}", described)
    return None


def _list_components(schema):
    """Return the components that a schema refers to, and those that they do.

    With all of them, a validator takes 0.8 MB instead of 0.01, and a run makes some 1,500.
    """
    components, found, waiting = get_openapi_document()["components"]["schemas"], {}, [schema]
    while waiting:
        for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(waiting.pop(), default=str)):
            if name not in found:
                found[name] = components[name]
                waiting.append(components[name])
    return found


@functools.cache
def _validator(name, *where):
    """Return a validator for that part of the operation, and its declared type."""
    method, _, path = name.partition(" ")
    node = get_openapi_document()["paths"][path][method.lower()]["responses"]
    for key in where:
        node = node[key]
    schema = node["schema"] | {"components": {"schemas": _list_components(node["schema"])}}
    return jsonschema_rs.validator_for(schema, validate_formats=True), node["schema"].get("type")


def assert_response_matches(method, path, answer):
    """Fail if the response does not match the description.

    Server errors and methods that are not allowed are not described.
    """
    found = find_operation(method, path)
    if found is None or answer.status_code == 405 or answer.status_code >= 500:
        return
    name, responses = found[0], found[1]["responses"]
    status = str(answer.status_code)
    assert status in responses, f"{name} answered {status}, which is not described."
    for header in responses[status].get("headers", {}):
        if (value := answer.headers.get(header)) is not None:
            validator, kind = _validator(name, status, "headers", header)
            _check(f"{name} {status} {header}", validator, int(value) if kind == "integer" else value)
    if answer.content:
        kind = answer["Content-Type"].partition(";")[0]
        assert kind in responses[status].get("content", {}), (
            f"{name} answered {status} as {kind}, which is not described."
        )
        validator, _ = _validator(name, status, "content", kind)
        _check(f"{name} {status}", validator, answer.json())


def _check(what, validator, value):
    wrong = [f"{what} at {list(error.instance_path)}: {error.message}" for error in validator.iter_errors(value)]
    assert not wrong, "\n".join(wrong)
