"""`POST /webhook-subscriptions`: the signing secret is made here and told this once."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from domain.kit.policy import keys
from domain.kit.values import Label, Url
from domain.kit.webhooks import EventPattern, WebhookSubscription, new_secret
from service.api.records import KEY_PROBLEMS, WRITE_PROBLEMS
from service.api.routing import PREFIX, Answer, Call, Kind, Route


class NewSubscription(msgspec.Struct, forbid_unknown_fields=True):
    """Where to tell, and of what: `lead.created`, `lead.*`, `*.deleted` or `*`."""

    url: Url
    events: Annotated[list[EventPattern], msgspec.Meta(min_length=1, max_length=50)]
    description: Label | None = None


class MadeSubscription(msgspec.Struct):
    """The subscription with its secret, which is not told again."""

    id: str
    version: int
    url: str
    events: list[str]
    secret: str


async def _subscribe(call: Call) -> Any:
    secret = new_secret()
    principal = call.principal
    owner: dict[str, Any] = {"user_id": principal.user_id}
    if principal.client_id is not None:
        owner = {"client_id": principal.client_id, "scopes": sorted(principal.scopes)}
    made = await call.ctx.create(
        WebhookSubscription,
        url=call.body.url,
        events=call.body.events,
        description=call.body.description,
        secret=secret,
        **owner,
    )
    answer = MadeSubscription(made.id, made.version, made.url, made.events, secret)
    return Answer(answer, status=201, headers={"location": f"{PREFIX}/webhook-subscriptions/{made.id}"})


ROUTES = [
    Route(
        method="POST",
        path=f"{PREFIX}/webhook-subscriptions",
        object="webhook_subscription",
        action="create",
        handler=_subscribe,
        kind=Kind.WRITE,
        grant=keys("GROUP_MANAGER ADMIN webhooks.manage"),
        summary="Be told of events, signed with the secret that this answer tells once",
        body=NewSubscription,
        returns=MadeSubscription,
        status=201,
        idempotent=True,
        problems=(*WRITE_PROBLEMS, *KEY_PROBLEMS),
    )
]
