from app.domain.scope import ProjectScope
from app.storage.db import Database


def test_app_role_is_under_row_security(database: Database, project: ProjectScope):
    with database.transaction(project) as connection:
        row = connection.execute("SELECT current_user AS me, (SELECT count(*) FROM projects) AS n").fetchone()
    assert row == {"me": "mneme_app", "n": 1}


def test_no_network_address_and_durable(owner_database: Database):
    with owner_database.transaction(None) as connection:
        row = connection.execute(
            "SELECT current_setting('listen_addresses') AS a, current_setting('synchronous_commit') AS s"
        ).fetchone()
    assert row == {"a": "", "s": "on"}


def test_valkey_answers(valkey: str):
    assert valkey.startswith("redis://:")
