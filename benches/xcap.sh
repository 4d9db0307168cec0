#!/usr/bin/env bash
# XCAP requests a second: Kamailio's xcap_server (8 processes) and Restante by turns on one PostgreSQL cluster with fsync on,
# and Restante on SQLite, from the same client (wrk). Resource lists of 20 entries, of as many users as are given, who take
# turns. Restante is shown a bearer token with each request, Kamailio asks for nothing. Each answer's status is looked at, and
# afterwards whether every document still has its entries. Prints Markdown: the medians of the rounds. Everything
# listens on free loopback ports and ends with the script.
#
#   benches/xcap.sh [seconds a run] [rounds] [users]         default: 5 3 64
#   RESTANTE=program benches/xcap.sh                         another program than target/release/restante
#
# Needs: apt-get install kamailio kamailio-presence-modules kamailio-postgres-modules wrk postgresql python3;
# cargo build --release
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-5} rounds=${2:-3} users=${3:-64}
program=${RESTANTE:-./target/release/restante}
failed=0

. benches/common.sh
declare -A port=([kamailio]=$(free_port) [postgres]=$(free_port) [sqlite]=$(free_port))
servers=(kamailio postgres sqlite)

# --- One cluster for both -----------------------------------------------------------------------------------------

start_cluster
sql postgres 'CREATE DATABASE kamailio'
sql postgres 'CREATE DATABASE restante'
for table in standard presence; do
    psql -h 127.0.0.1 -p "$db_port" -U bench -d kamailio -v ON_ERROR_STOP=1 -q \
        -f "/usr/share/kamailio/postgres/$table-create.sql"
done

# --- Users, their tokens and their document -----------------------------------------------------------------------

restante() { # postgres|sqlite ARGUMENT...: becomes the program
    local database=''
    [ "$1" = sqlite ] || database=postgres://bench@127.0.0.1:$db_port/restante
    # Nothing listens where a configuration or a default says, and each has a folder of its own.
    exec env RESTANTE__DATA_DIR="$work/$1" ${database:+RESTANTE__DATABASE__URL="$database"} RESTANTE__SIP__LISTEN= \
        RESTANTE__MSRP__LISTEN= RESTANTE__HTTP__LISTEN="127.0.0.1:${port[$1]}" "$program" "${@:2}"
}
for server in postgres sqlite; do
    mkdir "$work/$server"
    for ((n = 0; n < users; n++)); do
        token=$(restante "$server" token create --name bench --scope read --scope delete \
            --aor "sip:user$n@example.org" 2>>"$work/$server.log")
        echo "user$n $token -"
    done >"$work/$server.users"
done
for ((n = 0; n < users; n++)); do echo "user$n none -"; done >"$work/kamailio.users"
{
    echo '<?xml version="1.0" encoding="UTF-8"?>'
    echo '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
    echo '  <list name="friends">'
    for ((n = 0; n < 20; n++)); do
        echo "    <entry uri=\"sip:friend$n@example.org\"><display-name>Friend $n</display-name></entry>"
    done
    echo '  </list>'
    echo '</resource-lists>'
} >"$work/document.xml"

# --- The servers --------------------------------------------------------------------------------------------------

mkdir "$work/run"
kamailio -DD -E -f benches/kamailio-xcap.cfg -m 256 -M 16 -Y "$work/run" -P "$work/kamailio.pid" \
    -A "LISTEN=tcp:127.0.0.1:${port[kamailio]}" \
    -A "DATABASE=\"postgres://bench@127.0.0.1:$db_port/kamailio\"" >"$work/kamailio.log" 2>&1 &
pids+=($!)
for server in postgres sqlite; do
    restante "$server" serve >>"$work/$server.log" 2>&1 &
    pids+=($!)
done
for server in "${servers[@]}"; do wait_for "${port[$server]}"; done

# Puts every user's document (put), notes their entity tags (tags), or counts those without their entries (check).
each_user() { # SERVER put|tags|check
    python3 - "$2" "${port[$1]}" "$work/$1.users" "$work/document.xml" <<'END'
import http.client, sys
from xml.etree import ElementTree
what, port, users, document = sys.argv[1:]
lines, wrong = [line.split() for line in open(users)], 0
connection = http.client.HTTPConnection("127.0.0.1", int(port))
for line in lines:
    name, token, _ = line
    headers = {"Authorization": f"Bearer {token}"}
    body = None
    if what == "put":
        body = open(document).read()
        headers["Content-Type"] = "application/resource-lists+xml"
    path = f"/xcap-root/resource-lists/users/sip:{name}@example.org/index"
    connection.request("PUT" if body else "GET", path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in ((200, 201) if body else (200,)):
        sys.exit(f"{what} of {name}: {answer.status} {text}")
    if what == "tags":
        line[2] = answer.getheader("ETag")
    elif what == "check":
        entries = ElementTree.fromstring(text).iter("{urn:ietf:params:xml:ns:resource-lists}entry")
        wrong += len({entry.get("uri") for entry in entries}) != 20
if what == "tags":
    open(users, "w").writelines(" ".join(line) + "\n" for line in lines)
print(wrong)
END
}

# --- The runs -----------------------------------------------------------------------------------------------------

# Prints: requests, requests a second, p50 and p99 in milliseconds, wrongly answered.
run() { # SERVER WORK CONNECTIONS
    local threads=$(($3 > 1 ? 2 : 1)) folder=$work/wrk result
    [ "$2" != unchanged ] || each_user "$1" tags >/dev/null
    wrk -t "$threads" -c "$3" -d "${seconds}s" -s benches/xcap.lua "http://127.0.0.1:${port[$1]}" -- \
        "$2" "$work/$1.users" "$work/document.xml" >"$folder" 2>&1 || { cat "$folder" >&2; return 1; }
    result=$(sed -n 's/^RESULT //p' "$folder")
    if [ "${result##* }" != 0 ]; then
        echo "$1, $2 over $3: $(grep -m 1 '^answered' "$folder" || echo 'connections broke')" >&2
    fi
    echo "$result"
}

for server in "${servers[@]}"; do each_user "$server" put >/dev/null; done
echo "PostgreSQL: fsync $(sql postgres 'SHOW fsync'), synchronous_commit $(sql postgres 'SHOW synchronous_commit');" \
    "a document of $(wc -c <"$work/document.xml") octets, $users users, $seconds s a run, $rounds rounds"
echo
echo '| what | connections | server | requests | per second | lowest to highest | of Kamailio | p50 ms | p99 ms | wrong |'
echo '| --- | --: | --- | --: | --: | --: | --: | --: | --: | --: |'
for what in document element unchanged put-document put-element; do
    for connections in 1 16; do
        for ((round = 0; round < rounds; round++)); do
            for server in "${servers[@]}"; do
                run "$server" "$what" "$connections" >>"$work/$server.$what.$connections"
            done
        done
        yardstick=''
        for server in "${servers[@]}"; do
            row=$(sort -n -k 2 "$work/$server.$what.$connections" | awk -v yardstick="$yardstick" '
                { rate[NR] = $2; p50[NR] = $3; p99[NR] = $4; total += $1; wrong += $5 }
                END {
                    m = int((NR + 1) / 2)
                    of = yardstick == "" ? "" : yardstick > 0 ? sprintf("%.1f", rate[m] / yardstick) : "-"
                    printf "%d | %d | %d to %d | %s | %s | %s | %d\n", total, rate[m], rate[1], rate[NR], of,
                        p50[m], p99[m], wrong }')
            [ "${row##* }" = 0 ] || failed=1
            [ "$server" != kamailio ] || yardstick=$(cut -d '|' -f 2 <<<"$row" | tr -d ' ')
            case $server in
                kamailio) name='Kamailio, PostgreSQL' ;;
                postgres) name='Restante, PostgreSQL' ;;
                sqlite) name='Restante, SQLite' ;;
            esac
            echo "| $what | $connections | $name | $row |"
        done
    done
done
echo
for server in "${servers[@]}"; do
    wrong=$(each_user "$server" check)
    echo "$server: $wrong of $users documents without their 20 entries afterwards"
    [ "$wrong" = 0 ] || failed=1
done
[ "$failed" = 0 ]
