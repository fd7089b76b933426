#!/usr/bin/env bash
# Configure a build of this checkout for the Python at hand:  tools/configure.sh FOLDER [-DOPTION=VALUE ...]
set -euo pipefail
python="$(command -v python3 || command -v python)"
cmake -G Ninja -S "$(dirname "$0")/.." -B "$1" -DPython_EXECUTABLE="$python" \
  -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)" "${@:2}" >/dev/null
