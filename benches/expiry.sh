#!/usr/bin/env bash
# Messages that are all due at once, on PostgreSQL with fsync on, while others come in at half of the highest rate: how
# long until all are gone, the longest time an arriving message waits and that passes without any being stored, memory,
# and what is left in the tables. Every tenth message asks for a report. Prints Markdown. Everything listens on free
# loopback ports and ends with the script.
#
#   benches/expiry.sh [messages] [seconds for loading]         default: 1000000, 120 and one for 5000 messages
#
# Needs: apt-get install sip-tester postgresql; cargo build --release (or another program in RESTANTE)
set -euo pipefail
cd "$(dirname "$0")/.."
messages=${1:-1000000} lead=${2:-$((120 + ${1:-1000000} / 5000))}
restante=${RESTANTE:-./target/release/restante}
accounts=1000 users=1000 at_once=64 measured=10000

. benches/common.sh
port=$(free_port)

start_cluster
query() { sql postgres "$1"; }

# The default of a day's warning would tell of the loaded messages one by one, which is another thing to measure.
RESTANTE__DATABASE__URL=postgres://bench@127.0.0.1:$db_port/postgres RESTANTE__HTTP__LISTEN=127.0.0.1:0 \
    RESTANTE__SIP__LISTEN=127.0.0.1:$port RESTANTE__SIP__RATE_LIMIT=1000000 RESTANTE__MSRP__LISTEN= \
    RESTANTE__POLICY__QUOTA_MESSAGES=1000000 RESTANTE__POLICY__QUOTA_BYTES=1000000000000 \
    RESTANTE__POLICY__EXPIRY_WARNING=0s "$restante" >"$work/restante.log" 2>&1 &
server=$!
pids+=("$server")
wait_for "$port"
memory() { awk -v what="$1" '$1 == what ":" { printf "%.0f", $2 / 1024 }' "/proc/$server/status"; } # in MiB
seconds() { date +%s.%N; }

# --- Messages that wait -------------------------------------------------------------------------------------------

due=$(query "SELECT (now() + interval '$lead seconds')::text")
query "
BEGIN;
CREATE TEMPORARY TABLE loaded ON COMMIT DROP AS
    SELECT n % $accounts + 1 AS account, n / $accounts + 1 AS number, n,
        convert_to(format(E'MESSAGE sip:load%s@example.org SIP/2.0\r\nVia: SIP/2.0/TCP proxy.example.org;branch=z9hG4bKload%s\r\n'
            'Max-Forwards: 69\r\nFrom: <sip:carol%s@example.org>;tag=%s\r\nTo: <sip:load%s@example.org>\r\n'
            'Call-ID: load-%s\r\nCSeq: 1 MESSAGE\r\nContent-Type: %s\r\nContent-Length: %s\r\n\r\n%s',
            n % $accounts, n, n % 997, n, n % $accounts, n, type, octet_length(body), body), 'UTF8') AS raw, type, octet_length(body) AS size
    FROM (SELECT n, CASE WHEN n % 10 = 0 THEN 'message/cpim' ELSE 'text/plain' END AS type,
            CASE WHEN n % 10 = 0 THEN format(E'From: <im:carol%s@example.org>\r\nTo: <im:load%s@example.org>\r\n'
                'NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: load-%s\r\n'
                'imdn.Disposition-Notification: negative-delivery\r\n\r\nContent-Type: text/plain\r\n\r\n', n % 997, n % $accounts, n)
            ELSE '' END || repeat('x', 200) AS body
        FROM generate_series(0, $messages - 1) AS n) AS bodies;
INSERT INTO account (aor, folded, host, next_number, list_version, message_count, byte_count, created_at)
    SELECT format('sip:load%s@example.org', account - 1), format('sip:load%s@example.org', account - 1), 'mail.example.org',
        max(number) + 1, max(number), count(*), sum(octet_length(raw)), now()
    FROM loaded GROUP BY account ORDER BY account;
INSERT INTO message (account_id, number, mode, stored_at, expires_at, size, stored_size, from_uri, to_uri, content_type,
        kind, preview, has_attachments, from_folded, subject_folded, preview_folded, imdn_message_id, notifications_asked)
    SELECT account.id, number, 'pager', now() - interval '7 days', '$due', size, octet_length(raw), format('sip:carol%s@example.org', n % 997),
        aor, type, 'text', repeat('x', 200), false, format('sip:carol%s@example.org', n % 997), '', repeat('x', 200),
        CASE WHEN n % 10 = 0 THEN 'load-' || n END, CASE WHEN n % 10 = 0 THEN 'negative-delivery' ELSE '' END
    FROM loaded JOIN account ON aor = format('sip:load%s@example.org', loaded.account - 1);
INSERT INTO message_content (account_id, number, raw)
    SELECT account.id, number, raw FROM loaded JOIN account ON aor = format('sip:load%s@example.org', loaded.account - 1);
INSERT INTO retry_key (account_id, key, number, stored_at, expires_at, forget_at)
    SELECT account.id, encode(sha256(n::text::bytea), 'hex'), number, now() - interval '7 days', '$due', '$due'::timestamptz + interval '1 day'
    FROM loaded JOIN account ON aor = format('sip:load%s@example.org', loaded.account - 1);
INSERT INTO event (at, kind, account_id, number, until)
    SELECT now() - interval '7 days', 'message.stored', account.id, number, '$due'
    FROM loaded JOIN account ON aor = format('sip:load%s@example.org', loaded.account - 1);
COMMIT"
query 'VACUUM ANALYZE'
query 'CHECKPOINT'

# --- The sender ---------------------------------------------------------------------------------------------------

{ echo SEQUENTIAL; seq -f 'user%g' "$users"; } >"$work/users.csv"
sed 's/\[service\]/[field0]/g; s/<send retrans="500">/<send retrans="500" start_rtd="1">/; s/rtd="true"/rtd="1"/' \
    tests/data/sipp/message.xml >"$work/message.xml"
text=$(printf '%200s' '' | tr ' ' x)
send() { # FOLDER MESSAGES-A-SECOND AT-ONCE MESSAGES
    mkdir "$work/$1"
    cd "$work/$1"
    exec sipp "127.0.0.1:$port" -sf "$work/message.xml" -inf "$work/users.csv" -t t1 -i 127.0.0.1 -key domain example.org \
        -key sender carol -key text "$text" -trace_rtt -rtt_freq 100 -m "$4" -l "$3" -r "$2" -nostdin >out.log 2>&1
}
# Prints of the answers between two instants: how many, the longest wait for one, the longest time without any, both in
# ms. sipp counts from its start.
answers() { # FROM TO
    cat "$work"/steady/*_rtt.csv | awk -F';' -v from="$1" -v to="$2" -v begun="$begun" '
        $2 + 0 == $2 && $1 >= (from - begun) * 1000 && $1 <= (to - begun) * 1000 { print $1, $2 }' | sort -n | awk '
        { if (NR > 1 && $1 - before > gap) gap = $1 - before; before = $1; if ($2 > wait) wait = $2 }
        END { printf "%d %.0f %.0f\n", NR, wait, gap }'
}
sizes() {
    query "SELECT relname, pg_size_pretty(pg_table_size(relid)), pg_size_pretty(pg_indexes_size(relid)), n_live_tup, n_dead_tup,
            autovacuum_count FROM pg_stat_user_tables
        WHERE relname IN ('account', 'message', 'message_content', 'retry_key', 'event', 'report') ORDER BY relname" |
        awk -v when="$1" '{ print "| " when " | " $0 " |" }'
}

started=$(seconds)
(send fastest 50000 "$at_once" "$measured")
ended=$(seconds)
fastest=$(awk -v n="$measured" -v s="$started" -v e="$ended" 'BEGIN { printf "%.0f", n / (e - s) }')
rate=$((fastest / 2))
left=$(query "SELECT extract(epoch FROM '$due'::timestamptz - now())::int")
((left > 10)) || { echo "loading took too long: give it more than $lead seconds" >&2; exit 1; }
sizes before >"$work/sizes"
memory_before=$(memory VmRSS)
echo 5 >"/proc/$server/clear_refs" # the peak begins here

begun=$(seconds)
send steady "$rate" 100000 100000000 &
sender=$!
pids+=("$sender")
sleep "$left"
# From the instant at which they are due.
due_at=$(query "SELECT extract(epoch FROM '$due'::timestamptz)")
while [ "$(query "SELECT now() <= '$due' OR EXISTS (SELECT 1 FROM message WHERE expires_at <= now())")" = t ]; do sleep 0.2; done
gone_at=$(seconds)
peak=$(memory VmHWM)
sleep 10 # what it is like afterwards
after=$(seconds)
kill -USR1 "$sender"
wait "$sender" || true
sizes 'right after' >>"$work/sizes"

# --- What came of it ----------------------------------------------------------------------------------------------

duration=$(awk -v a="$due_at" -v b="$gone_at" 'BEGIN { printf "%.1f", b - a }')
echo "$messages messages due at once; fastest $fastest messages a second, sent $rate a second;" \
    "all gone after $duration s ($(awk -v n="$messages" -v d="$duration" 'BEGIN { printf "%.0f", n / d }') a second)."
echo
echo '| ingest | stored | longest wait, ms | longest time without an answer, ms |'
echo '| --- | --: | --: | --: |'
row() { # NAME FROM TO
    local values
    read -ra values <<<"$(answers "$2" "$3")"
    echo "| $1 | ${values[0]} | ${values[1]} | ${values[2]} |"
}
row before "$begun" "$due_at"
row 'while they go' "$due_at" "$gone_at"
row afterwards "$gone_at" "$after"
echo
echo "Memory: $memory_before MiB before, $peak at most, $(memory VmRSS) afterwards."
echo
echo '| when | table | size | indexes | live | dead | vacuumed by itself |'
echo '| --- | --- | --: | --: | --: | --: | --: |'
cat "$work/sizes"
removed=$(query "SELECT count(*) FROM event WHERE kind = 'message.removed' AND reason = 'expired'")
reports=$(query 'SELECT count(*) FROM report')
wrong=$(query "SELECT count(*) FROM account WHERE message_count <> (SELECT count(*) FROM message WHERE account_id = account.id)")
echo
echo "$removed were removed, $reports reports queued, $wrong accounts count wrong."
[ "$removed" = "$messages" ] && [ "$reports" = $(((messages + 9) / 10)) ] && [ "$wrong" = 0 ]
