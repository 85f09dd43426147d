"""NDJSON: values keep their digits and types, every bad line is a rejected row."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.importing.rows import LONGEST_ROW, JsonLiteral, RawRow

from .files import cells, codes, rows_of

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10)
)


objects = st.dictionaries(st.text(alphabet="abcdef", min_size=1), scalars | st.lists(scalars), min_size=1)


@given(st.lists(objects, max_size=5), st.integers(0, 9))
def test_flat_objects_are_read_back(rows: list[dict[str, object]], chunk: int) -> None:
    def text(value: object) -> str:
        return value if isinstance(value, str) else "" if value is None else json.dumps(value)

    data = "\n".join(map(json.dumps, rows)).encode()
    expected = [
        [tuple(map(text, value)) if isinstance(value, list) else text(value) for value in found.values()]
        for found in rows
    ]
    assert cells(rows_of(data, "NDJSON", chunk=chunk)) == expected


def test_objects_inside_become_dotted_and_numbers_keep_their_digits() -> None:
    (row,) = rows_of(b'{"price": {"amount": 23995.10, "currency": "USD"}, "options": ["a", 1], "x": true}', "NDJSON")
    assert isinstance(row, RawRow)
    assert row.typed
    assert row.cells == {"price.amount": "23995.10", "price.currency": "USD", "options": ("a", "1"), "x": "true"}
    assert isinstance(row.cells["price.amount"], JsonLiteral)
    assert not isinstance(row.cells["price.currency"], JsonLiteral)


def test_external_keys_are_written_as_a_cell_would_have_them() -> None:
    (row,) = rows_of(b'{"external_keys": [{"system": "dms", "key": "A:1"}]}', "NDJSON")
    assert isinstance(row, RawRow)
    assert row.cells == {"external_keys": ("dms:A:1",)}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("[1, 2]", "row-malformed"),
        ("{", "row-malformed"),
        ("nonsense", "row-malformed"),
        ('{"a": 1} {"a": 2}', "row-malformed"),
        ('{"a": 1, "a": 2}', "row-malformed"),
        ('{"a.b": 1, "a": {"b": 2}}', "row-malformed"),
        ('{"a": NaN}', "row-malformed"),
        ('{"a": -Infinity}', "row-malformed"),
        ('{"a": 1e}', "row-malformed"),
        ('{"a": "\\u0000"}', "characters-impossible"),
        ('{"a": "\\ud800"}', "characters-impossible"),
        ('{"\\udfff": "a"}', "characters-impossible"),
        ('{"a": ["\\ud800x"]}', "characters-impossible"),
        ('{"a": {"b": {"c": 1}}}', "property-nested"),
        ('{"a": [[1]]}', "property-nested"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "row-malformed"),
        ('{"a": ' * 50_000 + "1" + "}" * 50_000, "row-malformed"),
        (json.dumps({f"p{n}": 1 for n in range(501)}), "row-malformed"),
        ('{"a": "' + "x" * LONGEST_ROW + '"}', "row-too-long"),
    ],
)
def test_a_bad_line_costs_only_itself(line: str, code: str) -> None:
    data = f'{{"a": "before"}}\n{line}\n\n{{"a": "after"}}'.encode()
    found = rows_of(data, "NDJSON", chunk=65_536)
    assert codes(found) == [None, code, None]
    assert [row.line for row in found] == [1, 2, 4]


def test_a_surrogate_pair_is_one_character() -> None:
    assert cells(rows_of(b'{"a": "\\ud83d\\ude97"}', "NDJSON")) == [["\U0001f697"]]


def test_numbers_of_any_length_cost_nothing() -> None:
    (row,) = rows_of(b'{"a": 1' + b"0" * 100_000 + b', "b": 1E+999999, "c": -0}', "NDJSON")
    assert isinstance(row, RawRow)
    assert (len(str(row.cells["a"])), row.cells["b"], row.cells["c"]) == (100_001, "1E+999999", "-0")
