# What the measurements have in common, to be sourced: a folder and a PostgreSQL cluster of their own, free ports, and an end
# that leaves nothing. `pids` holds what is to be ended with the script.

# One sender and one token do the work of many.
export RESTANTE__POLICY__SENDER_RATE=0 RESTANTE__HTTP__RATE_LIMITS__API=0 RESTANTE__HTTP__RATE_LIMITS__GATEWAY=0

work=$(mktemp -d)
pg=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
as_pg=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
    as_pg=(runuser -u postgres --)
    chown postgres "$work"
fi
pids=()

end_all() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    pids=()
}

clean_up() {
    end_all
    "${as_pg[@]}" "$pg/pg_ctl" -D "$work/db" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

wait_for() { # PORT
    for _ in $(seq 300); do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        sleep 0.1
    done
    echo "nothing listens on port $1" >&2
    tail -n 20 "$work"/*.log >&2
    exit 1
}

# Starts PostgreSQL with fsync on, on db_port, for the user bench.
start_cluster() {
    db_port=$(free_port)
    "${as_pg[@]}" "$pg/initdb" -D "$work/db" -U bench -A trust >"$work/initdb.log"
    "${as_pg[@]}" "$pg/pg_ctl" -D "$work/db" -l "$work/db.log" -w start \
        -o "-c listen_addresses=127.0.0.1 -c port=$db_port -c unix_socket_directories=$work -c fsync=on" >/dev/null
}

sql() { # DATABASE SQL
    psql -h 127.0.0.1 -p "$db_port" -U bench -d "$1" -v ON_ERROR_STOP=1 -qAt -F ' | ' -c "$2"
}
