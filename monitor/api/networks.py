"""Requests from networks that a setting names: some things need no token there."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from django.http import HttpRequest
from rest_framework.request import Request

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def comes_from(request: HttpRequest | Request, networks: str) -> bool:
    """Return whether a request comes from one of ``networks`` (CIDR, separated by commas)."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in _networks(networks))


@lru_cache(maxsize=4)
def _networks(text: str) -> tuple[_Network, ...]:
    """Return the networks in a setting; a part that is no network is left out."""
    networks = []
    for part in text.split(","):
        try:
            networks.append(ipaddress.ip_network(part.strip(), strict=False))
        except ValueError:
            continue
    return tuple(networks)
