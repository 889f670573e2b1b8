#!/bin/sh
# Make or renew .venv from the locked, hashed requirements: setup_venv.sh demo|dev
# A stamp holds the hash of what was installed, so that the next run has nothing to do.
set -eu

set_name=$1
venv=.venv
python=${PYTHON:-python3}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

fingerprint() {
    cat "requirements/$1.txt" pyproject.toml hatch_build.py scripts/setup_venv.sh | sha256sum | cut -d ' ' -f 1
}

installed() {
    [ -x "$venv/bin/python" ] && [ -f "$venv/.installed-$1" ] &&
        [ "$(cat "$venv/.installed-$1")" = "$(fingerprint "$1")" ]
}

# What the tests need contains what the demo needs.
if installed dev || installed "$set_name"; then
    exit 0
fi

recent='import sys; sys.exit(sys.version_info < (3, 11))'
if ! "$venv/bin/python" -c "$recent" 2>/dev/null; then
    command -v "$python" >/dev/null ||
        fail "Matinee needs Python 3.11 or newer; there is no $python here." \
            "On Debian and Ubuntu: sudo apt-get install python3 python3-venv"
    "$python" -c "$recent" ||
        fail "Matinee needs Python 3.11 or newer; $python is $("$python" --version 2>&1)." \
            "Name a newer one: make PYTHON=/path/to/python3.11 ..."
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$python has no venv module, in which Matinee installs what it needs." \
            "On Debian and Ubuntu: sudo apt-get install python3-venv"
    echo "Making $venv with $("$python" --version 2>&1) ..."
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

echo "Installing $(grep -c '^[a-z0-9]' "requirements/$set_name.txt") locked packages into $venv" \
    "(a minute or two the first time) ..."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r "requirements/$set_name.txt"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
rm -f "$venv"/.installed-*
fingerprint "$set_name" >"$venv/.installed-$set_name"
