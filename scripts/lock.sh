#!/bin/sh
# Lock every requirement with its hashes: lock.sh [--upgrade]
# The demo and the installed product get what the tests ran with. No registry's address is written down.
set -eu

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"${PYTHON:-python3}" -m venv "$place"
"$place/bin/python" -m pip install --quiet --disable-pip-version-check uv

compile() {
    output=$1
    shift
    "$place/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --custom-compile-command "make lock" \
        pyproject.toml --extra embedded --output-file "requirements/$output.txt" "$@"
}

compile dev --group build --group test "$@"
compile demo --group build --constraint requirements/dev.txt
compile runtime --constraint requirements/dev.txt

if grep -nE '^--|https?://' requirements/*.txt; then
    echo "An address was written into the requirements: see above." >&2
    exit 1
fi
