#!/usr/bin/env bash
# Large messages over SIP and MSRP into SQLite and a local directory: one of 100 MiB, beside a plain copy of the same file
# over loopback, and 200 sessions at once of 1 MiB each. Says how fast, how much memory the server grew, and whether
# every octet came back. Everything listens on free loopback ports and ends with the script.
#
#   benches/large.sh [rounds]         default: 3
#
# Needs: cargo build --release
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3}
restante=$PWD/target/release/restante
work=$(mktemp -d)
server=''
clean_up() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT
cd "$work"
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
sip=$(free_port) http=$(free_port)

RESTANTE__HTTP__LISTEN=127.0.0.1:$http RESTANTE__SIP__LISTEN=127.0.0.1:$sip RESTANTE__MSRP__LISTEN=127.0.0.1:0 \
    RESTANTE__POLICY__QUOTA_BYTES=10000000000 RESTANTE__POLICY__SENDER_RATE=0 "$restante" >server.log 2>&1 &
server=$!
for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$http") 2>/dev/null && break
    sleep 0.1
done
token=$("$restante" token create --name bench --scope operator)
memory() { awk -v what="$1" '$1 == what ":" { print $2 }' "/proc/$server/status"; } # in KiB
now() { date +%s.%N; }
send() { # FILE USER
    "$restante" send large --file "$1" --to "sip:$2@example.org" --from sip:carol@example.org \
        --sip "127.0.0.1:$sip" --transport tcp
}
get() { curl -sS --fail -H "Authorization: Bearer $token" "http://127.0.0.1:$http/api/v1/accounts/sip:$1@example.org/messages$2"; }
newest() { get "$1" '?limit=1' | python3 -c 'import json, sys; print(json.load(sys.stdin)["items"][0]["id"])'; }

# A file over loopback into a file, durable: what nothing can beat.
copy() { # FILE
    python3 - "$1" copied <<'PY'
import os, socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
def receive():
    connection, _ = listener.accept()
    with open(sys.argv[2], "wb") as out:
        while octets := connection.recv(65536):
            out.write(octets)
        out.flush()
        os.fsync(out.fileno())
receiver = threading.Thread(target=receive)
receiver.start()
with socket.create_connection(listener.getsockname()) as sender, open(sys.argv[1], "rb") as source:
    while octets := source.read(65536):
        sender.sendall(octets)
receiver.join()
PY
}

head -c 104857600 /dev/urandom >large
head -c 300000 large >warm
send warm warm >/dev/null
before=$(memory VmHWM)
echo '| what | seconds | MiB/s | of the copy |'
echo '| --- | --: | --: | --: |'
for ((round = 0; round < rounds; round++)); do
    started=$(now)
    copy large
    copied=$(now)
    send large alice >/dev/null
    sent=$(now)
    awk -v a="$started" -v b="$copied" -v c="$sent" 'BEGIN {
        printf "| copy of 100 MiB | %.2f | %.0f | |\n", b - a, 100 / (b - a)
        printf "| large message of 100 MiB | %.2f | %.0f | %.2f |\n", c - b, 100 / (c - b), (b - a) / (c - b) }'
done
echo
echo "memory of the server: peak before $before KiB, after 100 MiB messages $(memory VmHWM) KiB: grew $(($(memory VmHWM) - before)) KiB"
id=$(newest alice)
get alice "/$id/content" | cmp - large && echo 'the 100 MiB came back equal'

head -c 1048576 /dev/urandom >small
started=$(now)
senders=()
for n in $(seq 200); do
    send small "user$n" >/dev/null 2>"error.$n" &
    senders+=($!)
done
failed=0
for sender in "${senders[@]}"; do wait "$sender" || failed=$((failed + 1)); done
awk -v a="$started" -v b="$(now)" -v f="$failed" 'BEGIN { printf "200 sessions at once of 1 MiB: %.1f s, %d failed\n", b - a, f }'
equal=0
for n in $(seq 200); do
    id=$(newest "user$n")
    get "user$n" "/$id/content" | cmp -s - small && equal=$((equal + 1))
done
echo "$equal of 200 came back equal; peak memory $(memory VmHWM) KiB"
[ "$failed" = 0 ] && [ "$equal" = 200 ]
