"""A network with one user of every role, real tokens, and a row of every record type for anybody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
import msgspec

from domain.kit import catalogue
from domain.kit.ids import new_id
from domain.kit.policy import DEALER_ROLES, STAFF_ROLES
from domain.kit.record import Entity
from domain.kit.schema import quoted
from domain.kit.tokens import LETTERS, hashed, new_token
from service.api import table as routes
from service.ops.database import Addresses
from tests.contract.values import MOMENT, stored

_LATER = MOMENT + timedelta(hours=8)
_ALSO: dict[str, dict[str, Any]] = {
    "sharing_rule": {"record_type": "product"},
    "vehicle_claim": {"registration_number": "ABC 123", "vin": "1HGCM82633A004352"},
    "vehicle_reservation": {"deadline_at": MOMENT},
    "vehicle_transfer_order": {"deadline_at": MOMENT},
    "vehicle_stock_transaction": {"to_place": "ON_HAND"},
    "date_override": {"closed": True},
    "shift": {"start": MOMENT, "end": _LATER},
    "absence": {"end": _LATER},
    "capacity_rule": {"minutes_per_day": 480},
    "loaner_vehicle": {"is_active": False},
    "demo_vehicle": {"is_active": False},
    "appointment": {"end": _LATER, "blocked_to": _LATER, "held_until": _LATER, "held_by": "somebody"},
    "waitlist_entry": {"latest": _LATER},
    "lead": {"email": "somebody@example.com"},
}
"""What behaviour, and rules over several fields, ask of a row besides."""
_BESIDE = {"absence": ("resource_id", "technician"), "holiday": ("center_id", "service_center")}
"""References that a row cannot do without, though no field says so."""


class Place(msgspec.Struct, frozen=True):
    """Whose a row is: an account, a person of it and their user."""

    account: str
    contact: str
    user: str


class Caller(msgspec.Struct, frozen=True):
    """One who calls, with the places of own rows, of rows of the same account, and of others."""

    name: str
    token: str | None
    own: Place
    same: Place
    other: Place


class World:
    """Callers and rows on one database; rows are made when they are first asked for."""

    def __init__(self, owner: asyncpg.Connection):
        self.owner = owner
        self.callers: dict[str, Caller] = {}
        self.neutral = Place("", "", "")
        self._rows: dict[tuple[str, Place], str] = {}
        self._entities = catalogue.load()
        self._keyed: set[str] = set()

    @classmethod
    async def on(cls, addresses: Addresses) -> World:
        """Make the network on a migrated database."""
        assert addresses.owner is not None
        owner = await asyncpg.connect(addresses.owner)
        await owner.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=lambda value: msgspec.json.encode(value).decode(), decoder=str
        )
        made = cls(owner)
        await made._network()
        return made

    async def insert(self, table: str, /, **values: Any) -> str:
        """A row of that record type, past all rights."""
        values = {"id": new_id(), "created_at": MOMENT, "updated_at": MOMENT, **values}
        names = ", ".join(map(quoted, values))
        marks = ", ".join(f"${at}" for at in range(1, len(values) + 1))
        await self.owner.execute(f"insert into {quoted(table)} ({names}) values ({marks})", *values.values())
        return str(values["id"])

    async def row(self, entity: Entity, place: Place) -> str:
        """The id of a row of the record type that belongs to the place."""
        if entity.name in ("account", "contact", "user"):
            return str(getattr(place, entity.name))
        key = (entity.name, place)
        if key not in self._rows:
            self._rows[key] = await self._known(entity, place) or await self._made(entity, place)
        return self._rows[key]

    async def _known(self, entity: Entity, place: Place) -> str | None:
        """The row where the network has one already."""
        found = None
        if entity.name == "prm_setting":
            found = await self.owner.fetchval("select id from prm_setting")
        elif entity.name == "role_assignment":
            found = await self.owner.fetchval("select id from role_assignment where user_id = $1", place.user)
        elif entity.name == "stock_entry":
            vehicle = await self.row(self._entities["vehicle"], place)
            found = await self.owner.fetchval("select id from stock_entry where vehicle_id = $1", vehicle)
        return None if found is None else str(found)

    async def key(self, entity: Entity, place: Place) -> str:
        """The key by which the system `test` knows that row."""
        id = await self.row(entity, place)
        if id in self._keyed:
            return id
        self._keyed.add(id)
        await self.owner.execute(
            "insert into external_key (entity, system, key, record_id) values ($1, 'test', $2, $3) "
            "on conflict do nothing",
            entity.table,
            id,
            id,
        )
        return id

    async def _made(self, entity: Entity, place: Place) -> str:
        values: dict[str, Any] = {}
        account = entity.account
        reached = {arm.column for arm in entity.rows.arms}
        for field in entity.fields.values():
            if field.system:
                continue
            owns = field.name == account or field.defaults_to or field.name in reached
            if field.ref and (owns or not field.nullable):
                values[field.name] = await self._reference(field.ref, place, neutral="related" in field.name)
            elif field.default is msgspec.NODEFAULT and not field.nullable:
                if field.is_money:
                    values |= {field.columns[0].name: 100, field.columns[1].name: "USD"}
                else:
                    values[field.name] = field.choices[0] if field.choices else stored(field.annotation, field.kind)
            elif field.default not in (msgspec.NODEFAULT, None):
                values[field.name] = field.default
        values |= await self.beside(entity, place)
        if entity.states:
            values[entity.states.field] = "SUCCEEDED" if entity.name == "job" else entity.states.initial
        id = await self.insert(entity.table, **(values | _ALSO.get(entity.name, {})))
        if entity.name == "vehicle":
            await self.insert(
                "stock_entry",
                vehicle_id=id,
                dealer_account_id=values["dealer_account_id"],
                in_stock_since=MOMENT.date(),
            )
        if entity.name == "vehicle_import":
            await self.owner.execute(
                "insert into vehicle_import_run (import_id, account_id, file_format, mapping) "
                "values ($1, $2, 'NDJSON', '{\"code\": \"default\"}')",
                id,
                values["account_id"],
            )
        return id

    async def beside(self, entity: Entity, place: Place) -> dict[str, Any]:
        """Values of the references that are needed besides those declared."""
        if entity.name not in _BESIDE:
            return {}
        field, name = _BESIDE[entity.name]
        return {field: await self.row(self._entities[name], place)}

    async def _reference(self, name: str, place: Place, *, neutral: bool) -> str:
        return await self.row(self._entities[name], self.neutral if neutral else place)

    async def branch(self, kind: str) -> Place:
        """One more account, with a person and a user."""
        return await self._place(await self._account(kind), "PARTNER")

    async def partner(self, roles: dict[str, str]) -> str:
        """The token of a partner user with these roles by account."""
        first = next(iter(roles))
        contact = await self.insert("contact", account_id=first, last_name="Doe")
        user = await self._person("PARTNER", first, contact, None)
        for account, role in roles.items():
            await self.insert("role_assignment", user_id=user, account_id=account, role=role)
        return await self._token("PARTNER", user=user)

    async def _network(self) -> None:
        await self.owner.execute("update prm_setting set status = 'ENABLED', enabled_at = now()")
        group, rivals = await self._account("DEALER_GROUP"), await self._account("DEALER_GROUP")
        branch, rival = await self._account("DEALER", group), await self._account("DEALER", rivals)
        person, stranger = await self._account("CUSTOMER"), await self._account("CUSTOMER")
        self.neutral = await self._place(await self._account("OTHER"))
        beside, away = await self._place(branch), await self._place(rival)
        self._add("GUEST", None, away, away, away)
        own = await self._place(person, "CUSTOMER")
        await self._user("CUSTOMER", own, await self._place(person), await self._place(stranger), "CUSTOMER")
        for role in DEALER_ROLES:
            at = await self._account("SUPPLIER") if role == "SUPPLIER" else branch
            own = await self._place(at, "PARTNER", role)
            await self._user(role, own, beside if at == branch else own, away, "PARTNER")
        for role in STAFF_ROLES:
            user = await self._person("STAFF", None, None, role)
            self._add(role, await self._token("STAFF", user=user), beside, beside, away)
        scopes = sorted({key for route in routes.table() for key in _held(route.grant) if "." in key})
        for name, granted in (("SYSTEM", []), ("SCOPED", scopes)):
            client = await self.insert("api_client", client_id=name.lower(), name=name, scopes=granted, status="ACTIVE")
            self._add(name, await self._token("SYSTEM", client=client, scopes=granted), beside, beside, away)

    async def _user(self, name: str, own: Place, same: Place, other: Place, persona: str) -> None:
        self._add(name, await self._token(persona, user=own.user), own, same, other)

    def _add(self, name: str, token: str | None, own: Place, same: Place, other: Place) -> None:
        self.callers[name] = Caller(name, token, own, same, other)

    async def _account(self, kind: str, parent: str | None = None) -> str:
        return await self.insert(
            "account",
            kind="PERSON" if kind == "CUSTOMER" else "BUSINESS",
            type=kind,
            name=f"{kind} {new_id()[-6:]}",
            parent_account_id=parent,
            is_partner=kind in ("DEALER_GROUP", "DEALER", "SUPPLIER"),
        )

    async def _place(self, account: str, persona: str = "CUSTOMER", role: str | None = None) -> Place:
        contact = await self.insert("contact", account_id=account, last_name="Doe")
        return Place(account, contact, await self._person(persona, account, contact, role))

    async def _person(self, persona: str, account: str | None, contact: str | None, role: str | None) -> str:
        licence = {"CUSTOMER": "CUSTOMER_COMMUNITY_PLUS", "PARTNER": "PARTNER_COMMUNITY"}.get(persona)
        user = await self.insert(
            "user",
            email=f"{new_id()}@example.com",
            name="Somebody",
            persona=persona,
            licence=licence,
            account_id=account,
            contact_id=contact,
            status="ACTIVE",
        )
        if role is not None:
            await self.insert("role_assignment", user_id=user, account_id=account, role=role)
        return user

    async def _token(
        self, persona: str, *, user: str | None = None, client: str | None = None, scopes: list[str] | None = None
    ) -> str:
        token, session = new_token(LETTERS[persona]), new_id()
        await self.owner.execute(
            "insert into session (id, kind, user_id, api_client_id, scopes, began_at, last_used_at, expires_at) "
            "values ($1, $2, $3, $4, $5, now(), now(), now() + interval '1 day')",
            session,
            "CLIENT" if client else "TOKEN",
            user,
            client,
            scopes or [],
        )
        await self.owner.execute(
            "insert into session_token (token_hash, session_id, kind, expires_at) "
            "values ($1, $2, 'ACCESS', now() + interval '1 day')",
            hashed(token),
            session,
        )
        return token


def _held(grant: Any) -> frozenset[str]:
    return grant[0].holders(grant[1]) if isinstance(grant, tuple) else grant
