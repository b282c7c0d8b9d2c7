"""A chart of bars in groups, as SVG that needs no script: each bar has its number, and the page has a table beside it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

HEIGHT, ABOVE, BELOW = 240, 34, 28
"""Of the drawing, of the room above the bars (the legend and the highest number), and of the names below them."""
BAR, GAP, BETWEEN = 30, 4, 26
"""Width of a bar, between two of a group, and between groups."""
LETTER = 7
"""Ample room for a letter."""


def chart(groups: Sequence[tuple[str, Sequence[int]]], legend: Sequence[str], title: str, about: str) -> Markup:
    """Bars of each group with its name below. The n-th bar of a group means the n-th of `legend`; its class is `bar-n`."""
    group_width = len(legend) * (BAR + GAP) - GAP
    legend_width = BETWEEN + sum(len(said) * LETTER + 34 for said in legend)
    width = max(320, legend_width, BETWEEN + len(groups) * (group_width + BETWEEN))
    most = max((number for _, numbers in groups for number in numbers), default=0) or 1
    floor, tallest = HEIGHT - BELOW, HEIGHT - BELOW - ABOVE - 14
    drawn: list[Markup] = []
    x = 0
    for place, said in enumerate(legend):
        drawn.append(Markup('<rect class="bar-{}" x="{}" y="6" width="12" height="12"/>').format(place + 1, x))
        drawn.append(Markup('<text x="{}" y="16">{}</text>').format(x + 17, said))
        x += len(said) * LETTER + 34
    for number, (name, values) in enumerate(groups):
        left = BETWEEN + number * (group_width + BETWEEN)
        for place, value in enumerate(values):
            tall = round(value * tallest / most, 1)
            at = left + place * (BAR + GAP)
            drawn.append(
                Markup('<rect class="bar-{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                    place + 1, at, floor - tall, BAR, tall
                )
            )
            drawn.append(_text(at + BAR / 2, floor - tall - 4, value))
        drawn.append(_text(left + group_width / 2, HEIGHT - 8, name))
    line = Markup('<line x1="0" y1="{0}" x2="{1}" y2="{0}"/>').format(floor, width)
    head = Markup(
        '<svg class="chart" xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="chart-title chart-about" '
        'viewBox="0 0 {0} {1}" width="{0}" height="{1}"><title id="chart-title">{2}</title><desc id="chart-about">{3}</desc>'
    ).format(width, HEIGHT, title, about)
    return head + line + Markup("").join(drawn) + Markup("</svg>")


def _text(x: float, y: float, said: object) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(x, y, said)
