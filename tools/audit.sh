#!/bin/sh
# Looks up every pinned dependency, by the hashes of requirements.txt, in a list of known weaknesses.
# ARGUS_AUDIT_OPTIONS goes to pip-audit as it is, such as `--vulnerability-service osv`.
set -eu
venv="${AUDIT_VENV:-.venv-audit}"
if [ ! -x "$venv/bin/pip-audit" ]; then
    echo "audit: installing pip-audit in $venv"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet "pip-audit>=2.10"
fi
# The pins have every dependency of every dependency, so none is resolved anew, and nothing is built.
# shellcheck disable=SC2086 # several options
exec "$venv/bin/pip-audit" --requirement requirements.txt --require-hashes --disable-pip --strict \
    --progress-spinner off ${ARGUS_AUDIT_OPTIONS:-}
