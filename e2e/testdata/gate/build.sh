#!/bin/sh
# Rebuilds gate.wasm, which is committed. examples/build.sh says what it needs.
set -eu
cd "$(dirname "$0")"
"${CC:-clang}" --target=wasm32-wasi -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -Wall -Wextra -Werror -Wl,--strip-all \
    -o gate.wasm gate.c
