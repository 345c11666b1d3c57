#!/bin/sh
# Fails if the library defines and exports anything of Gloo: LibTorch has a newer Gloo inside, and the first definition that
# the loader finds would serve both.
symbols=$(nm -DC --defined-only "$1") || exit 1
[ -n "$symbols" ] || { echo "$1 exports nothing at all"; exit 1; }
found=$(echo "$symbols" | grep -E ' (vtable for |typeinfo for |typeinfo name for |VTT for )?gloo::')
[ -z "$found" ] || { echo "exported by $1:"; echo "$found"; exit 1; }
