"""The jinja2 environment of the pages, with autoescaping."""

from __future__ import annotations

from functools import cache
from math import isfinite

from jinja2 import Environment, PackageLoader, StrictUndefined

from include.pages import figures


@cache
def environment() -> Environment:
    """Return the environment; an undefined name in a template is an error."""
    made = Environment(
        loader=PackageLoader("include.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "figure": figures.figure,
        "share": figures.share,
        "seconds": figures.seconds,
        "month": figures.month_name,
        "join_names": figures.join_names,
        "days_named": figures.days_named,
        "web_address": figures.web_address,
        "licence_address": figures.licence_address,
    }
    made.tests["finite"] = isfinite
    made.globals |= {
        "span": figures.span,
        "month_span": figures.month_span,
        "counted": figures.counted,
    }
    return made
