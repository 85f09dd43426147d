"""Stock search answered by PostgreSQL: the rows that its policies show to a caller, judged and counted by SQL."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from domain.kit.db import Database
from domain.kit.policy import Principal
from inventory.criteria import RANGE_FACETS, Criteria, DateRange, Range, SearchRequest
from tests.inventory.search_twin import attribute_text, parts_of, same, words_of

EXPONENTS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0}
TEXTS = (
    "make", "model", "trim", "body_style", "drivetrain", "fuel_type", "transmission", "exterior_color",
    "interior_color", "condition", "status", "location_id", "dealer_account_id",
)  # fmt: skip
NUMBERS = ("model_year", "odometer_km", "days_in_stock", "available_on")
SPELLING_CLASSES = {
    "GUEST": "visibility = 'PUBLIC' and holds = '{}' and status in ('ON_ORDER', 'IN_TRANSIT', 'IN_STOCK', 'RESERVED')",
    "PARTNER": "visibility in ('NETWORK', 'PUBLIC')",
    "STAFF": "true",
}
"""The rows over which the commonest spelling is taken; what is not here is as the first or the last."""

# Places are joined from a parameter: guests may not read their table.
_SEEN = """
select distinct on (v.id) v.id, v.version + e.version - 1 as version, v.listing_number, v.vin, v.registration_number,
       e.stock_number, v.make, v.model, v.trim, v.body_style, v.drivetrain, v.fuel_type, v.transmission,
       v.exterior_color, v.interior_color, v.condition, e.status, e.holds, e.price_minor, e.price_currency,
       case when e.left_on is null then e.visibility else 'OWN_GROUP' end as visibility,
       e.location_id::text as location_id, v.dealer_account_id::text as dealer_account_id, v.options, v.attributes,
       v.model_year, v.odometer_km, e.available_on, {today}::date - e.in_stock_since as days_in_stock,
       l.latitude, l.longitude
  from vehicle v
  join stock_entry e on e.vehicle_id = v.id
  left join unnest({places}::uuid[], {latitudes}::float8[], {longitudes}::float8[]) l(id, latitude, longitude)
    on l.id = e.location_id
 where {standing}
 order by v.id, e.left_on desc nulls first, e.created_at desc, e.id desc"""

_CHORD_SQUARE = """
  power(cos(radians(latitude)) * cos(radians(longitude)) - cos(radians({0})) * cos(radians({1})), 2)
  + power(cos(radians(latitude)) * sin(radians(longitude)) - cos(radians({0})) * sin(radians({1})), 2)
  + power(sin(radians(latitude)) - sin(radians({0})), 2)"""


class Found(msgspec.Struct):
    """What an answer must say. `page`: id, version, status and distance of the first cars, in their order."""

    total: int
    page: list[tuple[str, int, str, float | None]]
    relaxations: dict[str, int]
    facets: dict[str, list[tuple[Any, int]]]
    """By facet: values as they are shown with their counts; of ranges every number with its count."""


class _Question:
    """One statement in the making: parameters, the criteria with their conditions, and what is asked of the rows."""

    def __init__(self, request: SearchRequest, today: date, places: tuple[list[Any], ...], *, everything: bool):
        self.request, self.criteria = request, request.criteria
        self.currency = request.criteria.currency or "USD"
        self.values: list[Any] = []
        self.conditions: dict[str, str] = {}
        ids, latitudes, longitudes = (self.value(one) for one in places)
        self.seen = _SEEN.format(
            today=self.value(today),
            places=ids,
            latitudes=latitudes,
            longitudes=longitudes,
            # whoever sees everything also finds the cars that have left, by their last entry
            standing="true" if everything else "e.left_on is null",
        )

    def value(self, value: Any) -> str:
        """A parameter."""
        self.values.append(value)
        return f"${len(self.values)}"

    def judge(self, text_ids: list[str] | None) -> None:
        """The condition of each criterion."""
        c: Criteria = self.criteria
        for name in TEXTS:
            wanted = getattr(c, name)
            if name == "status" and wanted is None:
                wanted = ["IN_STOCK"]
            if wanted:
                self.conditions[name] = f"{folded(name)} = any({self._texts(wanted)})"
        options = f"array(select {folded('o')} from unnest(options) o)"
        for name, operator in (("options_all", "@>"), ("options_any", "&&")):
            if getattr(c, name):
                self.conditions[name] = f"{options} {operator} {self._texts(getattr(c, name))}"
        for code, wish in c.attributes.items():
            if wish not in ([], Range()):
                self.conditions[f"attributes.{code}"] = self._attribute(code, wish)
        if c.price is not None and c.price != Range():
            inside = self._inside(self.major, c.price)
            self.conditions["price"] = f"price_currency = {self.value(self.currency)}::text and {inside}"
        for name in NUMBERS:
            bounds = getattr(c, name)
            if bounds is not None and bounds not in (Range(), DateRange()):
                self.conditions[name] = self._inside(name, bounds)
        if c.near is not None and c.near.radius_km is not None:
            self.conditions["near"] = f"distance <= {self.value(c.near.radius_km)}::float8"
        if text_ids is not None:
            self.conditions["text"] = f"id = any({self.value(text_ids)}::uuid[])"

    @property
    def major(self) -> str:
        """The price in whole units of the currency."""
        return f"price_minor::numeric / {10 ** EXPONENTS[self.currency]}"

    def _texts(self, wanted: list[str]) -> str:
        return f"{self.value([same(one) for one in wanted])}::text[]"

    def _attribute(self, code: str, wish: Any) -> str:
        value = f"attributes -> {self.value(code)}::text"
        if isinstance(wish, Range):
            number = f"({value} #>> '{{}}')::numeric"
            return f"case when jsonb_typeof({value}) = 'number' then {self._inside(number, wish)} end"
        return f"{folded(attribute_sql(value))} = any({self._texts([attribute_text(one) for one in wish])})"

    def _inside(self, value: str, bounds: Range | DateRange) -> str:
        kind = "numeric" if isinstance(bounds, Range) else "date"
        return " and ".join(
            f"{value} {operator} {self.value(bound)}::{kind}"
            for operator, bound in ((">=", bounds.gte), (">", bounds.gt), ("<=", bounds.lte), ("<", bounds.lt))
            if bound is not None
        )

    def order(self, scores: dict[str, int]) -> str:
        """How the page is ordered."""
        keys = []
        for by, descending in [(sort.by, sort.descending) for sort in self.request.sort] or [("days_in_stock", False)]:
            if by == "price":
                key = f"case when price_currency = {self.value(self.currency)}::text then price_minor end"
            elif by == "relevance":
                key = f"coalesce(({self.value(scores)}::jsonb ->> id::text)::int, 0)"
            else:
                key = "chord" if by == "distance" else by
            keys.append(f"{key} {'desc' if descending else 'asc'} nulls last")
        return ", ".join([*keys, "id"])

    def facet(self, name: str, rows: str) -> str:
        """Values with their counts over some rows, as JSON."""
        if name == "options":
            same_on = folded("t")
            own = f"select distinct on ({same_on}) t as value from unnest(options) with ordinality u(t, at)"
            lateral = f"left join lateral ({own} order by {same_on}, at) o on true where"
            rows = rows.replace("where", lateral, 1)
            value = "o.value"
        elif name.startswith("attributes."):
            value = attribute_sql(f"attributes -> {self.value(name.removeprefix('attributes.'))}::text")
        elif name == "price":
            value = "price_minor"
            rows += f" and price_currency = {self.value(self.currency)}::text"
        else:
            value = name
        counts = f"select {value} as value, count(*) as n {rows} group by 1"
        return f"(select coalesce(jsonb_agg(jsonb_build_array(value, n)), '[]') from ({counts}) f)"

    def statement(self, scores: dict[str, int]) -> str:
        """Total, page, relaxations and facets of the request in one statement."""
        bits = {name: 1 << place for place, name in enumerate(self.conditions)}
        failed = " + ".join(
            f"case when {condition} then 0 else {bits[name]} end" for name, condition in self.conditions.items()
        )
        chord = "null::float8"
        if self.criteria.near is not None:
            near = self.criteria.near
            chord = _CHORD_SQUARE.format(
                f"{self.value(near.latitude)}::float8", f"{self.value(near.longitude)}::float8"
            )
        asked = ["(select count(*) from judged where failed = 0) as total"]
        asked.append(
            "(select coalesce(jsonb_agg(jsonb_build_array(id, version, status, distance)), '[]') from (select * from "
            f"judged where failed = 0 order by {self.order(scores)} limit {2 * self.request.limit}) page) as page"
        )
        if self.request.relaxations:
            asked += [
                f'(select count(*) from judged where failed & ~{bit} = 0) as "drop {name}"'
                for name, bit in bits.items()
                if name != "status"
            ]
        for name in dict.fromkeys(self.request.facets):
            own = ("options_all", "options_any") if name == "options" else (name,)
            left_out = sum(bits.get(one, 0) for one in own)
            asked.append(f'{self.facet(name, f"from judged where failed & ~{left_out} = 0")} as "facet {name}"')
        return (
            f"with seen as materialized ({self.seen}), placed as materialized (select *, {chord} as chord from seen), "
            "measured as materialized (select *, "
            "case when chord is not null then 2 * 6371.0088 * asin(least(sqrt(chord) / 2, 1)) end as distance "
            "from placed), "
            f"judged as materialized (select *, {failed or 0} as failed from measured) select {', '.join(asked)}"
        )


class Oracle:
    """Answers from a database in which nothing changes any more."""

    def __init__(self, database: Database, everybody: Principal, today: date):
        """`everybody` sees all rows: for the commonest spelling of a value."""
        self.database, self._everybody, self.today = database, everybody, today
        self._places: tuple[list[Any], ...] = ()
        self._texts: dict[str, dict[str, tuple[set[str], set[str]]]] = {}
        self._spellings: dict[tuple[str, str], Counter[str]] = {}

    async def cars(self, principal: Principal) -> list[dict[str, Any]]:
        """All rows that a caller finds."""
        question = await self._question(principal, SearchRequest())
        async with self.database.acting(principal, readonly=True) as connection:
            return [dict(row) for row in await connection.fetch(question.seen, *question.values)]

    async def answer(self, principal: Principal, request: SearchRequest) -> Found:
        """What a caller must be told."""
        question = await self._question(principal, request)
        pieces = parts_of(request.criteria.text or "")
        ids, scores = None, {}
        if pieces:
            words = await self._words(principal)
            ids = [id for id, (known, _) in words.items() if all(
                any(word.startswith((part, "".join(piece))) for word in known) for piece in pieces for part in piece
            )]  # fmt: skip
            scores = {
                id: sum(part in whole or "".join(piece) in whole for piece in pieces for part in piece)
                for id, (_, whole) in words.items()
            }
        question.judge(ids)
        statement = question.statement(scores)
        async with self.database.acting(principal, readonly=True) as connection:
            row = await connection.fetchrow(statement, *question.values)
        facets = {
            name: row[f"facet {name}"]
            if name in RANGE_FACETS
            else await self._shown(principal, name, row[f"facet {name}"], request.facet_limit)
            for name in request.facets
        }
        drops = {key.removeprefix("drop "): total for key, total in row.items() if key.startswith("drop ")}
        return Found(row["total"], [tuple(one) for one in row["page"]], drops, facets)

    async def _question(self, principal: Principal, request: SearchRequest) -> _Question:
        if not self._places:
            async with self.database.reading() as connection:
                rows = await connection.fetch("select id, latitude, longitude from location order by id")
            self._places = tuple([row[at] for row in rows] for at in range(3))
        return _Question(request, self.today, self._places, everything=principal.sees_everything)

    async def _words(self, principal: Principal) -> dict[str, tuple[set[str], set[str]]]:
        """By car all its words that the caller may search, and those of make, model and trim."""
        if principal.name not in self._texts:
            guarded = principal.persona in ("GUEST", "CUSTOMER")
            own = () if guarded else ("vin", "stock_number", "registration_number")
            searched = ("make", "model", "trim", "listing_number", *own)
            self._texts[principal.name] = {
                car["id"]: (
                    words_of([*(car[name] for name in searched), *car["options"]]),
                    words_of([car["make"], car["model"], car["trim"]]),
                )
                for car in await self.cars(principal)
            }
        return self._texts[principal.name]

    async def _shown(
        self, principal: Principal, facet: str, counts: list[tuple[str | None, int]], limit: int
    ) -> list[tuple[str | None, int]]:
        """The counts of spellings as counts of values, in their order, each shown as it is spelled most."""
        known = await self._commonest(principal, facet)
        by_value: dict[str | None, Counter[str]] = {}
        for value, count in counts:
            by_value.setdefault(None if value is None else same(value), Counter())[value or ""] += count
        shown: list[tuple[str | None, int]] = []
        for folded_value, spellings in by_value.items():
            weights = Counter({v: n for v, n in known.items() if same(v) == folded_value}) or spellings
            name = None if folded_value is None else min(v for v, n in weights.items() if n == max(weights.values()))
            shown.append((name, spellings.total()))
        shown.sort(key=lambda one: (-one[1], one[0] is None, one[0] or ""))
        return shown[:limit]

    async def _commonest(self, principal: Principal, facet: str) -> Counter[str]:
        kind = {"CUSTOMER": "GUEST", "SYSTEM": "STAFF"}.get(principal.persona, principal.persona)
        if (kind, facet) not in self._spellings:
            question = await self._question(self._everybody, SearchRequest())
            asked = question.facet(facet, f"from seen where {SPELLING_CLASSES[kind]}")
            async with self.database.acting(self._everybody, readonly=True) as connection:
                counts = await connection.fetchval(f"with seen as ({question.seen}) select {asked}", *question.values)
            self._spellings[kind, facet] = Counter({value: count for value, count in counts if value is not None})
        return self._spellings[kind, facet]


def folded(text: str) -> str:
    """SQL for the form in which texts compare."""
    return f"casefold(normalize({text}, NFC) collate pg_unicode_fast)"


def attribute_sql(value: str) -> str:
    """SQL for the text of an attribute: whole numbers without decimals."""
    number = f"trim_scale(({value} #>> '{{}}')::numeric)::text"
    return f"case jsonb_typeof({value}) when 'number' then {number} else {value} #>> '{{}}' end"


def check(answer: dict[str, Any], found: Found, request: SearchRequest, page: int = 0) -> None:
    """Asserts that an answer is what the database says, in everything but times and tokens; `page` 1 is the second."""
    assert answer["total"] == found.total
    wanted = found.page[page * request.limit :][: request.limit]
    told = [(item["id"], item["version"], item["status"]) for item in answer["items"]]
    for place, (one, (*other, _)) in enumerate(zip(told, wanted, strict=True)):
        assert one == tuple(other), (place, one, other)
    assert (answer["next_cursor"] is not None) == (found.total > (page + 1) * request.limit)
    if request.criteria.near is not None:
        for item, (*_, distance) in zip(answer["items"], wanted, strict=True):
            if distance is None:
                assert item["distance_km"] is None
            else:
                assert abs(item["distance_km"] - distance) <= 0.000_500_001
    assert {one["drop"]: one["total"] for one in answer["relaxations"]} == found.relaxations
    assert answer["facets"].keys() == found.facets.keys()
    for name, counts in found.facets.items():
        if name in RANGE_FACETS:
            _check_buckets(name, answer["facets"][name], counts, request.criteria.currency or "USD")
        else:
            assert [(one["value"], one["count"]) for one in answer["facets"][name]] == counts, name


def _check_buckets(name: str, told: list[dict[str, Any]], counts: list[tuple[int | None, int]], currency: str) -> None:
    """Buckets touch each other, are open at both ends and count every match with such a number once."""
    absent = sum(count for number, count in counts if number is None)
    scale = EXPONENTS[currency] if name == "price" else 0
    known = [(Decimal(number).scaleb(-scale), count) for number, count in counts if number is not None]
    buckets = [one for one in told if "value" not in one]
    assert told[len(buckets) :] == [{"value": None, "count": absent}] * (absent > 0)
    assert bool(buckets) == bool(known)
    if buckets:
        assert (buckets[0]["gte"], buckets[-1]["lt"]) == (None, None)
        assert [one["lt"] for one in buckets[:-1]] == [one["gte"] for one in buckets[1:]]
    for one in buckets:
        low, high = one["gte"], one["lt"]
        inside = [n for number, n in known if (low is None or number >= low) and (high is None or number < high)]
        assert one["count"] == sum(inside) > 0
