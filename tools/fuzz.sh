#!/bin/sh
# Fuzzes the parser: tools/fuzz.sh [SECONDS] [TARGET...], 20 seconds of each target by default.
# 0 seconds: only what the corpus holds. ARGUS_FUZZ_JOBS targets run at a time (2).
#
# The committed seeds are only read. What a run adds to them lies in build/fuzz/corpus, and goes on
# from there the next time; the inputs of findings lie in build/fuzz/findings. To see one again:
# build/fuzz/tree/fuzz/fuzz_TARGET FILE
set -eu
cd "$(dirname "$0")/.."
seeds=native_parser/fuzz/corpus
out=build/fuzz
jobs=${ARGUS_FUZZ_JOBS:-2}

say() { printf 'fuzz: %s\n' "$*" >&2; }

# Run one target: how long, its name. Fails on a finding.
run_one() {
    seconds=$1 name=$2
    mkdir -p "$out/corpus/$name" "$out/findings" "$seeds/$name"
    case $name in
    rec) dictionary=rec ;;
    specification) dictionary=specification ;;
    *) dictionary=dlt ;;
    esac
    # Recordings are good seeds for whoever reads recordings.
    others="$seeds/$name"
    case $name in
    chunks | csv | reader) others="$others $seeds/dlt $seeds/rec" ;;
    esac
    limit="-max_total_time=$seconds"
    [ "$seconds" -gt 0 ] || limit=-runs=0
    log=$out/$name.log
    failed=0
    # No length in a few kilobytes of input justifies these amounts of memory. An input takes
    # milliseconds; the time limit is long because a busy machine may stop for a while.
    # shellcheck disable=SC2086 # several folders
    "$out/tree/fuzz/fuzz_$name" $limit -max_len=4096 -timeout=60 -malloc_limit_mb=32 \
        -rss_limit_mb=1024 -print_final_stats=1 -dict="native_parser/fuzz/$dictionary.dict" \
        -artifact_prefix="$out/findings/$name-" "$out/corpus/$name" $others >"$log" 2>&1 || failed=1
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ $failed = 0 ]; then
        say "$name: ${runs:-0} executions, no finding"
    else
        say "$name: ${runs:-0} executions, and a FINDING; see $log:"
        grep -E 'does not hold|ERROR:|runtime error:|Test unit written' "$log" | head -5 >&2
        return 1
    fi
}

if [ "${1:-}" = --one ]; then
    run_one "$2" "$3"
    exit
fi

seconds=20
case ${1:-} in
-*)
    sed -n '2,8s/^# \{0,1\}//p' tools/fuzz.sh
    exit
    ;;
'' | *[!0-9]*) ;;
*)
    seconds=$1
    shift
    ;;
esac

compiler=
sanitizers=fuzzer,address,undefined
for candidate in ${CXX:-} clang++ clang++-22 clang++-21 clang++-20 clang++-19 clang++-18 \
    clang++-17 clang++-16 clang++-15 clang++-14; do
    command -v "$candidate" >/dev/null || continue
    mkdir -p "$out"
    echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' \
        >"$out/probe.cpp"
    if "$candidate" -fsanitize=$sanitizers "$out/probe.cpp" -o "$out/probe" 2>/dev/null; then
        compiler=$candidate
        break
    fi
done
if [ -z "$compiler" ]; then
    say "clang with libFuzzer is needed, and is not here: apt install clang libclang-rt-dev"
    [ "${ARGUS_FUZZ_OPTIONAL:-}" = 1 ] && say "nothing was fuzzed" && exit 0
    exit 2
fi

PATH="$PWD/.venv/bin:$PATH"
generator=
if command -v ninja >/dev/null; then generator="-G Ninja"; fi
# shellcheck disable=SC2086 # an option and its value, or nothing
cmake -S native_parser -B "$out/tree" $generator -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo -DARGUS_PYTHON=OFF -DARGUS_TESTS=OFF -DARGUS_FUZZ=ON \
    -DARGUS_SANITIZE=address,undefined >"$out/cmake.log" || { cat "$out/cmake.log" >&2; exit 2; }
cmake --build "$out/tree" --parallel "$jobs" >"$out/build.log" ||
    { cat "$out/build.log" >&2; exit 2; }

if [ $# = 0 ]; then
    for program in "$out"/tree/fuzz/fuzz_*; do
        [ -f "$program" ] && [ -x "$program" ] && set -- "$@" "${program##*/fuzz_}"
    done
fi
say "$# targets, $seconds s each, $jobs at a time"
printf '%s\n' "$@" | xargs -P "$jobs" -I '{}' sh tools/fuzz.sh --one "$seconds" '{}' ||
    { say "there are findings in $out/findings"; exit 1; }
