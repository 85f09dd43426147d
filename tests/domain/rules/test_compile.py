"""A text becomes a rule or is refused with its place, and a rule that cannot be answered does not hold."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rules import LONGEST, FactMissing, RuleFault, compile_rule

FACTS: dict[str, type] = {
    "make": str,
    "fuel_type": str,
    "odometer_km": int,
    "price": float,
    "is_new": bool,
    "sold_at": datetime,
    "options": list,
}
GOLF: dict[str, Any] = {
    "make": "VW",
    "fuel_type": "Diesel",
    "odometer_km": 60_000,
    "price": 12_500.5,
    "is_new": False,
    "sold_at": datetime(2024, 6, 1, tzinfo=UTC),
    "options": ["Tow bar", "Roof rack"],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('make == "VW" && odometer_km >= 60000', True),
        ('make == "VW" && odometer_km > 60000', False),
        ('fuel_type in ["Electric", "Hybrid"]', False),
        ('!(fuel_type == "Electric") || is_new', True),
        ("price < 12500.6 && price > 12500.0", True),
        ('sold_at < timestamp("2025-01-01T00:00:00Z")', True),
        ('options.exists(option, option == "Tow bar")', True),
        ("options.all(option, size(option) > 8)", False),
        ('make.startsWith("V") && make.matches("^[A-Z]+$")', True),
        ("odometer_km / 1000 == 60 ? true : false", True),
        ("true", True),
    ],
)
def test_a_rule_holds_where_the_language_says_so(text: str, expected: bool) -> None:
    rule = compile_rule(text, FACTS)
    assert rule.holds(GOLF) is expected
    assert bool(rule.value(GOLF)) is expected


@given(make=st.sampled_from(["VW", "BMW"]), km=st.integers(0, 200_000), new=st.booleans(), most=st.integers(0, 200_000))
def test_rules_agree_with_the_same_condition_in_python(make: str, km: int, new: bool, most: int) -> None:
    rule = compile_rule(f'(make == "VW" && odometer_km <= {most}) || is_new', FACTS)
    assert rule.holds({"make": make, "odometer_km": km, "is_new": new}) is ((make == "VW" and km <= most) or new)


@pytest.mark.parametrize(
    ("text", "detail", "place"),
    [
        ("", "is not a rule", (1, 1)),
        ('make ==\n  "VW" &&', "is not a rule", (2, 8)),
        ('"VW', "is not a rule", (1, 1)),
        ('colour == "red"', "asks for colour, which is not known here", (1, 1)),
        ("true && colour.size() > 1", "asks for colour, which is not known here", (1, 9)),
        ("options.exists(one, one == other)", "asks for other, which is not known here", (1, 28)),
        ("shell(1)", "calls shell, which there is not", (1, 1)),
        ('make.upper() == "VW"', "calls upper, which there is not", (1, 6)),
        ("make == 1", "compares or combines values of different kinds", None),
        ("odometer_km > 5.5", "compares or combines values of different kinds", None),
        ("make == 1 && int(make) > 3", "compares or combines values of different kinds", None),
        ("odometer_km + 1", "does not answer yes or no", None),
        ("make", "does not answer yes or no", None),
        ("99999999999999999999 > 1", "has no value", None),
        ('make.matches("(((")', "has a pattern that is none", None),
        ("x.y{z: 1} == 2", "makes an object, which rules do not", None),
        ("(" * 900 + "true" + ")" * 900, "is nested too deeply", None),
        ("true" + " || true" * LONGEST, f"is longer than {LONGEST} characters", None),
    ],
)
def test_what_is_no_rule_is_refused_with_its_place(text: str, detail: str, place: tuple[int, int] | None) -> None:
    with pytest.raises(RuleFault) as fault:
        compile_rule(text, FACTS)
    assert str(fault.value).startswith(detail)
    assert (fault.value.line, fault.value.column) == (place or (None, None))


def test_loops_within_loops_are_refused_before_they_multiply() -> None:
    inner = "true"
    for name in "abcd":
        inner = f"options.all({name}, {inner})"
    with pytest.raises(RuleFault, match="more than 3 loops"):
        compile_rule(inner, FACTS)


def test_a_fact_that_is_not_known_matters_only_where_the_answer_needs_it() -> None:
    rule = compile_rule('fuel_type == "Electric" || odometer_km > 1000', FACTS)
    assert rule.facts == {"fuel_type", "odometer_km"}
    assert rule.holds({"fuel_type": "Electric"})
    assert rule.holds({"fuel_type": None, "odometer_km": 2000})
    assert not rule.holds({"odometer_km": 1})
    with pytest.raises(FactMissing):
        rule.value({"odometer_km": 1})


def test_a_rule_without_a_value_for_some_facts_does_not_hold_of_them() -> None:
    rule = compile_rule("100000 / odometer_km > 2", FACTS)
    assert rule.holds({"odometer_km": 10})
    assert not rule.holds({"odometer_km": 0})


def test_a_rule_that_is_computed_for_some_facts_alone_is_one() -> None:
    rule = compile_rule('int(make) > 3 && options[1] == "b"', FACTS)
    assert rule.holds({"make": "5", "options": ["a", "b"]})
    assert not rule.holds({"make": "VW", "options": ["a", "b"]})
    assert not rule.holds({"make": "5", "options": []})


def test_facts_that_no_rule_asks_for_are_not_looked_at() -> None:
    assert compile_rule("is_new", FACTS).holds({"is_new": True, "make": object()})


def test_equal_texts_over_equal_facts_are_compiled_once() -> None:
    assert compile_rule("is_new", FACTS) is compile_rule("is_new", dict(reversed(FACTS.items())))
    assert compile_rule("is_new", FACTS) is not compile_rule("is_new", {"is_new": bool})


def test_the_language_is_loaded_when_the_first_rule_is_compiled() -> None:
    code = "import sys, domain.rules; sys.exit('celpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
