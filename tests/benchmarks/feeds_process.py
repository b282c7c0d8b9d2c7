"""A process of its own that serves feeds (`python -m tests.benchmarks.feeds_process feeds`), or answers the same with a bare
aiohttp handler (`... bare`); settings from the environment."""

from __future__ import annotations

import asyncio
import gc
import os
import sys

from aiohttp import web

from services.calendar_sync.feeds.handlers import Feeds
from services.calendar_sync.rendering import Rendering
from services.calendar_sync.store import Store
from shared.clock import use_own_zone_rules, utc_now
from shared.config import Settings, read_settings
from shared.observability.logs import configure_logging
from shared.storage.mongo import Mongo
from shared.web.app import make_app
from shared.web.i18n import translations

CALENDAR = {"Content-Type": "text/calendar; charset=utf-8"}


def bare(size: int) -> web.Application:
    """/unchanged answers 304, /whole answers `size` bytes; nothing else happens."""
    body = b"x" * size

    async def unchanged(_: web.Request) -> web.Response:
        return web.Response(status=304, headers={"ETag": '"0123456789abcdef0123456789abcdef"'})

    async def whole(_: web.Request) -> web.Response:
        return web.Response(body=body, headers=CALENDAR)

    app = web.Application()
    app.router.add_get("/unchanged", unchanged)
    app.router.add_get("/whole", whole)
    app.router.add_get("/ready", whole)
    return app


def feeds(settings: Settings) -> web.Application:
    """The feeds as calendar-sync serves them: same handlers, same middlewares, same log."""
    store = Store(Mongo(settings.mongodb_uri, settings.database_prefix).database("calendar_sync"))
    rendering = Rendering(settings.public_url, "lectern.test", lambda language: translations(language).gettext)
    return make_app(settings, Feeds(store, rendering, utc_now).routes(), {}, {})


async def _main(kind: str, size: int) -> None:
    settings = read_settings(os.environ)
    use_own_zone_rules()
    configure_logging(settings.log_level)
    runner = web.AppRunner(bare(size) if kind == "bare" else feeds(settings), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port, backlog=1024).start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # as shared.process.run
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0))
