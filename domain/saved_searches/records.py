"""A search that its owner keeps; with an alert it is watched for cars that come to match.

Every match is told once, for a pair of search and stay in stock (`saved_search_match`): a car that leaves the match
and comes back is told again only as a new stock entry. A car that matched when the watch began is not told, whatever
becomes of its stay meanwhile. The watch begins when the search is saved, and anew when its criteria change or it is
switched on again. What makes a car match is a change of the car, of its stock entry or of its location: by the passing
of days alone (`days_in_stock`) none comes to match, nor by a change of what its owner may see.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from domain.kit import feed
from domain.kit.errors import Invalid
from domain.kit.events import on
from domain.kit.fields import DefaultsTo, Quiet, Ref, Unlisted, reads, writes
from domain.kit.record import Record, entity
from domain.kit.rows import owner
from domain.kit.store import Context
from domain.kit.values import Instant, Label, Privacy
from inventory.criteria import SORTS, Criteria, SearchRequest, Sort, checked

MOST_SAVED_SEARCHES = 50
"""A person's: every one that is watched is asked about every car that changes."""


@entity(
    "saved_search",
    rows=owner("user_id"),
    grants={"CUSTOMER": "crud", "PARTNER": "crud", "SERVICE_AGENT": "r"},
    title="{name}",
    without="create update bulk import export by-key",
    indexes=("id where is_active and alert <> 'NONE'",),
)
class SavedSearch(Record, kw_only=True):
    """Criteria and sort as a stock search takes them, and how the owner wants to hear of new matches."""

    user_id: Annotated[str, Ref("user"), DefaultsTo("user_id"), writes()]
    name: Annotated[Label, Privacy.FREE_TEXT]
    criteria: Annotated[Criteria, Privacy.PERSONAL]
    sort: Annotated[list[Sort], Meta(max_length=len(SORTS))] = []
    alert: Literal["NONE", "IMMEDIATE", "DAILY"] = "NONE"
    channel: Literal["EMAIL", "SMS"] = "EMAIL"
    is_active: bool = True
    watched_since: Annotated[Instant | None, writes()] = None
    baseline: Annotated[
        str | None, Meta(max_length=100_000), Quiet(), Unlisted(), writes(), reads("ADMIN", "ADMIN"), Privacy.NONE
    ] = None
    """The state of the stock when the watch began, as a change token: what matched then is known to the owner."""
    last_matched_at: Annotated[Instant | None, Quiet(), writes()] = None

    @property
    def is_watched(self) -> bool:
        """Whether matches are told."""
        return self.is_active and self.alert != "NONE"

    @property
    def request(self) -> SearchRequest:
        """The stock search that it stands for."""
        return SearchRequest(criteria=self.criteria, sort=self.sort)


@on("saved_search.created")
async def saved(ctx: Context, search: SavedSearch, changes: dict[str, Any]) -> None:
    """Hold a new search to the rules of searches and to the number that one may keep."""
    checked(search.request)
    await _reachable(ctx, search)
    await _few_enough(ctx, search)
    if search.is_watched:
        await watch(ctx, search)


@on("saved_search.updated")
async def changed(ctx: Context, search: SavedSearch, changes: dict[str, Any]) -> None:
    """Begin or end the watch with what was changed."""
    if changes.keys() & {"criteria", "sort"}:
        checked(search.request)
    if changes.keys() & {"channel", "alert"}:
        await _reachable(ctx, search)
    if not search.is_watched and search.baseline is not None:
        await ctx.update(search, watched_since=None, baseline=None)
    elif search.is_watched and (search.baseline is None or "criteria" in changes):
        await watch(ctx, search)


async def watch(ctx: Context, search: SavedSearch) -> SavedSearch:
    """Begin to watch: what matches in the present state of the stock is not told."""
    return await ctx.update(search, watched_since=ctx.now, baseline=(await feed.begin(ctx.db)).token)


async def _reachable(ctx: Context, search: SavedSearch) -> None:
    """Who wants texts has a number for them."""
    if search.channel == "SMS" and search.alert != "NONE":
        phone = await ctx.db.fetchval(
            'select phone from contact where id = (select contact_id from "user" where id = $1)', search.user_id
        )
        if phone is None:
            raise Invalid.at("/channel", "needs a telephone number in your contact data")


async def _few_enough(ctx: Context, search: SavedSearch) -> None:
    # Whoever saves at the same time waits here and then counts this one too.
    await ctx.db.execute("select pg_advisory_xact_lock(hashtextextended('saved_search ' || $1, 0))", search.user_id)
    count = await ctx.db.fetchval("select count(*) from saved_search where user_id = $1", search.user_id)
    if count > MOST_SAVED_SEARCHES:
        raise Invalid(f"You keep {MOST_SAVED_SEARCHES} searches, which is the most; remove one first")
