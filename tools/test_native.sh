#!/bin/sh
# Builds and runs the parser's C++ tests under sanitizers. The thread sanitizer sees the reader only,
# as nothing else has threads.
set -eu
cd "$(dirname "$0")/.."

# Build under the sanitizers $1, in the folder $2, and run the tests that match $3.
run() {
    cmake -S native_parser -B "build/$2" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        -DARGUS_PYTHON=OFF -DARGUS_TESTS=ON -DARGUS_SANITIZE="$1" >/dev/null
    cmake --build "build/$2"
    ctest --test-dir "build/$2" --output-on-failure -R "$3"
}

run address,undefined native-asan .
run thread native-tsan reader
