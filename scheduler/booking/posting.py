"""One POST to an address somebody gave us: never into our own network, never on to another address.

The name is resolved once, every address it has must be one that anybody may reach, and the connection goes to the
address that was looked at: a name that answers differently a moment later leads nowhere else.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from scheduler.booking.errors import Refused

SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}


def must_be_usable(url: str, *, allow_private: bool) -> SplitResult:
    """The parts of an address that messages may be sent to, as far as that shows without asking for the name.

    Raises
    ------
    Refused
        422 where it is no address for the web, not HTTPS, holds a user's name, or names a private place.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise _unusable("is not an address") from None
    if parts.scheme not in _PORTS or not parts.hostname or not url.isascii() or not url.isprintable() or " " in url:
        raise _unusable("is not an address of the web, such as https://receiver.example/marrowline")
    if parts.username is not None or parts.fragment:
        raise _unusable("holds a user's name or a fragment, which are not sent")
    if not allow_private:
        if parts.scheme != "https":
            raise _unusable("is not HTTPS")
        if parts.hostname == "localhost" or _is_private(parts.hostname):
            raise _unusable("names a private address")
    return parts


def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> int | None:
    """Send a body; the status of the answer, or None where nobody answered or nobody there may be asked."""
    try:
        parts = must_be_usable(url, allow_private=allow_private)
        connection = _connection(parts, allow_private=allow_private)
    except (Refused, OSError):
        return None
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, dict(headers))
        return connection.getresponse().status  # a redirect is an answer like any other, and not followed
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _connection(parts: SplitResult, *, allow_private: bool) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not allow_private and any(map(_is_private, found)):
        raise _unusable("leads to a private address")
    plain = socket.create_connection((found[0], port), timeout=SECONDS)
    connection = http.client.HTTPConnection(host, port, timeout=SECONDS)
    try:
        secure = parts.scheme == "https"
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secure else plain
    except OSError:
        plain.close()
        raise
    return connection


def _is_private(address: str) -> bool:
    """Whether an address is one that not everybody may reach; False for a name."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(found, "ipv4_mapped", None)
    return not (inner or found).is_global or found.is_multicast


def _unusable(problem: str) -> Refused:
    return Refused("address-unusable", 422, f"url {problem}. Messages are sent to public HTTPS addresses only.")
