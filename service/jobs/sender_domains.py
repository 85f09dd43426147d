"""Proves that a sender's domain is its owner's, by a TXT record in the DNS."""

from __future__ import annotations

import dns.asyncresolver
import dns.exception

from domain.kit.errors import Invalid
from domain.kit.jobs import JobContext, job
from domain.kit.messages import ENTRYPOINT, Message, SenderDomain
from domain.kit.policy import WORKER
from domain.kit.queue import push
from domain.kit.store import Context

DNS_LABEL = "_forecourt"


async def sender_domain_verified(ctx: Context, domain: SenderDomain) -> None:
    """Mark the domain as verified and let go what waits for it."""
    await ctx.update(domain, status="VERIFIED", verified_at=ctx.now)
    waiting = await ctx.where(
        Message,
        "status = 'QUEUED' and channel = 'EMAIL' and attempts = 0 and error is not null "
        "and (sender is null or split_part(sender, '@', 2) = $1)",
        domain.domain,
    )
    for message in waiting:
        await push(ctx, ENTRYPOINT, message.id)


async def trust(ctx: Context, name: str) -> None:
    """Take a domain as verified without proof: the demo's own, whose mail goes nowhere."""
    known = await ctx.where(SenderDomain, "domain = $1", name, lock=True)
    domain = known[0] if known else await ctx.create(SenderDomain, domain=name)
    if domain.status != "VERIFIED":
        await sender_domain_verified(ctx, await ctx.get(SenderDomain, domain.id))


async def txt_records(name: str) -> list[str]:
    """The texts of a name's TXT records; none where it does not exist."""
    try:
        found = await dns.asyncresolver.resolve(name, "TXT", lifetime=5)
    except dns.exception.DNSException:
        return []
    return [b"".join(record.strings).decode("ascii", "replace") for record in found]


@job("verify_sender_domain", seconds=30, tries=2)
async def verify_sender_domain(running: JobContext, payload: dict[str, str]) -> None:
    """Looks for the token of a sender's domain in the DNS."""
    async with running.context(WORKER) as ctx:
        domain = await ctx.get(SenderDomain, payload["domain_id"])
    texts = await txt_records(f"{DNS_LABEL}.{domain.domain}")
    async with running.context(WORKER) as ctx:
        domain = await ctx.get(SenderDomain, payload["domain_id"], lock=True)
        if domain.token is None or f"forecourt-verification={domain.token}" not in texts:
            raise Invalid(
                f"{DNS_LABEL}.{domain.domain} has no TXT record forecourt-verification=<token>; DNS may need an hour"
            )
        if domain.status != "VERIFIED":
            await sender_domain_verified(ctx, domain)
        await running.finish(ctx, {"domain": domain.domain})
