"""Ids and numbers are unique by construction and the same for the same seed."""

import re
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.vin import agrees_with_year, check_digit_holds, shape_fault
from service.demo import registration
from service.demo.identity import scramble, texts, uuid_text, uuid_texts, uuids
from service.demo.vin import CAPACITY, LETTERS, SERIAL_HALF, serials, vins


def test_ids_are_uuids_of_version_8_in_the_order_of_their_ordinals() -> None:
    ids = uuid_texts(uuids(7, "vehicle", np.arange(5_000)))
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert {(UUID(one).version, UUID(one).variant) for one in ids} == {(8, UUID(int=0x8 << 60).variant)}


def test_ids_of_other_seeds_and_kinds_differ() -> None:
    assert len({uuid_text(seed, kind, 3) for seed in (1, 2) for kind in ("vehicle", "account")}) == 4


@given(half=st.integers(2, 60), seed=st.integers(0, 2**64))
def test_scramble_is_a_permutation(half: int, seed: int) -> None:
    domain = np.arange(half * half)
    assert sorted(scramble(domain, half, seed, "n").tolist()) == domain.tolist()


def test_scramble_refuses_what_it_cannot_tell_apart() -> None:
    with pytest.raises(ValueError, match="16000000 numbers"):
        scramble(np.array([CAPACITY]), SERIAL_HALF, 1, "vin")


@given(
    ordinals=st.lists(st.integers(0, CAPACITY - 1), min_size=1, max_size=20, unique=True),
    prefix=st.text(LETTERS, min_size=4, max_size=4),
    maker=st.sampled_from(["4T1", "JTH", "5YJ", "WBA", "1FT"]),
    year=st.integers(2010, 2039),
)
def test_every_vin_is_valid_and_tells_its_year(ordinals: list[int], prefix: str, maker: str, year: int) -> None:
    raw = np.frombuffer(f"{maker}{prefix}A".encode(), dtype=np.uint8)
    count = len(ordinals)
    made = texts(vins(np.tile(raw, (count, 1)), np.full(count, year, dtype=np.int32), serials(np.array(ordinals), 5)))
    assert len(set(made)) == count
    for vin in made:
        assert shape_fault(vin) is None
        assert check_digit_holds(vin)
        assert agrees_with_year(vin, year)


def test_registration_numbers_have_the_form_of_their_country_and_come_once() -> None:
    forms = (r"[A-Z]{3}-\d{4}", r"[A-Z]{1,2}-[A-Z]{2} [1-9]\d{0,3}", r"[A-Z]{2}\d\d [A-Z]{3}")
    ordinals = np.concatenate([np.arange(3_000), np.arange(10**8 - 3_000, 10**8)])
    for country, form in enumerate(forms):
        codes = np.full(len(ordinals), country, dtype=np.int8)
        made = texts(registration.numbers(ordinals, 3, codes, np.ones(len(ordinals), dtype=bool)))
        assert len(set(made)) == len(made)
        assert all(re.fullmatch(form, one) for one in made)
