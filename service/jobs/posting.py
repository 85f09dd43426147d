"""Posts to addresses that others chose: only to public places, never onwards, briefly and with little appetite."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from urllib.parse import urlsplit

SECONDS = 5.0
MOST_BYTES = 1_000_000
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Refused(Exception):
    """The address is not one that is posted to."""


def is_public(text: str) -> bool:
    """Whether the IP address is one of the public Internet; addresses wrapped in IPv6 are unwrapped first."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if wrapped is None and address in _NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(str(wrapped))
    return address.is_global and not address.is_multicast and not address.is_reserved


async def post(url: str, body: bytes, headers: dict[str, str], *, allow_private: bool = False) -> int:
    """The HTTP status that the address answers. Refused, TimeoutError, OSError or ValueError for what is no answer.

    The name is looked up once, every address it has must be public, and the connection goes to one of those.
    """
    async with asyncio.timeout(SECONDS):
        parts = urlsplit(url)
        secure, host = parts.scheme == "https", parts.hostname
        if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
            raise Refused("is not a plain http or https address")
        port = parts.port or (443 if secure else 80)
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses or not (allow_private or all(map(is_public, addresses))):
            raise Refused("leads to an address that is not public")
        reader, writer = await asyncio.open_connection(
            addresses[0],
            port,
            ssl=ssl.create_default_context() if secure else None,
            server_hostname=host if secure else None,
            limit=65_536,
        )
        try:
            shown = f"[{host}]" if ":" in host else host
            place = shown if port == (443 if secure else 80) else f"{shown}:{port}"
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            lines = [f"POST {target} HTTP/1.1", f"host: {place}", "connection: close", f"content-length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body)
            await writer.drain()
            status = (await reader.readline()).split()
            if len(status) < 2 or not status[0].startswith(b"HTTP/1.") or not status[1].isdigit():
                raise ValueError("the answer is not HTTP")
            received = 0
            while piece := await reader.read(65_536):
                received += len(piece)
                if received > MOST_BYTES:
                    raise ValueError("the answer is too long")
            return int(status[1])
        finally:
            writer.transport.abort()
