#!/usr/bin/env bash
# The thread pool and training steps on four threads under ThreadSanitizer.
#   tools/race_check.sh [build folder]
# The package is put together in the build folder: the one beside the sources stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
build="${1:-build}/race"
mkdir -p "$build"
build="$(cd "$build" && pwd)"

tools/configure.sh "$build" -DCHAINRULE_CUDA=OFF -DCHAINRULE_SANITIZE=thread
cmake --build "$build" --target _core | tail -1
rm -rf "$build/package"
mkdir "$build/package"
cp -r python/chainrule "$build/package"
rm -f "$build"/package/chainrule/_core*.so
cp "$build"/_core*.so "$build/package/chainrule"

# The system frees the thread-local memory of a thread that has ended, in code that is not built to be watched.
echo "race:_dl_deallocate_tls" >"$build/suppressions"
rm -f "$build"/race.*
status=0
PYTHONPATH="$build/package" CHAINRULE_NUM_THREADS=4 OPENBLAS_NUM_THREADS=1 \
  LD_PRELOAD="$(g++ -print-file-name=libtsan.so) $(g++ -print-file-name=libstdc++.so)" \
  TSAN_OPTIONS="log_path=$build/race suppressions=$build/suppressions die_after_fork=0" \
  python -m pytest -x -p no:cacheprovider tests/test_threads.py || status=$?
if ls "$build"/race.* >/dev/null 2>&1; then
  cat "$build"/race.*
  status=1
fi
exit "$status"
