"""Whole versions, one table of keys: runs the .sql file of the same name."""

from pathlib import Path

import psycopg
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns and keys; the code before still runs."""
    driver = op.get_bind().connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("the psycopg dialect is needed")
    driver.execute(Path(__file__).with_suffix(".sql").read_bytes())
