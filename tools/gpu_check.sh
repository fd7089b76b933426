#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: build, tests of ops, memory and race checks on a sample, benchmarks, a training run.
#   tools/gpu_check.sh FOLDER       results go there; within 8 minutes on one H200 with 16 cores; needs nvcc 13, no network
set -uo pipefail
[ $# -eq 1 ] || { echo "usage: tools/gpu_check.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
out="$(cd "$1" && pwd)"
cd "$(dirname "$0")/.."
python="$(command -v python3 || command -v python)"
export PYTHONPATH="$PWD/python"
failed=()

step() {                                           # step NAME SECONDS COMMAND...: its output goes to FOLDER/NAME.log
  local name="$1" limit="$2" begin=$SECONDS
  shift 2
  printf '== %-12s ' "$name"
  if timeout "$limit" "$@" >"$out/$name.log" 2>&1; then printf 'ok'; else printf 'FAILED (%d)' $?; failed+=("$name"); fi
  printf '  %d s  %s\n' $((SECONDS - begin)) "$(tail -1 "$out/$name.log" | cut -c1-120)"
}
on_gpu() { "$python" -m pytest -p no:cacheprovider --device cuda "$@"; }
checked() {                                        # checked TOOL: the sample of kernels under a tool of compute-sanitizer
  compute-sanitizer --tool "$1" --error-exitcode 1 --target-processes all \
    "$python" -m pytest -p no:cacheprovider --device cuda tests/ops -k "value and float32 and ($sample)"
}
export -f on_gpu checked
export python sample="sum or cumsum or sort or softmax or matmul or conv_2d or layer_norm or batch_norm or take or update or pool"

{ nvidia-smi; nvcc --version; "$python" --version; } >"$out/machine.log" 2>&1
step configure 60 tools/configure.sh build/gpu -DCHAINRULE_CUDA=ON -DCHAINRULE_INPLACE=ON \
  -DCMAKE_CUDA_FLAGS=-lineinfo
step build 240 cmake --build build/gpu
step found 30 "$python" -c 'import chainrule as cr; print(cr.cuda.why() or cr.cuda.properties()); assert cr.cuda.backend() == "cuda"'
step tests 150 bash -c 'on_gpu tests --ignore tests/book'
if command -v compute-sanitizer >/dev/null; then
  step memcheck 60 bash -c 'checked memcheck'
  step racecheck 60 bash -c 'checked racecheck'
else
  echo "compute-sanitizer is not installed" | tee "$out/memcheck.log"
  failed+=(memcheck racecheck)
fi
step benchmarks 90 "$python" -m benchmarks gpu --out "$out/gpu.md" --out "$out/gpu.json"
step train 60 "$python" -m chainrule train --data digits --epochs 2 --device cuda --save "$out/run"

printf '%d s; ' "$SECONDS"
if [ ${#failed[@]} -eq 0 ]; then echo "all passed"; else echo "failed: ${failed[*]}"; exit 1; fi
