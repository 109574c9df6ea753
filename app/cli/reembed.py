"""`mneme reindex --embed`: after a change of the encoder, on the stores themselves while the service rests."""

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from app.cli.console import errors, out, progress
from app.context import offline_context
from app.embedded import leftovers, stopping
from app.embedded.home import Home
from app.embedded.postgres import APP, Postgres
from app.ledger.reembed import reembed
from app.settings import Settings

START_SECONDS = 120.0  # for PostgreSQL to recover on a slow machine


def embed_again(settings: Settings) -> None:
    """Bring all vectors and the index to the configured encoder."""
    with stores(settings) as reachable, progress() as bar:
        context = offline_context(reachable)
        task = bar.add_task(f"Embedding with {context.encoder.fingerprint}", total=None)
        try:
            counts = reembed(context, lambda done, total: bar.update(task, completed=done, total=total))
        finally:
            context.close()
    out.print(f"{counts.embedded} texts embedded, {counts.points} points indexed.")


@contextmanager
def stores(settings: Settings) -> Iterator[Settings]:
    """Settings with a database: that of DATABASE_URL, or the embedded one, started alone and held by its lock."""
    if settings.database_url is not None:
        yield settings
        return
    home = Home.open(settings.mneme_home)
    with home.locked():
        leftovers.stop_leftovers(home, errors.print)
        secrets = home.secrets()
        postgres = Postgres(home)
        postgres.prepare(secrets.admin_password)
        process = postgres.start()
        try:
            postgres.wait(START_SECONDS)
            url = SecretStr(postgres.dsn(APP, secrets.app_password))
            yield settings.model_copy(update={"database_url": url})
        finally:
            stopping.stop(process, *stopping.POSTGRES)
            postgres.release()
