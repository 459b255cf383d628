"""What apps declare is collected at start, and a name is declared once."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.registry import Registry


def test_a_name_that_two_apps_declare_is_refused():
    registry: Registry[int] = Registry("fruit")
    registry.declare("pomme", 1)
    with pytest.raises(ImproperlyConfigured, match="The fruit 'pomme' is declared twice"):
        registry.declare("pomme", 2)
    assert dict(registry) == {"pomme": 1}


def test_declarations_come_by_rank_then_as_they_were_declared():
    registry: Registry[str] = Registry("fruit")
    for name, rank in (("c", 20), ("b", 10), ("a", 20)):
        registry.declare(name, name, rank=rank)
    assert list(registry.values()) == ["b", "c", "a"]
    registry.withdraw("b")
    assert list(registry) == ["c", "a"]
