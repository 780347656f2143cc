#!/bin/sh
# Builds the demo's WebAssembly modules from src/. The results are committed, so that nobody needs this to run Drover.
#
#   ./build.sh           rebuild
#   ./build.sh --check   rebuild elsewhere and compare with what is committed (same compiler version needed)
#
# On Debian 12:  apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32
# The same compiler gives the same bytes: no paths, dates or symbols get in. CC names another clang.
set -eu
cd "$(dirname "$0")/src"
: "${CC:=clang}"
command -v "$CC" >/dev/null || { echo "build.sh: $CC is not installed; see the head of this file" >&2; exit 1; }

out=..
if [ "${1-}" = --check ]; then
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
fi

# No fused multiply-add: the pixels must be the same everywhere.
build() {
    module=$1
    shift
    "$CC" --target=wasm32-wasi -std=c11 -D_POSIX_C_SOURCE=200809L -O2 -ffp-contract=off -Wall -Wextra -Werror -Wl,--strip-all \
        -o "$out/$module.wasm" "$@"
    [ "$out" = .. ] || cmp "$out/$module.wasm" "../$module.wasm"
    printf '%-8s %6d bytes\n' "$module" "$(wc -c <"$out/$module.wasm")"
}

build clean clean.c series.c text.c fail.c
build report report.c page.c chart.c summary.c text.c fail.c
build tile tile.c grid.c fail.c
build join join.c png.c deflate.c huffman.c grid.c fail.c
