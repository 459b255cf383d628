"""Holds what the API answers to what its description says of it: every answer that a test is given, whatever it is for.

Chance seldom finds the body that is accepted; the tests send hundreds of them.
"""

from __future__ import annotations

import functools
import re

import jsonschema_rs

from api.description import description


@functools.cache
def _addresses():
    """Return each address of the description, those without a name in them first, as a pattern and its operations."""
    paths = sorted(description()["paths"].items(), key=lambda item: item[0].count("{"))
    return [(re.compile(re.sub(r"{\w+}", "[^/]+", path)), path, operations) for path, operations in paths]


def operation(method, path):
    """Return the name of what is asked and its description, or None where no such thing is described."""
    for pattern, name, operations in _addresses():
        if pattern.fullmatch(path.partition("?")[0]):
            said = operations.get(method.lower())
            return None if said is None else (f"{method} {name}", said)
    return None


@functools.cache
def _validator(name, *where):
    """Return what checks that part of the operation, and the type it is told to have."""
    method, _, path = name.partition(" ")
    said = description()["paths"][path][method.lower()]["responses"]
    for key in where:
        said = said[key]
    whole = said["schema"] | {"components": description()["components"]}
    return jsonschema_rs.validator_for(whole, validate_formats=True), said["schema"].get("type")


def hold(method, path, answer):
    """Fail where the answer is not one that the description tells of.

    It tells neither of breakdowns nor of verbs that an address has not.
    """
    found = operation(method, path)
    if found is None or answer.status_code == 405 or answer.status_code >= 500:
        return
    name, responses = found[0], found[1]["responses"]
    status = str(answer.status_code)
    assert status in responses, f"{name} answered {status}, which its description does not tell."
    for header in responses[status].get("headers", {}):
        if (value := answer.headers.get(header)) is not None:
            validator, kind = _validator(name, status, "headers", header)
            _check(f"{name} {status} {header}", validator, int(value) if kind == "integer" else value)
    if answer.content:
        kind = answer["Content-Type"].partition(";")[0]
        assert kind in responses[status].get("content", {}), f"{name} answered {status} as {kind}, which is not told."
        validator, _ = _validator(name, status, "content", kind)
        _check(f"{name} {status}", validator, answer.json())


def _check(what, validator, value):
    wrong = [f"{what} at {list(error.instance_path)}: {error.message}" for error in validator.iter_errors(value)]
    assert not wrong, "\n".join(wrong)
