"""Makes a replica set of one node, once: `python -m shared.storage.initiate` (docker-compose) and the embedded launcher.

Transactions need a replica set (docs/decisions). The work is idempotent: a set that stands already is left as it is.
The driver's own asyncio client is enough here, so that a later move away from `motor` does not touch this job.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from bson import Int64
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect, OperationFailure, ServerSelectionTimeoutError

SET_NAME = "lectern"
_NOT_YET_INITIALIZED = 94
_ALREADY_INITIALIZED = 23
_INVALID_REPLICA_SET_CONFIG = 93
_PAUSE = 0.05
"""Seconds between two looks at the node."""


async def initiate(server: str, member: str | None = None, *, timeout: float = 60.0) -> None:
    """Makes the node at `server` (host:port) the primary of the set `lectern`; returns when it is.

    `member` is the address by which the set's clients find the node, `server` where they are the same. A node that
    was moved to another port since its last start is moved in the set's configuration as well. Raises
    ConnectionError when the node is no primary within `timeout` seconds.
    """
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        f"mongodb://{server}/", directConnection=True, serverSelectionTimeoutMS=500, connectTimeoutMS=2000
    )
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    last = "it does not listen"
    try:
        while loop.time() < deadline:
            try:
                hello = await client.admin.command("hello")
                if hello.get("isWritablePrimary"):
                    return
                await _configure(client, member or server)
                last = "it is not primary yet"
            except (ServerSelectionTimeoutError, AutoReconnect) as error:
                last = type(error).__name__
            await asyncio.sleep(_PAUSE)
    finally:
        await client.close()
    raise ConnectionError(f"MongoDB at {server} did not become a primary within {timeout:g} s: {last}; see its log")


async def _configure(client: AsyncMongoClient[dict[str, Any]], member: str) -> None:
    """Writes the set's configuration where there is none, and the member's new address where it moved."""
    try:
        found = (await client.admin.command("replSetGetConfig"))["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        try:
            await client.admin.command("replSetInitiate", {"_id": SET_NAME, "members": [{"_id": 0, "host": member}]})
        except OperationFailure as late:
            if late.code != _ALREADY_INITIALIZED:  # another job was faster
                raise
        return
    if len(found["members"]) != 1 or found["members"][0]["host"] == member:
        return  # it stands as wanted, or somebody made it larger by hand: never touched
    found["members"][0]["host"] = member
    found["version"] = Int64(found["version"] + 1)
    try:
        await client.admin.command("replSetReconfig", found, force=True)
    except OperationFailure as error:
        if error.code != _INVALID_REPLICA_SET_CONFIG:
            raise ConnectionError(f"MongoDB does not take the address {member}: {error.details}") from error


def main(arguments: list[str] | None = None) -> int:
    """Initiates the set of the node at --server; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m shared.storage.initiate", description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="127.0.0.1:27017", help="where the node listens, host:port")
    parser.add_argument("--member", help="the address clients find it by; the same as --server where left out")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds")
    chosen = parser.parse_args(arguments)
    try:
        asyncio.run(initiate(chosen.server, chosen.member, timeout=chosen.timeout))
    except ConnectionError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"The replica set {SET_NAME} stands; {chosen.server} is its primary.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
