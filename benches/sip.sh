#!/usr/bin/env bash
# Stored MESSAGEs a second over SIP into PostgreSQL with fsync on: Restante and Kamailio's msilo (8 children) by turns, on
# the same database cluster, from the same sender (sipp). Each run counts in the database what was answered 202. Prints
# Markdown: the medians of the rounds. Everything listens on free loopback ports and ends with the script.
#
#   benches/sip.sh [messages] [at once] [rounds]         default: 20000 64 3
#
# Needs: apt-get install kamailio kamailio-postgres-modules sip-tester postgresql; cargo build --release
set -euo pipefail
cd "$(dirname "$0")/.."
messages=${1:-20000} at_once=${2:-64} rounds=${3:-3}
users=1000 failed=0

. benches/common.sh
msilo_port=$(free_port) restante_port=$(free_port)

# --- One cluster for both -----------------------------------------------------------------------------------------

start_cluster
sql postgres 'CREATE DATABASE msilo'
sql postgres 'CREATE DATABASE restante'
for table in standard msilo; do
    psql -h 127.0.0.1 -p "$db_port" -U bench -d msilo -v ON_ERROR_STOP=1 -q \
        -f "/usr/share/kamailio/postgres/$table-create.sql"
done

# --- Both servers -------------------------------------------------------------------------------------------------

mkdir "$work/run"
# A transaction is remembered for 5 s after its answer, 12 kB each: 4000 a second need 240 MB.
kamailio -DD -E -f benches/kamailio-msilo.cfg -m 2048 -M 16 -Y "$work/run" -P "$work/kamailio.pid" \
    -A "LISTEN_UDP=udp:127.0.0.1:$msilo_port" -A "LISTEN_TCP=tcp:127.0.0.1:$msilo_port" \
    -A "DATABASE=\"postgres://bench@127.0.0.1:$db_port/msilo\"" >"$work/kamailio.log" 2>&1 &
pids+=($!)
wait_for "$msilo_port"
RESTANTE__DATABASE__URL=postgres://bench@127.0.0.1:$db_port/restante RESTANTE__HTTP__LISTEN=127.0.0.1:0 \
    RESTANTE__SIP__LISTEN=127.0.0.1:$restante_port RESTANTE__SIP__RATE_LIMIT=1000000 RESTANTE__MSRP__LISTEN= \
    RESTANTE__POLICY__QUOTA_MESSAGES=1000000 RESTANTE__POLICY__QUOTA_BYTES=1000000000000 \
    ./target/release/restante >"$work/restante.log" 2>&1 &
pids+=($!)
wait_for "$restante_port"

# --- The sender ---------------------------------------------------------------------------------------------------

# One line per addressee, and the scenario that takes the addressee from there.
{ echo SEQUENTIAL; seq -f 'user%g' "$users"; } >"$work/users.csv"
sed 's/\[service\]/[field0]/g; s/<send retrans="500">/<send retrans="500" start_rtd="1">/; s/rtd="true"/rtd="1"/' \
    tests/data/sipp/message.xml >"$work/message.xml"

stored() { # SERVER
    case $1 in
        msilo) sql msilo 'SELECT count(*) FROM silo' ;;
        restante) sql restante 'SELECT count(*) FROM message' ;;
    esac
}

# Prints: stored a second, p50 and p99 in milliseconds, lost.
run() { # SERVER PORT TRANSPORT OCTETS
    local text before after started ended folder=$work/sipp
    text=$(printf "%${4}s" '' | tr ' ' x)
    mkdir "$folder"
    before=$(stored "$1")
    started=$(date +%s.%N)
    (cd "$folder" && sipp "127.0.0.1:$2" -sf "$work/message.xml" -inf "$work/users.csv" -t "$3" -i 127.0.0.1 \
        -key domain example.org -key sender carol -key text "$text" -trace_rtt -rtt_freq 1000 \
        -m "$messages" -l "$at_once" -r 50000 -timeout 300 -nostdin >out.log 2>&1) ||
        { tail -n 30 "$folder/out.log" >&2; echo "sipp reports failures: $1 $3 $4" >&2; failed=1; }
    ended=$(date +%s.%N)
    after=$(stored "$1")
    ((after - before == messages)) || failed=1
    cat "$folder"/*_rtt.csv | awk -F';' '$2 + 0 == $2 { print $2 }' | sort -n |
        awk -v n="$((after - before))" -v lost="$((messages - after + before))" -v s="$started" -v e="$ended" '
            { t[NR] = $1 }
            END { printf "%.0f %.2f %.2f %d\n", n / (e - s), t[int(NR / 2) + 1], t[int(NR * 0.99)], lost }'
    rm -rf "$folder"
}

echo "PostgreSQL: fsync $(sql postgres 'SHOW fsync'), synchronous_commit $(sql postgres 'SHOW synchronous_commit');" \
    "$messages messages a run, $at_once at once, $rounds rounds"
echo
echo '| over | octets of text | server | stored per second | lowest to highest | p50 ms | p99 ms | lost |'
echo '| --- | --: | --- | --: | --: | --: | --: | --: |'
for transport in u1 t1; do
    for octets in 200 4096; do
        for ((round = 0; round < rounds; round++)); do
            run msilo "$msilo_port" "$transport" "$octets" >>"$work/msilo.$transport.$octets"
            run restante "$restante_port" "$transport" "$octets" >>"$work/restante.$transport.$octets"
        done
        for server in msilo restante; do
            sort -n "$work/$server.$transport.$octets" | awk -v what="$server" -v over="$transport" -v o="$octets" '
                { rate[NR] = $1; p50[NR] = $2; p99[NR] = $3; lost += $4 }
                END {
                    m = int((NR + 1) / 2)
                    printf "| %s | %d | %s | %d | %d to %d | %s | %s | %d |\n", over == "u1" ? "UDP" : "TCP", o, what,
                        rate[m], rate[1], rate[NR], p50[m], p99[m], lost }'
        done
    done
done
[ "$failed" = 0 ]
