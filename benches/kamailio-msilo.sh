#!/usr/bin/env bash
# Measures how many MESSAGEs a second Kamailio's msilo stores in PostgreSQL: a database cluster of its own (fsync on),
# Kamailio on free loopback ports, sipp as the senders. Everything ends with the script.
#
#   benches/kamailio-msilo.sh [messages] [at once] [octets] [u1|t1]      default: 20000 64 200 u1
#
# Needs: apt-get install kamailio kamailio-postgres-modules sip-tester postgresql
set -euo pipefail
cd "$(dirname "$0")/.."
messages=${1:-20000} at_once=${2:-64} octets=${3:-200} transport=${4:-u1}
users=1000 failed=0

work=$(mktemp -d)
pg=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
as_pg=()
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
    as_pg=(runuser -u postgres --)
    chown postgres "$work"
fi
kamailio_pid=''
clean_up() {
    if [ -n "$kamailio_pid" ]; then
        kill "$kamailio_pid" 2>/dev/null || true
        wait "$kamailio_pid" 2>/dev/null || true
    fi
    "${as_pg[@]}" "$pg/pg_ctl" -D "$work/db" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean_up EXIT
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
db_port=$(free_port) sip_port=$(free_port)

"${as_pg[@]}" "$pg/initdb" -D "$work/db" -U kamailio -A trust >"$work/initdb.log"
"${as_pg[@]}" "$pg/pg_ctl" -D "$work/db" -l "$work/db.log" -w start \
    -o "-c listen_addresses=127.0.0.1 -c port=$db_port -c unix_socket_directories=$work -c fsync=on" >/dev/null
query() { psql -h 127.0.0.1 -p "$db_port" -U kamailio -d "${2:-kamailio}" -v ON_ERROR_STOP=1 -qAt -c "$1"; }
query 'CREATE DATABASE kamailio' postgres
for table in standard msilo; do
    psql -h 127.0.0.1 -p "$db_port" -U kamailio -d kamailio -v ON_ERROR_STOP=1 -q \
        -f "/usr/share/kamailio/postgres/$table-create.sql"
done
echo "PostgreSQL: fsync $(query 'SHOW fsync'), synchronous_commit $(query 'SHOW synchronous_commit')"

mkdir "$work/run"
# A transaction is remembered for 5 s after its answer, 12 kB each: 4000 a second need 240 MB.
kamailio -DD -E -f benches/kamailio-msilo.cfg -m 2048 -M 16 -Y "$work/run" -P "$work/kamailio.pid" \
    -A "LISTEN_UDP=udp:127.0.0.1:$sip_port" -A "LISTEN_TCP=tcp:127.0.0.1:$sip_port" \
    -A "DATABASE=\"postgres://kamailio@127.0.0.1:$db_port/kamailio\"" >"$work/kamailio.log" 2>&1 &
kamailio_pid=$!
for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$sip_port") 2>/dev/null && break
    sleep 0.1
done

# One line per addressee, and the scenario that takes the addressee from there.
{ echo SEQUENTIAL; seq -f 'user%g' "$users"; } >"$work/users.csv"
sed 's/\[service\]/[field0]/g' tests/data/sipp/message.xml >"$work/message.xml"
text=$(printf "%${octets}s" '' | tr ' ' x)

started=$(date +%s.%N)
sipp "127.0.0.1:$sip_port" -sf "$work/message.xml" -inf "$work/users.csv" -t "$transport" -i 127.0.0.1 \
    -key domain example.org -key sender carol -key text "$text" \
    -m "$messages" -l "$at_once" -r 50000 -timeout 300 -nostdin >"$work/sipp.log" 2>&1 || {
    tail -n 30 "$work/sipp.log" "$work/kamailio.log"
    echo 'sipp reports failures: the rate does not count' >&2
    failed=1
}
ended=$(date +%s.%N)
stored=$(query 'SELECT count(*) FROM silo')
longest=$(query 'SELECT max(length(body)) FROM silo')
echo "msilo: sent $messages, stored $stored (bodies $longest octets), $at_once at once, over $transport"
awk -v n="$stored" -v s="$started" -v e="$ended" 'BEGIN { printf "msilo: %.1f s, %.0f stored MESSAGE/s\n", e - s, n / (e - s) }'
[ "$stored" = "$messages" ] || failed=1
[ "$failed" = 0 ]
