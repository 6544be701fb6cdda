#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make device-bundle: a folder, and a .tar.gz of it, that runs on a machine with a GPU, CUDA 13's libraries and nothing
# else, whatever its distribution (glibc as old as this machine's, or later): the tools, the tests of the CUDA backend, the
# programs and scripts of tests/gpu, a small file of tokens, and every shared library they need but glibc's.
#
#   packaging/device-bundle.sh BUILD FOLDER       BUILD: a build folder of a cuda-* preset
#
# There: tests/gpu/run.sh
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd) folder=$2
most_mib=50  # of the archive
programs='hearth-doctor hearth-sample pretrain tokenize export test_cuda gpu_ops bench_training_step'

rm -rf "$folder" "$folder.tar.gz"
mkdir -p "$folder/bin" "$folder/lib" "$folder/data" "$folder/tests/gpu" "$folder/tests/bench"
for program in $programs; do
  strip -o "$folder/bin/$program" "$build/bin/$program"
  readelf -d "$folder/bin/$program" | grep -q 'RPATH.*ORIGIN/../lib' ||
    { echo "device-bundle: $build/bin/$program does not look for libraries in ../lib: build it with a cuda-* preset" >&2; exit 65; }
done
cp "$source/bin/hearth" "$folder/bin/"
cp "$source"/tests/gpu/*.sh "$source"/tests/gpu/*.py "$folder/tests/gpu/"
cp "$source/tests/bench/training_step_peer.py" "$folder/tests/bench/"
cp "$source/LICENSE" "$folder/"

# glibc is the other machine's own; all else comes along.
for program in $programs; do ldd "$build/bin/$program"; done | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
  while read -r library; do
    case ${library##*/} in
    libc.so.* | libm.so.* | libdl.so.* | libpthread.so.* | librt.so.* | libresolv.so.* | libutil.so.* | ld-linux*) ;;
    *) strip -o "$folder/lib/${library##*/}" "$library" ;;
    esac
  done

# Tokens to train on: this project's own texts.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd "$source" && "$build/bin/shard" README.md lib kernels formats tests packaging --quality none -q -o "$scratch/corpus.h5") >/dev/null
"$build/bin/tokenize" train "$scratch/corpus.h5" --vocab-size 4096 -q -o "$folder/data/tokenizer.json" >/dev/null
"$build/bin/tokenize" encode "$scratch/corpus.h5" --tokenizer "$folder/data/tokenizer.json" -q -o "$folder/data/tokens.h5" >/dev/null

tar -czf "$folder.tar.gz" -C "$(dirname "$folder")" "${folder##*/}"
mib=$((($(wc -c <"$folder.tar.gz") + 1048575) / 1048576))
echo "$folder.tar.gz: $mib MiB, unpacked $(du -sm "$folder" | cut -f 1) MiB, $(find "$folder/lib" -type f | wc -l) libraries"
[ "$mib" -le $most_mib ] || { echo "device-bundle: that is more than $most_mib MiB" >&2; exit 73; }
