# shellcheck shell=bash
#
# The private PostgreSQL server of a test run. Sourced by scripts/test, which has say, die and cleanup.

# Creates $work. The PostgreSQL user must be able to enter it, and the path of a
# Unix socket in it must stay under 108 octets.
make_work_dir() {
    local base
    for base in "${TMPDIR:-/tmp}" /tmp; do
        work=$(mktemp -d -- "$base/restante-test.XXXXXX")
        chmod 711 -- "$work"
        if ((${#work} <= 70)) && (cd / && "${as_postgres[@]}" test -x "$work"); then
            return
        fi
        rm -rf -- "$work"
        work=''
    done
    die 'no usable directory for temporary files'
}

# PostgreSQL refuses to run as root: use its system user, made by the package.
choose_postgres_user() {
    local user
    ((EUID == 0)) || return 0
    for user in postgres nobody; do
        id -u "$user" >/dev/null 2>&1 || continue
        if command -v runuser >/dev/null; then
            as_postgres=(runuser -u "$user" --)
        elif command -v setpriv >/dev/null; then
            as_postgres=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups --)
        else
            die 'PostgreSQL does not run as root and neither runuser nor setpriv is here'
        fi
        pg_user=$user
        export RESTANTE_TEST_PG_USER=$user
        return
    done
    die 'PostgreSQL does not run as root and there is no user "postgres" or "nobody"'
}

# A port that nobody listens on, below the range of outgoing connections. Somebody
# else may still take it first: then the server does not start and we try another.
free_port() {
    local port
    while :; do
        port=$((15000 + (RANDOM * 32768 + RANDOM) % 17000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s\n' "$port"
            return
        fi
    done
}

pg() { # PROGRAM ARGUMENT...: runs a PostgreSQL program as the PostgreSQL user
    local program=$1
    shift
    (cd "$pg_home" && "${as_postgres[@]}" "$pg_bindir/$program" "$@")
}

start_postgres() {
    local locale=C port attempt tries
    # The caller's own PostgreSQL settings must reach neither server nor tests.
    unset "${!PG@}"

    pg_home=$work/postgres
    mkdir -m 700 -- "$pg_home"
    if ((${#as_postgres[@]})); then chown -- "$pg_user" "$pg_home"; fi
    if locale -a 2>/dev/null | grep -qiE '^C\.utf-?8$'; then locale=C.UTF-8; fi

    pg initdb -D "$pg_home/data" -U restante --auth=trust --encoding=UTF8 --locale="$locale" \
        --no-sync >"$work/initdb.log" 2>&1 || {
        cat -- "$work/initdb.log" >&2
        die 'initdb failed'
    }
    cluster=$pg_home/data
    # Durability is tested with servers of their own; here only speed counts.
    cat >>"$cluster/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
unix_socket_directories = '$pg_home'
max_connections = 300
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 256MB
logging_collector = off
END

    for ((attempt = 0; attempt < 10; attempt++)); do
        port=$(free_port)
        pg pg_ctl -D "$cluster" -l "$pg_home/log" -o "-p $port" -W start >/dev/null
        for ((tries = 0; tries < 600; tries++)); do
            # Asked through its own socket, only our server can answer.
            if pg pg_isready -q -h "$pg_home" -p "$port"; then
                export RESTANTE_TEST_POSTGRES_URL=postgres://restante@127.0.0.1:$port/postgres
                say "PostgreSQL $(postgres_major "$pg_bindir") listens on 127.0.0.1:$port"
                return
            fi
            # pg_ctl returns before the server has written its process file.
            if ((tries > 20)) && ! pg pg_ctl -D "$cluster" status >/dev/null 2>&1; then
                break
            fi
            sleep 0.1
        done
        grep -q 'Address already in use' "$pg_home/log" || break
    done
    cat -- "$pg_home/log" >&2
    die 'the private PostgreSQL server did not start'
}
