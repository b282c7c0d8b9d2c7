"""How a series grows, by HTTP: rounds in order, with those who came and those who were forgotten."""

from __future__ import annotations

from datetime import date, timedelta

from tests.conftest import MakeSettings
from tests.support.agenda import tell_agenda
from tests.support.events import milipol, workshop
from tests.support.registration_desk import W1, W2, RegistrationDesk, registration_desk
from tests.support.waiting import until

GROWTH = "/api/v1/registration/growth"


async def told(desk: RegistrationDesk, id_: str, number: int, days: int) -> None:
    """Another round, with one workshop."""
    day = date(2019, 11, 20) + timedelta(days=days)
    series = {"id": "practitioners", "name": {"en": "Practitioners"}, "round": number}
    event = milipol(
        id=id_, audiences=[], requirements=[], series=series, starts_on=day, ends_on=day, admission={"window": {}}
    )
    await tell_agenda(desk.process, event, workshop(3, id=f"{id_}-a", event_id=id_))

    async def known() -> bool:
        sessions = await desk.database["sessions"].count_documents({"event_id": id_})
        return sessions + await desk.database["events"].count_documents({"_id": id_}) == 2

    await until(known, 20, "the round is known")


async def test_rounds_are_counted_in_their_order(settings: MakeSettings) -> None:
    series = {"id": "practitioners", "name": {"en": "Practitioners"}, "round": 2}
    second = milipol(audiences=[], requirements=[], series=series)
    async with registration_desk(settings(), second, workshop(1, capacity=2), workshop(2)) as desk:
        await told(desk, "round-3", 3, 200)
        await told(desk, "round-1", 1, -200)
        ada = await desk.registered("ada", W1, details={"country": "FI"})
        await desk.registered("bob", W1, W2, details={"country": "FR"})
        cyd = await desk.registered("cyd", W1, W2, details={"country": "FR"})
        dan = await desk.registered("dan", W2, details={"country": "ES"})
        await desk.ask("POST", f"/api/v1/registrations/{ada}/check-in", {"session_id": W1})
        await desk.ask("POST", f"/api/v1/registrations/{dan}/cancel")
        await desk.ask("DELETE", f"/api/v1/registrations/{cyd}")
        answer = await desk.ask("GET", f"{GROWTH}?series_id=practitioners")
        assert answer.status == 200, answer.body
        rounds = answer.body["rounds"]
        assert [(one["round"], one["event_id"], one["registered"]) for one in rounds] == [
            (1, "round-1", 0), (2, "milipol-2019", 4), (3, "round-3", 0),
        ]  # fmt: skip
        milipol_round = rounds[1]
        assert (milipol_round["confirmed"], milipol_round["attended"], milipol_round["cancelled"]) == (2, 1, 2)
        assert milipol_round["countries"] == 2, "of those who did not cancel"
        assert milipol_round["sessions"] == {
            W1: {"registered": 3, "confirmed": 2, "attended": 1},
            W2: {"registered": 3, "confirmed": 1, "attended": 0},
        }
        some = await desk.ask("GET", f"{GROWTH}?event_id=round-3&event_id=milipol-2019")
        assert [one["event_id"] for one in some.body["rounds"]] == ["milipol-2019", "round-3"]
        for query, status in (("", 400), ("?series_id=none", 404), ("?event_id=milipol-2019&event_id=no", 404)):
            assert (await desk.ask("GET", GROWTH + query)).status == status
        assert (await desk.ask("GET", f"{GROWTH}?series_id=practitioners", anonymous=True)).status == 401
