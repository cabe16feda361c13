#!/usr/bin/env bash
# Make .venv hold what one requirements file names: scripts/setup_venv.sh live|research|train|dev
#
# Quick when there is nothing to do. A finished install leaves a copy of the file it installed; a changed file or an
# interrupted install leaves no matching copy, so the next call installs again. Set PYTHON to choose an interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

# Print the first interpreter that is new enough (a name on PATH may be a shim that does not run).
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer found (looked for: ${PYTHON:-python3, python3.13, python3.12, python3.11, python3.14})." \
        "install one (Debian 12, Ubuntu 24.04 or newer: apt-get install python3 python3-venv; macOS: brew install python@3.13)" \
        "or name one: make <target> PYTHON=/path/to/python3.13"
}

create_venv() {
    local python version
    python="$(find_python)"
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
        fail "$python comes without its venv module." \
            "on Debian or Ubuntu: apt-get install python3-venv (or python${version}-venv)"
    fi
    printf 'setup: creating .venv with %s\n' "$("$python" --version)"
    "$python" -m venv --clear .venv
}

# A larger set contains the smaller ones with the same pins, so its install serves them too.
is_installed() {
    cmp -s "requirements/$1.txt" ".venv/installed-$1.txt" && return
    [ "$1" != dev ] && cmp -s "requirements/$1.txt" ".venv/contains-$1.txt"
}

install() {
    local contained
    rm -f .venv/installed-*.txt .venv/contains-*.txt
    printf 'setup: installing requirements/%s.txt (hashes checked; about a minute on the first run)\n' "$1"
    # Python compiles a module when it is first imported: half of what is installed never is.
    .venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes -r "requirements/$1.txt"
    case "$1" in
        dev) contained="live research train" ;;
        train) contained="live research" ;;
        research) contained="live" ;;
        *) contained="" ;;
    esac
    for other in $contained; do
        cp "requirements/$other.txt" ".venv/contains-$other.txt"
    done
    cp "requirements/$1.txt" ".venv/installed-$1.txt"
}

[ $# -eq 1 ] && [ -f "requirements/$1.txt" ] || fail "usage: scripts/setup_venv.sh live|research|train|dev"

# Two shells in one checkout take turns (where flock exists; macOS has none).
if command -v flock >/dev/null; then
    exec 9<requirements/live.in
    flock 9
fi

# A moved checkout or an upgraded system Python leaves a .venv that does not start.
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    create_venv
fi
is_installed "$1" || install "$1"
