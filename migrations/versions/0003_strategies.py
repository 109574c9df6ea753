"""What the strategies of the policy keep: runs the .sql file of the same name."""

from pathlib import Path

import psycopg
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New columns with constant defaults: PostgreSQL rewrites no table, and code of the revision before runs on."""
    driver = op.get_bind().connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("the psycopg dialect is needed")
    driver.execute(Path(__file__).with_suffix(".sql").read_bytes())
