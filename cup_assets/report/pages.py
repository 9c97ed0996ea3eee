"""Pages that people read, print and keep: one file, nothing loaded from anywhere.

Belongs here: the templates' environment, which is the same for all pages, as their frame is
(``templates/page.html.j2`` with its style, and macros). Does not belong here: what a page says
(`case_page`), its words (`language`).
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from cup_assets.report.language import Language

if TYPE_CHECKING:
    from jinja2 import Environment


def render_page(template: str, language: Language, **context: Any) -> str:
    """Return a page in a language.

    Every value is escaped but the drawings (`Drawing`), which are made of numbers and escaped text.

    Parameters
    ----------
    template : str
        File name in ``templates``; it extends ``page.html.j2``.
    language : Language
        Its methods are there as ``t`` (text), ``number``, ``integer``, ``percent``, ``score``,
        ``date``, ``class_name``, ``family_name``, ``region``, ``word`` and ``remark``.
    **context
        What else the template names; a name that is missing is an error.
    """
    own: dict[str, Any] = {
        "lang": language.code,
        "t": language.text,
        "number": language.number,
        "integer": language.integer,
        "percent": language.percent,
        "score": language.score,
        "region": language.region,
        "date": language.date,
        "class_name": language.class_name,
        "family_name": language.family_name,
        "word": language.word,
        "remark": language.remark,
    }
    return _environment(language.code).get_template(template).render(**own, **context) + "\n"


@cache
def _environment(code: str) -> Environment:
    # One environment a language: macros of imported templates see globals only.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("cup_assets.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    language = Language.of(code)
    environment.globals |= {
        "t": language.text,
        "remark": language.remark,
        "css_text": css_text,
        "bar_width": bar_width,
    }
    return environment


class Drawing(str):
    """SVG that is already safe to put into a page."""

    def __html__(self) -> str:
        """Return itself: templates do not escape it."""
        return str(self)


def css_text(text: str) -> Drawing:
    """Return a text for a style sheet's ``content``: no character of it can end the string."""
    return Drawing(re.sub(r"[^A-Za-z0-9 ]", lambda found: f"\\{ord(found[0]):x} ", text))


def bar_width(share: float) -> str:
    """Return a share as a width for a style: ``97.25%``."""
    return f"{100 * min(max(share, 0.0), 1.0):.2f}%"
