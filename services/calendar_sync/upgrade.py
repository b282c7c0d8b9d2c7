"""Brings what an earlier form stored into the present one, at start. What is not known any more is found out again."""

from __future__ import annotations

from services.calendar_sync.accounts_store import CALENDARS, OBJECTS
from services.calendar_sync.store import AGENDAS, EVENTS, REGISTRATIONS
from shared.links import CALENDAR, Links, token_hash
from shared.storage.mongo import Database


async def upgrade(database: Database, links: Links) -> None:
    """Form 1 kept the agenda's version in the calendar of the event, and objects by session alone. Safe to repeat."""
    calendars, agendas = database[CALENDARS.name], database[AGENDAS.name]
    async for old in calendars.find({"version": {"$exists": True}}):
        event = await database[EVENTS.name].find_one({"_id": old["_id"]}, {"state.series.id": 1})
        series = ((event or {}).get("state", {}).get("series") or {}).get("id")
        await agendas.update_one(
            {"_id": old["_id"]},
            {
                "$max": {"version": old["version"]},
                "$set": {"fresh": True},
                "$setOnInsert": {"changed_at": old["changed_at"], "series": series},
            },
            upsert=True,
        )
        # The calendar comes again with its event; its objects are found on the server, where they stand unchanged.
        await calendars.delete_one({"_id": old["_id"]})
    await database[OBJECTS.name].delete_many({"calendar": {"$exists": False}})
    async for old in database[REGISTRATIONS.name].find({"schema": 1}, {"_id": 1}):
        # Form 1 did not keep which generation the addresses are of; for whoever has newer ones, the next fact tells.
        page = token_hash(links.token(CALENDAR, old["_id"], 1))
        await database[REGISTRATIONS.name].update_one(
            {"_id": old["_id"]}, {"$set": {"schema": 2, "feed_generation": 1, "generation": 1, "page_hash": page}}
        )
