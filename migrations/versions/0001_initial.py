"""The first schema: runs the .sql file of the same name."""

from pathlib import Path

import psycopg
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Everything is new, so nothing that runs can notice."""
    driver = op.get_bind().connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("the psycopg dialect is needed")
    # The plain driver takes many statements at once when there are no parameters, and leaves % and : alone.
    driver.execute(Path(__file__).with_suffix(".sql").read_bytes())
