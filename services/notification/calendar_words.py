"""The sentences of mails about the person's calendar: invitations, answers that came back, a calendar that is lost."""

from __future__ import annotations

from services.notification.domain import ANSWERS, INVITATIONS, Kind, Telling
from services.notification.picture import Picture
from services.notification.reasons import Reasons
from shared.contracts.calendar_sync import Lost
from shared.contracts.registration import Through

CALENDAR_KINDS = INVITATIONS | ANSWERS | {Kind.CALENDAR_LOST}


class CalendarWords(Reasons):
    """Sentences for a person who reads `wanted`; English where there is no catalogue for it."""

    def calendar_subject(self, telling: Telling, now: Picture, event: str) -> str:
        """The subject line, the session first where it is one."""
        if telling.kind is Kind.CALENDAR_LOST:
            return self._("Your connected calendar cannot be reached: %(event)s", event=event)
        if telling.kind is Kind.ANSWER_UNCLEAR or len(telling.about) != 1:
            return self._("Do you want to keep your sessions? %(event)s", event=event)
        session = self.title_of(telling.about[0], now, None)
        if telling.kind is Kind.INVITATION:
            return self._("For your calendar: %(session)s (%(event)s)", session=session, event=event)
        if telling.kind is Kind.WITHDRAWAL:
            return self._("Out of your calendar: %(session)s (%(event)s)", session=session, event=event)
        return self._("Do you want to keep your seat? %(session)s (%(event)s)", session=session, event=event)

    def calendar_action(self, telling: Telling) -> str:
        """What the person is to do; empty where nothing waits for them."""
        if telling.kind is Kind.ANSWER_NOTICED:
            if len(telling.about) == 1:
                return self._("I want to keep my seat")
            return self._("I want to keep my seats")
        if telling.kind is Kind.ANSWER_UNCLEAR:
            return self._("See what you have, and give up what you do not want")
        if telling.kind is Kind.CALENDAR_LOST:
            return self._("Connect your calendar again")
        return ""

    def calendar_notice(self, telling: Telling, now: Picture, event: str) -> list[str]:
        """What happened, and what follows from it."""
        if telling.kind is Kind.CALENDAR_LOST:
            return self._lost(telling.lost, event)
        if telling.kind in INVITATIONS:
            session = self.title_of(telling.about[0], now, None)
            if telling.kind is Kind.WITHDRAWAL:
                return [
                    *(
                        [self._("Mails about this registration go to another address now.")]
                        if telling.to_former
                        else []
                    ),
                    self._("With this mail “%(session)s” leaves your calendar.", session=session),
                    self._("You need not do anything."),
                ]
            return [
                self._("With this mail you get “%(session)s” into your calendar.", session=session),
                self._("If you decline it there, you give your seat up.")
                if now.event.admission.calendar_answers
                else self._("An answer to it changes nothing: to give your seat up, use your private page."),
            ]
        if telling.kind is Kind.ANSWER_UNCLEAR:
            return self._unclear(telling, event)
        return self._noticed(telling, now)

    def invited(self, now: Picture) -> str:
        """What declining the invitation that comes with a mail does at this event."""
        if now.event.admission.calendar_answers:
            return self._(
                "This mail is also an invitation for your calendar. If you decline it there, you give your seat up."
            )
        return self._(
            "This mail is also an invitation for your calendar. An answer to it changes nothing: to give your seat up, use "
            "your private page."
        )

    def _noticed(self, telling: Telling, now: Picture) -> list[str]:
        names = [self.title_of(id_, now, None) for id_ in telling.about]
        declined = telling.through is Through.INVITATION
        if len(names) == 1:
            [session] = names
            first = (
                self._("You declined “%(session)s” in your calendar.", session=session)
                if declined
                else self._("You removed or declined “%(session)s” in your calendar.", session=session)
            )
        else:
            sessions = ", ".join(names)
            first = (
                self._("You declined several sessions in your calendar: %(sessions)s.", sessions=sessions)
                if declined
                else self._(
                    "You removed or declined several sessions in your calendar: %(sessions)s.", sessions=sessions
                )
            )
        sentences = [first]
        if telling.until is not None:
            until = self.moment(telling.until, now.event.zone)
            sentences.append(
                self._n(
                    "Your seat is given up at this time: %(until)s. Others get it then.",
                    "Your seats are given up at this time: %(until)s. Others get them then.",
                    len(names),
                    until=until,
                )
            )
        sentences.append(
            self._n(
                "If you want to keep it, tell us before that, with the link in this mail.",
                "If you want to keep them, tell us before that, with the link in this mail.",
                len(names),
            )
        )
        return sentences

    def _unclear(self, telling: Telling, event: str) -> list[str]:
        first = (
            self._("Your calendar declined sessions of “%(event)s”.", event=event)
            if telling.through is Through.INVITATION
            else self._("Sessions of “%(event)s” are gone from your calendar.", event=event)
        )
        return [
            first,
            self._("We do not know whether you meant that, so nothing was changed: you still have your seats."),
            self._("If you do not want all of them, please give up on your private page what others could have."),
        ]

    def _lost(self, lost: Lost | None, event: str) -> list[str]:
        reason = {
            Lost.PASSWORD: self._("Its server does not take the user name and the password any more."),
            Lost.CALENDAR: self._("The calendar is not there any more, or may not be written."),
            Lost.SERVER: self._("Its server has not answered for days."),
        }
        return [
            self._(
                "Your sessions of “%(event)s” can no longer be written into the calendar that you connected.",
                event=event,
            ),
            *([reason[lost]] if lost is not None else []),
            self._("You keep your seats. But until you connect a calendar again, changes do not reach it."),
        ]
