#!/usr/bin/env bash
# The CUDA kernels without a GPU: compiled as C++ and run on the CPU over the tests of ops.
#   tools/emulator_check.sh [build folder]        the package must be built from the same sources, for this Python
# All tests run in three orders of threads, and all but the second derivatives (the same kernels again) under
# AddressSanitizer. ThreadSanitizer, as a detector of races within and between blocks, takes the values and derivatives of
# every op in one order: it knows what barriers order and what not, however threads were run, so that a second order serves
# only those kernels whose path depends on it, and values do for these. It is the slowest: it has one of two cores to itself.
set -euo pipefail
cd "$(dirname "$0")/.."
build="${1:-build}"
mkdir -p "$build"
build="$(cd "$build" && pwd)"

step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }
library() {                                        # the kernels with a sanitizer, or none
  tools/configure.sh "$build/emulator-$1" -DCHAINRULE_CUDA=EMULATOR -DCHAINRULE_SANITIZE="$2"
  cmake --build "$build/emulator-$1" --target chainrule_cuda | tail -1
}
on_device() {                                      # pytest with that library
  local name="$1"
  shift
  CHAINRULE_CUDA_LIBRARY="$build/emulator-$name/libchainrule_cuda.so" \
    python -m pytest -x --device cuda -p no:cacheprovider "$@" | tail -3
}
check() { on_device "$1" tests/ops tests/test_cuda.py "${@:2}"; }       # ops; more options for pytest may follow
preload() { echo "$(g++ -print-file-name="$1") $(g++ -print-file-name=libstdc++.so)"; }
races() {
  local order="$1"
  shift
  step "under ThreadSanitizer, order $order"
  LD_PRELOAD="$(preload libtsan.so)" TSAN_OPTIONS="log_path=$logs/race" OPENBLAS_NUM_THREADS=1 CHAINRULE_NUM_THREADS=1 \
    CHAINRULE_EMULATOR_ORDER="$order" check thread "$@"
}

step "the emulator finds planted mistakes"
python -m pytest -p no:cacheprovider tests/test_emulator.py | tail -3

step "build"
library plain ""
library address address
library thread thread

logs="$(mktemp -d)"
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$logs"' EXIT
{
  races ascending -k "cuda or (value and float32) or pull"
  races 1 -k "cuda or (value and float32)"
} >"$logs/output" 2>&1 &
racing=$!

step "tests of ops, threads in ascending order"
check plain
step "layers, models, losses, optimisers, training"
on_device plain tests --ignore tests/book --ignore tests/ops --ignore tests/test_cuda.py
step "device memory closed to the host"
CHAINRULE_EMULATOR_GUARD=1 check plain -k "cuda or (value and float32) or pull"
step "threads in descending order"
CHAINRULE_EMULATOR_ORDER=descending check plain
step "in a random order"
CHAINRULE_EMULATOR_ORDER=1 check plain
step "under AddressSanitizer"
LD_PRELOAD="$(preload libasan.so)" ASAN_OPTIONS=detect_leaks=0 check address -k "not narrow and not second_order"

status=0
wait "$racing" || status=$?
cat "$logs/output"
if ls "$logs"/race* >/dev/null 2>&1; then
  cat "$logs"/race*
  status=1
fi
[ "$status" -eq 0 ] || exit 1
printf '\nall kernels pass (%d s)\n' "$SECONDS"
