#!/bin/sh
# Back up a Mneme in server mode: one dump of PostgreSQL. Qdrant and Redis are not backed up: both are made anew.
#   deploy/backup.sh FILE            writes FILE (pg_dump's own format) and FILE.sha256
#   deploy/backup.sh --erasures FILE writes the list of erasures; run it often, and keep it apart from the database
# Run it beside docker-compose.yml; with PSQL and PG_DUMP set, against any PostgreSQL.
set -eu
umask 077

PSQL=${PSQL:-docker compose exec -T postgres psql -U postgres -d mneme}
PG_DUMP=${PG_DUMP:-docker compose exec -T postgres pg_dump -U postgres -d mneme}

erasures() {
    $PSQL -X -q -A -t -c "
SELECT json_build_object('id', e.id, 'project_id', e.project_id, 'user_id', e.user_id, 'kind', e.target_kind,
    'target_id', e.target_id, 'derived_only', e.derived_only, 'erased_at', e.erased_at,
    'events', (SELECT coalesce(json_agg(t.target_id), '[]') FROM tombstones t WHERE t.project_id = e.project_id
        AND t.user_id = e.user_id AND t.erasure_id = e.id AND t.target_kind IN ('event', 'derived')),
    'memories', (SELECT coalesce(json_agg(t.target_id), '[]') FROM tombstones t WHERE t.project_id = e.project_id
        AND t.user_id = e.user_id AND t.erasure_id = e.id AND t.target_kind = 'memory'))
FROM erasures e ORDER BY e.erased_at"
}

case ${1:-} in
--erasures)
    file=${2:?name the file to write}
    erasures >"$file.part"
    mv "$file.part" "$file"
    ;;
"" | -*)
    echo "usage: $0 FILE | $0 --erasures FILE" >&2
    exit 2
    ;;
*)
    if [ -e "$1" ]; then
        echo "$1 is there already" >&2
        exit 1
    fi
    $PG_DUMP --format=custom --exclude-table-data=public.index_collections >"$1.part"
    mv "$1.part" "$1"
    sha256sum "$1" >"$1.sha256"
    ;;
esac
