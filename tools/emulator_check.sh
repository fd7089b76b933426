#!/usr/bin/env bash
# The CUDA kernels without a GPU: compiled as C++ and run on the CPU over the tests of ops, in three orders of threads, then
# under AddressSanitizer and, as a detector of races within and between blocks, under ThreadSanitizer.
#   tools/emulator_check.sh [build folder]        the package must be built from the same sources, for this Python
set -euo pipefail
cd "$(dirname "$0")/.."
build="${1:-build}"
mkdir -p "$build"
build="$(cd "$build" && pwd)"
python="$(command -v python)"

step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }
library() {                                        # the kernels with a sanitizer, or none
  cmake -G Ninja -S . -B "$build/emulator-$1" -DCHAINRULE_CUDA=EMULATOR -DCHAINRULE_SANITIZE="$2" \
    -DPython_EXECUTABLE="$python" -Dpybind11_DIR="$(python -m pybind11 --cmakedir)" >/dev/null
  cmake --build "$build/emulator-$1" --target chainrule_cuda | tail -1
}
check() {                                          # the tests with that library; more options for pytest follow
  local name="$1"
  shift
  CHAINRULE_CUDA_LIBRARY="$build/emulator-$name/libchainrule_cuda.so" \
    python -m pytest -x --device cuda -p no:cacheprovider tests/ops tests/test_cuda.py "$@" | tail -3
}
preload() { echo "$(g++ -print-file-name="$1") $(g++ -print-file-name=libstdc++.so)"; }

step "the emulator finds planted mistakes"
python -m pytest -p no:cacheprovider tests/test_emulator.py | tail -3

step "build"
library plain ""
library address address
library thread thread

step "tests of ops, threads in ascending order"
check plain
step "device memory closed to the host"
CHAINRULE_EMULATOR_GUARD=1 check plain -k "cuda or (value and float32) or pull"
step "threads in descending order"
CHAINRULE_EMULATOR_ORDER=descending check plain
step "in a random order"
CHAINRULE_EMULATOR_ORDER=1 check plain

step "under AddressSanitizer"
LD_PRELOAD="$(preload libasan.so)" ASAN_OPTIONS=detect_leaks=0 check address -k "not narrow and not second_order"

step "under ThreadSanitizer"
logs="$(mktemp -d)"
trap 'rm -rf "$logs"' EXIT
for order in ascending descending 1; do
  LD_PRELOAD="$(preload libtsan.so)" TSAN_OPTIONS="log_path=$logs/race" OPENBLAS_NUM_THREADS=1 CHAINRULE_NUM_THREADS=1 \
    CHAINRULE_EMULATOR_ORDER="$order" check thread -k "cuda or (value and float32) or pull"
done
if ls "$logs"/race* >/dev/null 2>&1; then
  cat "$logs"/race*
  exit 1
fi
printf '\nall kernels pass (%d s)\n' "$SECONDS"
