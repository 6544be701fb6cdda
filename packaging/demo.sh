#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make demo: documents in, a pretrained language model out, on this machine, in under ten minutes on two cores.
#
#   CORPUS=DIR   your own files, instead of the headers and documentation that lie on any machine with a compiler
#   DEMO=DIR     where everything goes (default runs/demo). Run again, it goes on where it was; remove it to start anew.
#   MOE=1        a mixture of experts instead of a dense model
#   HOURS=H      time to train (default 0.085: five minutes)
#   HEARTH_BIN   the folder of the built tools
set -eu
: "${HEARTH_BIN:?is the folder of the built tools}"
demo=${DEMO:-runs/demo}
hours=${HOURS:-0.085}
started=$(date +%s)

say() { printf '\n== %s\n' "$*"; }
elapsed() { echo $(($(date +%s) - ${1:-$started})); }
# json OBJECT.KEY FILE, or json KEY FILE: one value of a tool's JSON result, its quotes taken off.
json() {
  case $1 in
  *.*) sed -n "s/.*\"${1%.*}\":{[^}]*\"${1#*.}\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$2" ;;
  *) grep -o "\"$1\":[^,}]*" "$2" | head -n 1 | cut -d : -f 2- | tr -d '"' ;;
  esac
}

# The folders to learn from: every one that is there.
corpus() {
  if [ -n "${CORPUS:-}" ]; then
    printf '%s\n' "$CORPUS"
    return
  fi
  for folder in /usr/include/c++ /usr/include/boost /usr/include/hdf5 /usr/include/openssl /usr/include/nlohmann /usr/include/hwy \
    /usr/include/catch2 /usr/lib/*/openmpi/include /usr/share/cmake-* /usr/share/doc/cmake* /usr/share/doc/g[+c]* /usr/share/doc/lib*-dev \
    /usr/share/doc/openmpi*; do
    [ ! -d "$folder" ] || printf '%s\n' "$folder"
  done
}

mkdir -p "$demo"
corpus >"$demo/corpus.new"
[ -s "$demo/corpus.new" ] || { echo "demo: nothing to learn from here; name a folder by CORPUS=DIR" >&2; exit 66; }
if ! cmp -s "$demo/corpus.new" "$demo/corpus.list"; then  # a new corpus, or the first run
  rm -rf "$demo/corpus.h5" "$demo/tokenizer" "$demo/tokens.h5" "$demo/model" "$demo/hf" "$demo"/*.json
  mv "$demo/corpus.new" "$demo/corpus.list"
fi
rm -f "$demo/corpus.new"

say "documents: $(head -n 5 "$demo/corpus.list" | tr '\n' ' ')and $(tail -n +6 "$demo/corpus.list" | wc -l) folders more"
if [ ! -e "$demo/corpus.h5" ]; then
  "$HEARTH_BIN/shard" --json -o "$demo/corpus.h5" - <"$demo/corpus.list" >"$demo/shard.json.partial"
  mv "$demo/shard.json.partial" "$demo/shard.json"
fi

say "tokenizer: 4096 words and pieces of words, learnt from them"
mkdir -p "$demo/tokenizer"
if [ ! -e "$demo/tokenizer/tokenizer.json" ]; then
  "$HEARTH_BIN/tokenize" train "$demo/corpus.h5" --vocab-size 4096 -o "$demo/tokenizer/tokenizer.json"
fi

say "tokens"
if [ ! -e "$demo/tokens.h5" ]; then
  "$HEARTH_BIN/tokenize" encode "$demo/corpus.h5" --tokenizer "$demo/tokenizer" -o "$demo/tokens.h5" --json >"$demo/encode.json.partial"
  mv "$demo/encode.json.partial" "$demo/encode.json"
fi

say "training: the best model that $(awk "BEGIN { printf \"%.1f\", $hours * 60 }") minutes of this machine can make"
if [ ! -e "$demo/pretrain.json" ]; then
  "$HEARTH_BIN/pretrain" --depth auto --hours "$hours" ${MOE:+--moe} --context 256 --data "$demo/tokens.h5" -o "$demo/model" \
    --progress on --json >"$demo/pretrain.json.partial"
  mv "$demo/pretrain.json.partial" "$demo/pretrain.json"
fi

say "the model as a Hugging Face folder, checked against its own logits"
"$HEARTH_BIN/export" --model "$demo/model" --to hf -o "$demo/hf" --overwrite
"$HEARTH_BIN/export" --verify "$demo/hf"

say "what it writes"
prompt='namespace boost {'
[ -z "${CORPUS:-}" ] || prompt=
"$HEARTH_BIN/hearth" sample --model "$demo/hf" --prompt "$prompt" --max-tokens 120 --temperature 0.8 --seed 1 | tee "$demo/sample.txt"
echo

say "in short ($(elapsed) s)"
row() { printf '  %-30s %s\n' "$1" "$2"; }
# events NAME KEY: the values of one kind of event of the run, also of the parts of an interrupted one.
events() {
  sed -n "s/^{\"event\":\"$1\",.*\"$2\":\([0-9.e+-]*\).*/\1/p" "$demo/model/metrics.jsonl" | awk '{ printf "%.3f\n", $1 }'
}
row "documents kept" "$(json kept.documents "$demo/shard.json") of $(json files "$demo/shard.json") files"
row "tokens in them" "$(json all.tokens "$demo/encode.json")"
row "tokens trained on" "$(json tokens "$demo/pretrain.json")"
row "parameters" "$(json parameters "$demo/pretrain.json")"
row "held-out bits per byte, before" "$(events eval bits_per_byte | head -n 1)"
row "held-out bits per byte, after" "$(events eval bits_per_byte | tail -n 1)"
row "tokens per second" "$(events step tokens_per_s | sort -n | awk '{ rate[NR] = $1 } END { printf "%.0f", rate[int((NR + 1) / 2)] }')"
row "curves" "$demo/model/report.html"
row "for Hugging Face's library" "$demo/hf"
printf '\nfiles in %s:\n' "$demo"
du -h -d 1 -a "$demo" | sort -k 2 | sed 's/^/  /'
