"""The private MongoDB keeps its data, its address and its promise to end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from deploy.local.mongod import MongodNode
from shared.storage.mongo import Collection, Database, Mongo

NOTES = Collection("notes")


async def note(uri: str, text: str) -> list[str]:
    """Writes a note in a transaction and returns all that are there."""
    mongo = Mongo(uri)
    await mongo.connect()
    database = mongo.database("mongod_test")
    await database.declare([NOTES])
    await database.atomically(lambda session: database["notes"].insert_one({"text": text}, session=session))
    found = [each["text"] async for each in database["notes"].find().sort("_id")]
    mongo.close()
    return found


async def test_data_outlive_a_power_cut(tmp_path: Path) -> None:
    node = MongodNode(tmp_path)
    try:
        await node.start()
        assert await note(node.uri, "first") == ["first"]
        await node.kill()
        await node.start()
        assert await note(node.uri, "second") == ["first", "second"]
    finally:
        await node.kill()
    assert not node.running


async def test_a_node_whose_port_was_taken_moves_with_its_data(tmp_path: Path) -> None:
    node = MongodNode(tmp_path)
    try:
        await node.start()
        await note(node.uri, "first")
        await node.stop()
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", node.port):
            moved = MongodNode(tmp_path)
            assert moved.port != node.port
            node = moved
            await node.start()
            assert await note(node.uri, "second") == ["first", "second"]
    finally:
        await node.kill()


async def test_a_fresh_database_is_empty(database: Database) -> None:
    assert await database["notes"].count_documents({}) == 0
