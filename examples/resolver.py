#!/usr/bin/env python3
"""A pool of actors that share work: each looks up the host names of some IP addresses.

Run it with the size of the pool and the addresses:

    ./resolver.py 3 193.35.52.{1,2,3,4,5,6,7,8,9}

Without arguments, ten actors look up 49 addresses. A look-up waits for the network and not for
the processor, so the pool is about as many times faster as it has actors.
"""

from __future__ import annotations

import pprint
import socket
import sys

import pykka


class Resolver(pykka.ThreadingActor):
    """Looks up host names."""

    def resolve(self, ip: str) -> str | None:
        """Return the host name of an address, or `None` if it has none."""
        try:
            info = socket.gethostbyaddr(ip)
        except Exception:
            print(f"Failed resolving {ip}\n", end="")
            return None
        else:
            print(f"Finished resolving {ip}\n", end="")
            return info[0]


def run(pool_size: int, *ips: str) -> None:
    """Look up all the addresses with so many actors, and print what was found."""
    # Start resolvers
    resolvers = [Resolver.start().proxy() for _ in range(pool_size)]

    # Distribute work by mapping IPs to resolvers (not blocking)
    hosts = [resolvers[i % len(resolvers)].resolve(ip) for i, ip in enumerate(ips)]

    # Gather results (blocking)
    ip_to_host = zip(ips, pykka.get_all(hosts), strict=True)
    pprint.pprint(list(ip_to_host))

    # Clean up
    pykka.ActorRegistry.stop_all()


if __name__ == "__main__":
    if len(sys.argv[1:]) >= 2:
        run(int(sys.argv[1]), *sys.argv[2:])
    else:
        run(10, *[f"193.35.52.{i}" for i in range(1, 50)])
