#!/bin/sh
# Makes the database the first time, then runs it in the foreground.
# The password is the file $POSTGRES_PASSWORD_FILE (a mounted Secret); it never meets a command line.
set -eu
: "${PGDATA:?}" "${POSTGRES_PASSWORD_FILE:?}" "${POSTGRES_USER:=mlflow}" "${POSTGRES_DB:=mlflow}"
if [ ! -s "$PGDATA/.made" ]; then
    # A first start that was cut short leaves a half-made folder without the mark: begin again.
    rm -rf "$PGDATA"
    initdb --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 \
        --locale=C.UTF-8 --auth-host=scram-sha-256 --auth-local=trust --no-instructions "$PGDATA"
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    if [ "$POSTGRES_DB" != postgres ]; then
        echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$PGDATA" -j postgres
    fi
    date -u >"$PGDATA/.made"
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp \
    -c shared_buffers=64MB -c max_connections=60
