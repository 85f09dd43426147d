"""Column mappings and value aliases as records: the shipped ones are stored at the first import, people keep them."""

from __future__ import annotations

import msgspec

from domain.kit.errors import FieldError, Malformed
from domain.kit.store import Context
from inventory.importing.errors import MappingFault
from inventory.importing.mapping import Mapping, checked
from inventory.importing.shipped import shipped_mappings
from inventory.importing.values import Aliases, Spelling, shipped_spellings
from inventory.records import ColumnMapping


class UnknownMapping(Malformed):
    """No stored column mapping has this name."""

    slug, title = "mapping-unknown", "No column mapping has this name"


async def seed(ctx: Context) -> None:
    """Stores the shipped mappings and spellings that are not there; what people changed stays as it is."""
    for name, mapping in shipped_mappings().items():
        await ctx.db.execute(
            "insert into column_mapping (id, created_at, updated_at, name, description, mapping) "
            "values ($1, $2, $2, $3, $4, $5) on conflict (name) do nothing",
            ctx.ids(),
            ctx.now,
            name,
            mapping.title,
            msgspec.to_builtins(mapping),
        )
    await ctx.db.executemany(
        "insert into value_alias (id, created_at, updated_at, field, alias, value, locale) "
        "values ($1, $2, $2, $3, $4, $5, $6) on conflict (field, alias, locale) do nothing",
        [(ctx.ids(), ctx.now, one.vocabulary, one.alias, one.value, one.locale) for one in shipped_spellings()],
    )


async def stored_mapping(ctx: Context, name: str) -> Mapping:
    """The mapping stored under a name; UnknownMapping, MappingFault where what is stored is none any more."""
    await _seeded(ctx)
    found = await ctx.where(ColumnMapping, "name = $1", name)
    if not found:
        fault = FieldError("?mapping", "is not the name of a column mapping")
        raise UnknownMapping(f"No column mapping is called {name[:64]!r}", errors=[fault])
    try:
        mapping = msgspec.convert(found[0].mapping, Mapping)
    except msgspec.ValidationError as refusal:
        raise MappingFault(f"The stored mapping {name} cannot be used: {refusal}") from None
    return checked(mapping)


async def stored_aliases(ctx: Context) -> Aliases:
    """Every stored spelling; MappingFault where one means two values of a field."""
    await _seeded(ctx)
    rows = await ctx.db.fetch("select field, alias, value, locale from value_alias order by field, alias, locale, id")
    return Aliases(Spelling(*row) for row in rows)


async def _seeded(ctx: Context) -> None:
    if await ctx.db.fetchval("select true from column_mapping limit 1"):
        return
    async with ctx.elevated():
        await seed(ctx)
