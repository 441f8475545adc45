#!/bin/sh
# Locks the images' Python packages, with their hashes, for the images' Python and C library.
set -eu
cd "$(dirname "$0")"
lock() {
    uv pip compile --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
        --generate-hashes --no-header --no-annotate -q "$@"
}
lock ml/requirements.in -o ml/requirements.txt
lock mlflow/requirements.in -c ml/requirements.txt -o mlflow/requirements.txt
lock ../pipeline/requirements.in -c ml/requirements.txt -o ../pipeline/requirements.txt
lock locust/requirements.in -o locust/requirements.txt
