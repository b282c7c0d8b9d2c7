"""The intake over HTTP: the same messages as over AMQP, one CloudEvent a request."""

from __future__ import annotations

from aiohttp import web

from services.registration.asking import overloaded
from services.registration.commands import Answer as Decided
from services.registration.desk import Overloaded
from services.registration.intake import Intake
from shared.contracts.base import json_of
from shared.contracts.cloudevent import CONTENT_TYPE, CloudEvent, InvalidMessage, decode, problem
from shared.contracts.registration import Outcome, RequestAnswered
from shared.contracts.registry import INTAKE, check_type
from shared.web.access import require_organiser
from shared.web.openapi import Answer, Body, Operation
from shared.web.problems import Problem, invalid_message, read_body


class MessageAnswered(RequestAnswered):
    """The answer to a message; for a group, one for each person in `people`."""

    people: list[RequestAnswered] = []


class Receiving:
    """What other systems send."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(
                "sendMessage",
                "POST",
                "/api/v1/intake",
                self.receive,
                "Send an intake message; its id makes it repeatable. The messages are described in asyncapi.json",
                {200: Answer("The decision, as it is also told as an event", MessageAnswered)},
                body=Body(
                    "One CloudEvent 1.0 in structured mode (CloudEvents HTTP binding 1.0, section 3.2)",
                    CloudEvent,
                    [CONTENT_TYPE],
                ),
                problems=[422],
                organiser=True,
            )
        ]

    async def receive(self, request: web.Request) -> web.Response:
        """Repeated, it gets the outcome `duplicate`."""
        require_organiser(request)
        if request.content_type != CONTENT_TYPE:
            raise Problem(415, "unsupported-media-type", f"Send one CloudEvent as {CONTENT_TYPE}.")
        try:
            event = decode(await read_body(request))
            if check_type(event).exchange != INTAKE:
                raise InvalidMessage([problem("type", f"{event.type} is told by Lectern", "not-intake")])
        except InvalidMessage as error:
            raise invalid_message(error) from error
        try:
            answers = await self._intake.answers(event, publisher="organiser")
        except Overloaded as error:
            raise overloaded("Too many messages at once; try again.") from error
        return web.json_response(json_of(_together(event.id, answers)))


def _together(request_id: str, answers: list[Decided]) -> MessageAnswered:
    """One answer as it is; those of a group each, and whether anybody was taken."""
    if len(answers) == 1:
        return MessageAnswered.model_validate(answers[0].told(request_id).model_dump())
    people = [answer.told(request_id, item) for item, answer in enumerate(answers, 1)]
    outcomes = {answer.outcome for answer in answers}
    outcome = next(o for o in (Outcome.ACCEPTED, Outcome.DUPLICATE, Outcome.REJECTED) if o in outcomes)
    return MessageAnswered(request_id=request_id, outcome=outcome, event_id=answers[0].event_id, people=people)
