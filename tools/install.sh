#!/bin/sh
# Puts the project into $VENV: a virtual environment, the pinned dependencies, the built parser.
set -eu
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}

say() { printf 'argus: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Python 3.11 or newer is needed; '$PYTHON' is not. Name one: make PYTHON=/path/to/python3.11"
command -v "${CXX:-g++}" >/dev/null || fail "a C++20 compiler is needed: apt install g++"
"$PYTHON" - <<'END' || fail "the headers of Python are needed to build the parser: apt install python3-dev"
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
END

# One that was interrupted, or of an older Python, is made anew.
if ! "$VENV/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "making $VENV"
    rm -rf "$VENV"
    if "$PYTHON" -c 'import ensurepip' 2>/dev/null; then
        "$PYTHON" -m venv "$VENV"
    elif "$PYTHON" -m virtualenv --version >/dev/null 2>&1; then
        "$PYTHON" -m virtualenv -q "$VENV"
    else
        # Debian keeps ensurepip in a package of its own; any pip at hand can fill the folder too.
        "$PYTHON" -m venv --without-pip "$VENV"
        "$PYTHON" -m pip --python "$VENV/bin/python" install -q pip 2>/dev/null ||
            { rm -rf "$VENV"; fail "pip is needed to install anything: apt install python3-venv"; }
    fi
fi

say "installing the pinned dependencies (a minute or two, the first time)"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
say "building the parser and installing argus"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
