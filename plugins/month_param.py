"""The param of DAGs that are about one month."""

from airflow.sdk import Param

from include.months import MONTH_PATTERN


def month_param(description: str, title: str = "Month") -> Param:
    """Return the param of a month, ``YYYY-MM``, which may be left empty."""
    return Param(
        None,
        type=["null", "string"],
        pattern=MONTH_PATTERN,
        title=title,
        description=description,
    )
