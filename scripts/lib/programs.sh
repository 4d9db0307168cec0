# shellcheck shell=bash
#
# Finds or installs what the tests need. Sourced by scripts/test, which has say and die.

apt_updated=0

# Installs Debian packages; the first argument says what for.
apt_install() { # PURPOSE PACKAGE...
    local purpose=$1 root=() log tries
    shift
    command -v apt-get >/dev/null ||
        die "$purpose is missing and there is no apt-get here; please install it (Debian: $*)"
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            die "$purpose is missing; run as root: apt-get install $*"
        if [[ ! -t 0 ]] && ! sudo -n true 2>/dev/null; then
            die "$purpose is missing and sudo wants a password; run: sudo apt-get install $*"
        fi
        root=(sudo)
    fi
    say "$purpose is missing: installing $* with apt-get"
    log=$(mktemp)
    if ((!apt_updated)); then
        # Unlike the install lock, the lock of the lists is not waited for by apt-get.
        for ((tries = 0; tries < 60; tries++)); do
            "${root[@]}" apt-get update >"$log" 2>&1 && break
            grep -q 'Could not get lock' "$log" || break
            sleep 5
        done
        apt_updated=1
    fi
    if ! "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=900 install -y --no-install-recommends "$@" \
        >>"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" >&2
        rm -f -- "$log"
        say "apt-get could not install $*"
        return 1
    fi
    rm -f -- "$log"
    hash -r
}

find_rust() {
    if ! command -v cargo >/dev/null && [[ -x ${CARGO_HOME:-$HOME/.cargo}/bin/cargo ]]; then
        PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    fi
    command -v cargo >/dev/null ||
        die 'cargo is missing; install Rust with rustup (https://rustup.rs)'
    # Some dependencies compile C code.
    command -v cc >/dev/null || apt_install 'a C compiler' gcc libc6-dev
}

postgres_major() { # BINDIR
    "$1/postgres" --version 2>/dev/null | sed -nE 's/^postgres \(PostgreSQL\) ([0-9]+).*/\1/p'
}

# Sets pg_bindir to the newest complete set of server programs, if new enough.
find_postgres() {
    local dir program major best=0
    local candidates=(/usr/lib/postgresql/*/bin /usr/pgsql-*/bin)
    if program=$(command -v pg_config); then candidates+=("$("$program" --bindir)"); fi
    if program=$(command -v postgres); then candidates+=("$(dirname -- "$(readlink -f -- "$program")")"); fi
    pg_bindir=''
    for dir in "${candidates[@]}"; do
        for program in postgres initdb pg_ctl pg_isready; do
            [[ -x $dir/$program ]] || continue 2
        done
        major=$(postgres_major "$dir")
        if [[ -n $major ]] && ((major > best)); then
            best=$major
            pg_bindir=$dir
        fi
    done
    ((best >= postgres_minimum))
}

# Prints the path of the first program that answers --version; Ubuntu's
# chromium-browser is a stub that fails unless the snap is there.
first_working() { # PROGRAM...
    local program
    for program in "$@"; do
        if command -v "$program" >/dev/null && "$program" --version >/dev/null 2>&1; then
            command -v "$program"
            return
        fi
    done
    return 1
}

find_chromium() {
    if [[ -n ${RESTANTE_TEST_CHROMIUM:-} ]]; then
        first_working "$RESTANTE_TEST_CHROMIUM"
    else
        first_working chromium chromium-browser google-chrome google-chrome-stable
    fi
}

find_node() {
    if [[ -n ${RESTANTE_TEST_NODE:-} ]]; then
        first_working "$RESTANTE_TEST_NODE"
    else
        first_working node nodejs
    fi
}

has_kamailio_module() { # NAME
    compgen -G "/usr/lib*/*/kamailio/modules/$1.so" >/dev/null || compgen -G "/usr/lib*/kamailio/modules/$1.so" >/dev/null
}

set_up_rust_tests() {
    find_rust
    if ! find_postgres; then
        apt_install "PostgreSQL $postgres_minimum or newer" postgresql || true
        find_postgres ||
            die "no PostgreSQL server $postgres_minimum or newer found (newest: ${pg_bindir:-none})"
    fi
    export RESTANTE_TEST_PG_BINDIR=$pg_bindir

    RESTANTE_TEST_XMLLINT=${RESTANTE_TEST_XMLLINT:-$(command -v xmllint || true)}
    if [[ -z $RESTANTE_TEST_XMLLINT ]]; then
        apt_install xmllint libxml2-utils || exit 1
        RESTANTE_TEST_XMLLINT=$(command -v xmllint)
    fi
    export RESTANTE_TEST_XMLLINT

    # Debian keeps servers where an ordinary user's PATH does not look.
    PATH=$PATH:/usr/sbin
    if ! command -v kamailio >/dev/null || ! has_kamailio_module jansson || ! has_kamailio_module http_client; then
        apt_install Kamailio kamailio kamailio-extra-modules kamailio-utils-modules || exit 1
    fi
    command -v sipp >/dev/null || apt_install sipp sip-tester || exit 1
    command -v baresip >/dev/null || apt_install baresip baresip-core || exit 1
    command -v curl >/dev/null || apt_install curl curl || exit 1
    python3 -c 'import requests' 2>/dev/null || apt_install "Python's requests" python3-requests || exit 1
    find_or_install_node
}

find_or_install_node() {
    local major program
    if ! program=$(find_node); then
        [[ -z ${RESTANTE_TEST_NODE:-} ]] || die "RESTANTE_TEST_NODE=$RESTANTE_TEST_NODE does not start"
        apt_install Node.js nodejs || exit 1
        program=$(find_node) || die 'Node.js does not start'
    fi
    export RESTANTE_TEST_NODE=$program
    major=$("$program" --version | sed -nE 's/^v([0-9]+).*/\1/p')
    ((${major:-0} >= node_minimum)) ||
        die "Node.js $node_minimum or newer is needed (found ${major:-none})"
}

set_up_browser_tests() {
    local program
    command -v npm >/dev/null || apt_install npm npm || exit 1

    if ! program=$(find_chromium); then
        [[ -z ${RESTANTE_TEST_CHROMIUM:-} ]] ||
            die "RESTANTE_TEST_CHROMIUM=$RESTANTE_TEST_CHROMIUM does not start"
        apt_install Chromium chromium fonts-liberation ||
            apt_install Chromium chromium-browser || true
        program=$(find_chromium) ||
            die 'no Chromium or Chrome that starts; set RESTANTE_TEST_CHROMIUM to one, or use --rust-only'
    fi
    export RESTANTE_TEST_CHROMIUM=$program

    # npm writes this file last, so an install that was cut short is done again.
    local installed=$e2e_dir/node_modules/.package-lock.json
    if [[ -f $e2e_dir/package-lock.json ]] &&
        [[ ! -f $installed || $e2e_dir/package-lock.json -nt $installed ]]; then
        say "installing the packages of $e2e_dir"
        (cd "$e2e_dir" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 \
            npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 </dev/null) ||
            die "npm ci failed in $e2e_dir"
        touch -- "$installed"
    fi
}

set_up_api_tests() {
    command -v npm >/dev/null || apt_install npm npm || exit 1
    # Debian has venv without ensurepip.
    python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install "Python's venv" python3-venv || exit 1
}
