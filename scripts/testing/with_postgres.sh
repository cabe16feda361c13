#!/usr/bin/env bash
# Run a command with a PostgreSQL server of its own: scripts/testing/with_postgres.sh COMMAND …
# The server listens on a socket in a temporary folder alone, TEST_DATABASE_URL names it, and it is gone at the end.
set -euo pipefail

fail() {
    printf 'postgres: %s\n' "$@" >&2
    exit 1
}

programs="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true)" # Debian keeps them off PATH
[ -n "$programs" ] || programs="$(dirname "$(command -v initdb || true)")"
[ -x "$programs/initdb" ] || fail "no PostgreSQL server programs found" "on Debian or Ubuntu: apt-get install postgresql"

folder="$(mktemp -d "${TMPDIR:-/tmp}/postgres.XXXXXX")"
as_server() { "$@"; }
if [ "$(id -u)" -eq 0 ]; then # the server refuses to run as root
    chown postgres "$folder"
    as_server() { (cd / && runuser -u postgres -- "$@"); }
fi

stop() {
    as_server "$programs/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT TERM

as_server "$programs/initdb" -D "$folder/data" -U trader -A trust -E UTF8 --locale=C >"$folder/initdb.log" 2>&1 ||
    { cat "$folder/initdb.log" >&2; fail "initdb failed"; }
as_server "$programs/pg_ctl" -D "$folder/data" -l "$folder/server.log" -w -t 60 \
    -o "-k $folder -c listen_addresses='' -c max_connections=100" start >/dev/null ||
    { cat "$folder/server.log" >&2; fail "the server did not start"; }

export TEST_DATABASE_URL="postgresql://trader@/postgres?host=$folder"
"$@"
