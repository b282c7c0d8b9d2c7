"""Ids are given out once each, to whichever thread or process asks."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from shared.clock import new_id


def test_ids_are_thirty_signs_and_never_the_same_in_several_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = [one for some in pool.map(lambda _: [new_id() for _ in range(2_000)], range(8)) for one in some]
    assert len(set(ids)) == len(ids) == 16_000
    assert {len(one) for one in ids} == {30}
    assert set("".join(ids)) <= set("0123456789abcdef")


def test_a_forked_process_gives_out_ids_of_its_own() -> None:
    new_id()  # some are ready now, which parent and child would share
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, new_id().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        theirs = told.read()
    assert os.waitpid(child, 0)[1] == 0
    assert len(theirs) == 30
    assert theirs != new_id()
