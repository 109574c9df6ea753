#!/bin/sh
# Restore a Mneme in server mode from a dump of deploy/backup.sh. Run it beside docker-compose.yml.
#   deploy/restore.sh FILE [ERASURES]
# ERASURES is the newest list that `deploy/backup.sh --erasures` has written; where the present database still answers, the
# list is taken from it. What was erased after the dump was made is erased again before the service starts.
set -eu
umask 077

file=${1:?usage: deploy/restore.sh FILE [ERASURES]}
list=${2:-}
here=$(dirname "$0")

sha256sum --check --quiet "$file.sha256"
docker compose stop api worker beat
docker compose up --detach --wait postgres
docker compose run --rm migrate # on a new server this makes the roles

if [ -z "$list" ]; then
    list=$(mktemp)
    "$here/backup.sh" --erasures "$list"
fi

psql="docker compose exec -T postgres psql -U postgres -X -q -v ON_ERROR_STOP=1"
$psql -d postgres -c "DROP DATABASE IF EXISTS mneme_restoring" -c "CREATE DATABASE mneme_restoring"
docker compose exec -T postgres pg_restore -U postgres --exit-on-error -d mneme_restoring <"$file"
# The old database goes only now that the dump was loaded whole.
$psql -d postgres -c "DROP DATABASE mneme WITH (FORCE)" -c "ALTER DATABASE mneme_restoring RENAME TO mneme"

docker compose run --rm migrate
docker compose run --rm --no-deps -T api restore --erasures /dev/stdin <"$list"
docker compose up --detach
echo "Restored. Fill the index from the database: mneme reindex (MNEME_URL, MNEME_API_KEY)."
