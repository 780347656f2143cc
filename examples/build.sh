#!/bin/sh
# Builds each example's WebAssembly module beside its source. The modules are committed; you need this only after a change.
# On Debian 12:  apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32
# CC names another clang.
set -eu
cd "$(dirname "$0")"
: "${CC:=clang}"
command -v "$CC" >/dev/null || { echo "build.sh: $CC is not installed; see the head of this file" >&2; exit 1; }

for name in hello wordcount primes; do
    (
        cd "$name" # so that no path gets into the module
        "$CC" --target=wasm32-wasi -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -Wall -Wextra -Werror -Wl,--strip-all \
            -o "$name.wasm" "$name.c"
        printf '%-10s %6d bytes\n' "$name" "$(wc -c <"$name.wasm")"
    )
done
