"""The least that a calendar server can be: it takes every PUT at once. In a process of its own, on several ports.

`python -m tests.benchmarks.dav_stub 3` prints three ports and serves until it is ended. POST /count tells how many requests
of each method came since the last time.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

from aiohttp import web

_ROW = "<response><href>{}</href><propstat><prop><getetag>{}</getetag></prop><status>HTTP/1.1 200 OK</status></propstat></response>"


class Stub:
    """One server. Objects are kept by their ETags alone."""

    def __init__(self) -> None:
        self._etags: dict[str, dict[str, str]] = {}
        self._number = 0
        self._asked: Counter[str] = Counter()

    async def handle(self, request: web.Request) -> web.Response:
        """Any request."""
        if request.method == "POST":
            asked, self._asked = dict(self._asked), Counter()
            return web.json_response(asked)
        self._asked[request.method] += 1
        folder, _, name = request.path.rpartition("/")
        held = self._etags.setdefault(folder, {})
        if request.method == "PUT":
            await request.read()
            self._number += 1
            known = name in held
            held[name] = f'"{self._number}"'
            return web.Response(status=204 if known else 201, headers={"ETag": held[name]})
        if request.method == "PROPFIND":
            rows = "".join(_ROW.format(f"{folder}/{name}", etag) for name, etag in held.items())
            text = f'<?xml version="1.0"?><multistatus xmlns="DAV:">{rows}</multistatus>'
            return web.Response(status=207, text=text, content_type="application/xml")
        return web.Response(status=404)


async def main(ports: int) -> None:
    """Serves on as many free ports until it is ended."""
    found = []
    for _ in range(ports):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", Stub().handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.append(runner.addresses[0][1])
    print(*found, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
