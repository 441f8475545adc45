#!/bin/sh
# Takes out of a virtual environment what no service of ours runs: packages' own tests, pip's
# parts, type stubs; then compiles the rest, so that a start on a read-only disk is quick.
set -eu
venv=$1
find "$venv" -type d \( -name tests -o -name test \) -path '*/site-packages/*' \
    \( -path '*/sklearn/*' -o -path '*/scipy/*' -o -path '*/numpy/*' -o -path '*/pandas/*' \
    -o -path '*/joblib/*' -o -path '*/pyarrow/*' -o -path '*/matplotlib/*' -o -path '*/skops/*' \) \
    ! -path '*/numpy/testing/*' -prune -exec rm -rf {} +
find "$venv" -type f \( -name '*.pyi' -o -name '*.c' -o -name '*.pyx' -o -name '*.pxd' \) -delete
find "$venv" -type d -path '*/pyarrow/include' -prune -exec rm -rf {} +
"$venv/bin/pip" uninstall -q -y setuptools
"$venv/bin/python" -m compileall -q -j 2 "$venv/lib"
