#!/usr/bin/env bash
# Delivery reports a second out of the outbox to a SIP server (sipp) over UDP, on PostgreSQL with fsync on and on SQLite.
# One real report is made by storing and deleting a message, then copied in the database; the clock runs from the start of
# the server to the last 200. Prints Markdown. Everything listens on free loopback ports and ends with the script.
#
#   benches/reports.sh [reports] [senders]         default: 10000 1000
#
# Needs: apt-get install sip-tester postgresql curl python3; cargo build --release (or RESTANTE=path of the program)
set -euo pipefail
cd "$(dirname "$0")/.."
reports=${1:-10000} senders=${2:-1000}
restante=$(realpath "${RESTANTE:-./target/release/restante}")

. benches/common.sh
now() { date +%s.%N; }

http_port=$(free_port) sip_port=$(free_port) phone_port=$(free_port)
api=http://127.0.0.1:$http_port
start_cluster

# SQL on either database; the first column of the last row.
query() { # DATABASE SQL
    case $1 in
        PostgreSQL) sql bench "$2" ;;
        SQLite) python3 - "$work/data/restante.db" "$2" <<'END'
import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=30) as db:
    for row in db.execute(sys.argv[2]):
        print(row[0])
END
            ;;
    esac
}
start() { # ROUTE
    RESTANTE__REPORTS__ROUTE=$1 "$restante" >>"$work/restante.log" 2>&1 &
    pids+=($!)
    for _ in $(seq 200); do
        curl -sf "$api/readyz" >/dev/null && return
        sleep 0.05
    done
    tail -n 20 "$work/restante.log" >&2
    exit 1
}
export RESTANTE__HTTP__LISTEN=127.0.0.1:$http_port RESTANTE__SIP__LISTEN=127.0.0.1:$sip_port RESTANTE__MSRP__LISTEN= \
    RESTANTE__SERVER__HOSTNAME=mail.example.org RESTANTE__DATA_DIR=$work/data \
    RESTANTE__SIP__OUTBOUND_PROXY="sip:127.0.0.1:$phone_port" RESTANTE__SIP__UDP_LIMIT=60000

make_one() {
    local token body id
    token=$("$restante" token create --name bench --scope gateway --scope operator | tail -n 1)
    body=$(printf '%s\r\n' 'From: <im:carol@example.org>' 'To: <im:alice@example.org>' 'NS: imdn <urn:ietf:params:imdn>' \
        'imdn.Message-ID: 34jk324j' 'DateTime: 2026-10-01T10:15:29Z' 'imdn.Disposition-Notification: negative-delivery' '' \
        'Content-Type: text/plain' '' 'Hello')
    id=$(printf '%s\r\n' 'MESSAGE sip:alice@example.org SIP/2.0' 'Via: SIP/2.0/TCP proxy.example.org;branch=z9hG4bK1' \
        'From: <sip:carol@example.org>;tag=1' 'To: <sip:alice@example.org>' 'Call-ID: 1' 'CSeq: 1 MESSAGE' 'Max-Forwards: 70' \
        'Content-Type: message/cpim' '' "$body" |
        curl -sf -H "Authorization: Bearer $token" -H 'Content-Type: message/sip' --data-binary @- "$api/gateway/v1/messages" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["message_id"][4:].split("@")[0])')
    curl -sf -X DELETE -H "Authorization: Bearer $token" "$api/api/v1/accounts/sip:alice@example.org/messages/$id"
}

# The copies go back to before the first attempt.
copy_it() { # DATABASE
    local columns='kind, aor, host, target, reason, imdn_message_id, body, attempts, next_attempt_at, created_at, give_up_at, state'
    query "$1" "INSERT INTO report (account_id, number, sender_key, $columns)
        SELECT account_id, number + n, 'sip:s' || (n % $senders) || '@example.org', $columns FROM report,
        (WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $reports - 1) SELECT n FROM numbers) AS copies"
}

echo "| database | reports | senders | seconds | reports/s |"
echo "| --- | --- | --- | --- | --- |"
for database in PostgreSQL SQLite; do
    unset RESTANTE__DATABASE__URL
    if [ $database = PostgreSQL ]; then
        sql postgres "CREATE DATABASE bench"
        export RESTANTE__DATABASE__URL=postgres://bench@127.0.0.1:$db_port/bench
    fi
    start connector
    make_one
    end_all
    copy_it $database
    (cd "$work" && exec sipp -sf "$OLDPWD/tests/data/sipp/uas-message.xml" -i 127.0.0.1 -p "$phone_port" -nostdin >sipp.log 2>&1) &
    pids+=($!)
    sleep 1
    began=$(now)
    start proxy
    while (($(query $database "SELECT count(*) FROM report WHERE state = 'sent'") < reports)); do sleep 0.05; done
    ended=$(now)
    end_all
    awk -v d="$database" -v n="$reports" -v s="$senders" -v t="$(echo "$ended $began" | awk '{ print $1 - $2 }')" \
        'BEGIN { printf "| %s | %d | %d | %.1f | %d |\n", d, n, s, t, n / t }'
done
