#!/bin/sh
# Rebuilds the modules of the tests. Needs clang 14 or later, lld, wasi-libc
# and the compiler-rt builtins for wasm32 (Debian: clang lld wasi-libc
# libclang-rt-14-dev-wasm32).
set -eu
cd "$(dirname "$0")"
for c in *.c; do
	clang --target=wasm32-wasi --sysroot=/usr -Oz -Wall -Wextra -Werror \
		-Wl,--strip-all -o "${c%.c}.wasm" "$c"
done
