"""For each address of the API that names a thing: such a thing, made in the collectivity that is entered."""

from __future__ import annotations

from tests.factories.schools import SchoolFactory


def school():
    return {"uai": SchoolFactory().uai}


#: Addresses whose thing is everybody's: no other collectivity can own it.
NOBODYS = {"api:school"}

#: The address's name → what makes its thing. An address that wants something and is not here fails the test.
SAMPLES = {
    "api:school": school,
}
