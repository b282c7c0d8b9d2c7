"""The chart of the audience's growth: every number is written, bars are to scale, and names cannot become markup."""

from __future__ import annotations

from lxml import html

from services.registration.organiser.chart import chart

LEGEND = ("Registrations", "With a seat", "Present")


def drawn(groups: list[tuple[str, list[int]]]) -> html.HtmlElement:
    return html.fragment_fromstring(str(chart(groups, LEGEND, "Growth", "Three bars for each round")))


def test_bars_are_to_scale_and_have_their_numbers() -> None:
    found = drawn([("Round 1", [100, 50, 0])])
    bars = [float(bar.get("height")) for bar in found.xpath("rect[starts-with(@class, 'bar-')]")[3:]]
    assert bars[0] == 2 * bars[1] > 0 == bars[2]
    assert [text.text for text in found.xpath("text[@text-anchor]")] == ["100", "50", "0", "Round 1"]


def test_a_drawing_says_what_it_is_without_being_seen() -> None:
    found = drawn([])
    named = [found.xpath(f"//*[@id='{id_}']")[0].text for id_ in found.get("aria-labelledby").split()]
    assert (found.get("role"), named) == ("img", ["Growth", "Three bars for each round"])


def test_no_round_and_empty_rounds_are_drawn() -> None:
    assert drawn([]).xpath("rect")
    assert drawn([("Round 1", [0, 0, 0])]).xpath("rect")


def test_a_long_series_is_wide_and_nothing_is_outside_of_it() -> None:
    found = drawn([(f"Round {number}", [number, number, number]) for number in range(1, 31)])
    right = max(float(bar.get("x")) + float(bar.get("width")) for bar in found.xpath("rect"))
    assert right < float(found.get("width"))


def test_names_cannot_become_markup() -> None:
    assert "<script>" not in str(chart([("<script>", [1, 1, 1])], ("<b>", '"', "&"), "<i>", "<i>"))
