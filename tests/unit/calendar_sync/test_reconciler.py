"""What differs between desired and known objects, and what is decided after reading back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.calendar_sync.answers import Answer, Blame, fault_of, strong
from services.calendar_sync.reconciler import (
    Desired,
    Kind,
    Known,
    Listing,
    Seen,
    Verdict,
    differences,
    drifted,
    judge,
    moved_back,
)

NOW = datetime(2019, 11, 20, tzinfo=UTC)


def want(session_id: str = "s1", fingerprint: str = "f1", minutes: int = 0) -> Desired:
    return Desired(
        session_id, f"{session_id}@x", f"{session_id}.ics", b"", fingerprint, 1, NOW + timedelta(minutes=minutes), None
    )


def have(session_id: str = "s1", fingerprint: str | None = "f1", etag: str | None = '"e1"') -> Known:
    return Known("c", session_id, f"{session_id}.ics", there=True, etag=etag, written=fingerprint, stored=fingerprint)


def test_equal_objects_ask_nothing_of_the_server() -> None:
    assert differences([want()], {"s1": have()}, {}, NOW) == []


def test_differences_come_longest_waiting_first() -> None:
    found = differences(
        [want("s1", "new", 5), want("s2", "new", 1), want("s3")], {"s1": have("s1"), "s3": have("s3")}, {}, NOW
    )
    assert [(d.session_id, d.kind) for d in found] == [("s2", Kind.WRITE), ("s1", Kind.WRITE)]


def test_object_that_is_wanted_no_more_is_removed() -> None:
    found = differences([], {"s1": have()}, {"s1": NOW - timedelta(days=1)}, NOW)
    assert [(d.kind, d.since) for d in found] == [(Kind.REMOVE, NOW - timedelta(days=1))]


def test_object_that_is_gone_and_wanted_no_more_is_left_in_peace() -> None:
    assert differences([], {"s1": replace(have(), there=False)}, {}, NOW) == []


def test_object_waits_for_its_next_attempt() -> None:
    (found,) = differences(
        [want()], {"s1": replace(have(fingerprint="old"), next_attempt=NOW + timedelta(minutes=1))}, {}, NOW
    )
    assert not found.may_try(NOW)
    assert found.may_try(NOW + timedelta(minutes=1))


def test_object_whose_absence_may_be_an_answer_is_not_written_meanwhile() -> None:
    absent = replace(have(), there=False, absent_since=NOW)
    assert differences([want()], {"s1": absent}, {}, NOW) == []


def test_object_that_a_person_moved_is_left_there_until_there_is_something_new_to_say() -> None:
    moved = replace(have(), there=False, elsewhere="f1")
    assert differences([want()], {"s1": moved}, {}, NOW) == []
    assert [d.kind for d in differences([want("s1", "f2")], {"s1": moved}, {}, NOW)] == [Kind.WRITE]
    assert [d.kind for d in differences([], {"s1": moved}, {}, NOW)] == [Kind.REMOVE]


def test_object_that_is_listed_again_after_it_was_moved_is_looked_at_and_no_longer_followed() -> None:
    moved = replace(have(), there=False, elsewhere="f1", stands_in="/family/")
    (back,) = moved_back([moved, have("s2")], Listing({"s1.ics": '"e1"', "s2.ics": '"e2"'}), NOW)
    assert (back.look, back.there, back.elsewhere, back.stands_in) == (True, False, None, None)
    assert moved_back([moved], Listing({"another.ics": '"e1"'}), NOW) == []
    assert moved_back([moved], Listing({}, whole=False, gone=frozenset({"s1.ics"})), NOW) == []


class TestDrift:
    def test_object_as_we_left_it_has_not_drifted(self) -> None:
        assert drifted([have()], Listing({"s1.ics": '"e1"', "somebody-elses.ics": '"x"'}), NOW) == []

    def test_object_that_somebody_removed_is_to_be_written_again(self) -> None:
        (found,) = drifted([have()], Listing({"somebody-elses.ics": '"x"'}), NOW)
        assert (found.there, found.etag, found.drifted_at, found.missed_at) == (False, None, NOW, NOW)

    def test_what_a_report_of_changes_does_not_name_is_as_it_was(self) -> None:
        assert drifted([have()], Listing({}, whole=False), NOW) == []
        (found,) = drifted([have()], Listing({}, whole=False, gone=frozenset({"s1.ics"})), NOW)
        assert not found.there

    def test_where_etags_come_again_each_listed_object_is_looked_at(self) -> None:
        listing = Listing({"s1.ics": '"e1"'})
        (found,) = drifted([have()], listing, NOW, look_at_all=True)
        assert found.look
        assert drifted([have()], listing, NOW) == []

    @pytest.mark.parametrize("etag", ['"e2"', 'W/"e1"', None])
    def test_object_with_another_etag_is_looked_at(self, etag: str | None) -> None:
        (found,) = drifted([have()], Listing({"s1.ics": etag}), NOW)
        assert found.look
        assert found.there


class TestJudge:
    def test_nothing_there_is_created(self) -> None:
        assert judge("s1@x", "f1", None, have()) is Verdict.CREATE

    def test_stored_put_whose_answer_was_lost_is_settled(self) -> None:
        assert judge("s1@x", "f1", Seen("s1.ics", '"e"', "s1@x", "f1"), None) is Verdict.SETTLED

    def test_our_object_that_says_something_else_is_replaced(self) -> None:
        assert judge("s1@x", "f1", Seen("s1.ics", '"e"', "s1@x", "f0"), None) is Verdict.REPLACE

    def test_object_with_another_uid_is_foreign_even_at_our_address(self) -> None:
        assert judge("s1@x", "f1", Seen("s1.ics", '"e"', "other", "f1"), have()) is Verdict.FOREIGN

    def test_unreadable_object_is_ours_only_if_we_wrote_it(self) -> None:
        unreadable = Seen("s1.ics", '"e"', None, None)
        assert judge("s1@x", "f1", unreadable, have()) is Verdict.REPLACE
        assert judge("s1@x", "f1", unreadable, None) is Verdict.FOREIGN

    def test_server_that_rewrites_what_matters_is_not_fought(self) -> None:
        known = replace(have(), stored="as the server says it")
        assert judge("s1@x", "f1", Seen("s1.ics", '"e2"', "s1@x", "as the server says it"), known) is Verdict.SETTLED
        assert judge("s1@x", "f2", Seen("s1.ics", '"e2"', "s1@x", "as the server says it"), known) is Verdict.REPLACE


class TestAnswers:
    @pytest.mark.parametrize("status", [200, 201, 204])
    def test_success_is_200_201_or_204(self, status: int) -> None:
        assert Answer(status).done

    @pytest.mark.parametrize("status", [202, 207, 301, 302, 304, 403, 412, 500])
    def test_anything_else_is_none(self, status: int) -> None:
        assert not Answer(status).done

    @pytest.mark.parametrize(
        ("answer", "blame", "words"),
        [
            (Answer(401), Blame.ACCOUNT, "password"),
            (Answer(302), Blame.SERVER, "login page"),
            (Answer(503, retry_after=120.0), Blame.SERVER, "120 s"),
            (Answer(429), Blame.ACCOUNT, "busy"),
            (Answer(403, refusals=("no-uid-conflict",)), Blame.OBJECT, "no-uid-conflict"),
            (Answer(500), Blame.OBJECT, "failed"),
        ],
    )
    def test_faults_are_told_in_plain_words(self, answer: Answer, blame: Blame, words: str) -> None:
        fault = fault_of(answer)
        assert fault.blame is blame
        assert words in fault.words

    def test_weak_etag_never_goes_into_if_match(self) -> None:
        assert strong('W/"a"') is None
        assert strong('"a"') == '"a"'
