"""The fast path for valid rows returns exactly what the serializer would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers

from api.fields import BulkIdsField, BulkRowsSerializer, StrictIntegerField
from licensing.pools.api import AllocationRowSerializer
from tests.factories.schools import next_uai

UAI = next_uai()
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 3),
    st.just(2**31),
    st.just(2**31 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.lists(st.integers(), max_size=1),
)
rows = st.one_of(
    odd,
    st.fixed_dictionaries(
        {
            "school": st.sampled_from([UAI, UAI.lower(), f"{UAI} ", f"{UAI}\n", "0300123I"]) | odd,
            "units": st.integers(1, 5) | odd,
        },
        optional={
            "recipient": st.sampled_from(["a@b.example", " a@b.example", "é@b.example", "", "a" * 300]) | odd,
            "total": st.booleans() | odd,
            "autre": odd,
        },
    ),
    st.dictionaries(st.sampled_from(["school", "units", "recipient"]), odd),
)


def run_serializer(serializer, row):
    try:
        return serializer.run_validation(row)
    except serializers.ValidationError as error:
        return error.get_full_details()


@pytest.mark.slow
@given(row=rows)
def test_the_fast_path_returns_what_the_serializer_returns(row):
    serializer = AllocationRowSerializer()
    if serializer.is_valid_as_is(row):
        assert serializer.run_validation(row) == row


@pytest.mark.slow
@given(sent=st.lists(rows, min_size=1, max_size=4))
def test_row_errors_are_those_of_the_serializer(sent):
    one_by_one = [run_serializer(AllocationRowSerializer(), row) for row in sent]
    try:
        found = BulkRowsSerializer(child=AllocationRowSerializer()).run_validation(sent)
    except serializers.ValidationError as error:
        faults = error.get_full_details()
        assert faults == {place: result for place, result in enumerate(one_by_one) if place in faults}
        assert all(
            run_serializer(AllocationRowSerializer(), row) == row
            for place, row in enumerate(sent)
            if place not in faults
        )
    else:
        assert found == one_by_one


@pytest.mark.slow
@given(sent=st.lists(st.integers(-1, 3) | odd, min_size=1, max_size=4))
def test_number_errors_are_those_of_their_field(sent):
    plainly = serializers.ListField(child=StrictIntegerField(min_value=1))
    assert run_serializer(BulkIdsField(), sent) == run_serializer(plainly, sent)


def test_an_ordinary_row_takes_the_fast_path():
    assert AllocationRowSerializer().is_valid_as_is({"school": UAI, "units": 3})
    assert AllocationRowSerializer().is_valid_as_is(
        {"school": UAI, "units": 3, "recipient": "ce.0300123k@ac-x.fr", "total": True}
    )
