#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shard over several ranks: the same documents in the same order as one rank's, kept and rejected for the same reasons,
# for any number of ranks; duplicates are found across ranks; killed or stopped, the same ranks go on; what is wrong on
# one of them is said by name.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
. "$HEARTH_SOURCE/tests/mpi/ranks.sh"

# Six folders of files, records, an archive and a repository. Equal texts, texts alike, passages and lines that come
# again lie in different folders, so with different ranks.
awk 'function word(letter, n) {
  n = int(rand() * 9000)
  return sprintf("%s%c%c%c", letter, 97 + n % 26, 97 + int(n / 26) % 26, 97 + int(n / 676))
}
BEGIN {
  srand(7)
  for (b = 0; b < 12; b++) for (w = 0; w < 150; w++) base[b] = base[b] word("w") (w % 11 == 10 ? "\n" : " ")
  for (i = 0; i < 240; i++) {
    text = ""
    kind = int(rand() * 5)
    if (kind < 2) text = base[int(rand() * 12)]
    if (kind == 1) text = text "and so ends text " i "\n"
    for (w = 0; kind >= 2 && w < 90; w++) text = text word("v") (w % 9 == 8 ? "\n" : " ")
    if (kind == 4) text = substr(base[int(rand() * 12)], 1, 500) "\n" text
    folder = "docs/d" (i % 6)
    if (!(folder in made)) { system("mkdir -p " folder); made[folder] = 1 }
    file = folder "/" i ".txt"
    printf "%sThis line stands at the end of every page here.\n", text > file
    close(file)
    gsub(/\n/, " ", text)
    if (i % 4 == 0) printf "{\"text\": \"%s\", \"id\": \"record-%d\"}\n", text, i > "records.jsonl"
  }
}' </dev/null
echo 'not JSON' >>records.jsonl
tar czf docs/packed.tar.gz docs/d1
printf 'short' >docs/short.txt
head -c 3000 /dev/urandom >docs/binary.bin
mkdir -p code/app/sub
touch code/app/Makefile
for f in a b c d; do
  printf 'import %s\n\n\ndef work_%s(value):\n    """Adds what %s is worth to the value it is given."""\n    return value + len("%s")\n' "$f" $f $f $f >code/app/$f.py
  cp code/app/$f.py code/app/sub/x$f.py
done
for r in $(seq 30); do  # repositories, each with a file like one of another, some like a text
  mkdir -p forge/r$r && touch forge/r$r/Makefile
  awk -v seed="$r" 'BEGIN { srand(seed); for (i = 0; i < 60; i++) { for (k = 0; k < 6; k++) printf "%c", 97 + rand() * 26; print " = True" } }' >forge/r$r/own.py
  { cat forge/r$((r * 7 % r + 1))/own.py; echo "last = $r"; } >forge/r$r/alike.py
  [ $((r % 5)) -ne 0 ] || { cat forge/r$r/own.py; echo "note = $r"; } >docs/d$((r % 6))/note$r.txt
done
for r in $(seq 10 29); do  # and some whose first file is like a text, and no other
  mkdir -p forge/s$r/.git forge/z
  awk -v seed="1$r" 'BEGIN { srand(seed); for (i = 0; i < 60; i++) { for (k = 0; k < 6; k++) printf "%c", 97 + rand() * 26; print " = None" } }' >forge/s$r/a.py
  awk -v seed="2$r" 'BEGIN { srand(seed); for (i = 0; i < 60; i++) { for (k = 0; k < 6; k++) printf "%c", 97 + rand() * 26; print " = None" } }' >forge/s$r/b.py
  { cat forge/s$r/a.py; echo "text = $r"; } >forge/z/$r.txt
done
ln -s short.txt docs/link
touch docs/.hidden
mkdir old && cp docs/d0/0.txt docs/d3/9.txt old
expect_exit 0 '' shard old -o old.h5 --quality none -q

common='--no-provenance --id-field id --validation-fraction 0.2 --test-fraction 0.1 --quality none --common-lines cut --common-line-count 5 --against old.h5 -q'
shard_all="shard docs records.jsonl code $common"

echo 'A text that is in no other delivery, long enough to be kept as a document of its own among the others.' >new.txt

# same ONE MANY: documents, rejected ones and statistics.
same() {
  for what in '' --rejected; do
    shard cat "$1" $what >one.jsonl && shard cat "$2" $what >many.jsonl || fail "$2 cannot be read"
    cmp -s one.jsonl many.jsonl || fail "$2 $what: others than $1"
  done
  shard cat "$1" --stats >one.json && shard cat "$2" --stats >many.json
  cmp -s one.json many.json || { diff one.json many.json | head; fail "$2: other statistics than $1"; }
}

page() { sed '/<header>/d; s/\(one\|of[0-9]\).h5/OUTPUT/g' "$1"; } # without its name, times and rates

# shellcheck disable=SC2086
{
  expect_exit 0 '' $shard_all -o one.h5 --html one.html
  shard cat one.h5 --rejected | grep -c '"duplicate-near"' >near
  shard cat one.h5 --rejected | grep -c '"duplicate-exact"' >exact
  expect "there are duplicates of both kinds" [ "$(cat near)" -gt 10 -a "$(cat exact)" -gt 10 ]
  expect "passages are cut" sh -c 'shard cat one.h5 --stats | grep -A5 "\"repeated\": {" | grep -q "\"cut_tokens\": [1-9]"'
  for n in 2 3 7; do
    expect_exit 0 '' ranks $n $shard_all -o of$n.h5 --html of$n.html
    same one.h5 of$n.h5
    [ "$(ls of$n.h5.parts | wc -l)" -eq $n ] || fail "of$n.h5.parts holds $(ls of$n.h5.parts)"
    page of$n.html >many.html
    page one.html | cmp -s - many.html || fail "the page of $n ranks says something else: $(page one.html | diff - many.html)"
  done
  expect_exit 0 '' $shard_all -o one_t.h5 --near-duplicates tag --near-keep longest -j 2
  expect_exit 0 '' ranks 3 $shard_all -o of3_t.h5 --near-duplicates tag --near-keep longest -j 2 --dedup-memory 1M
  same one_t.h5 of3_t.h5
  expect_exit 0 '' $shard_all -o one_r.h5 --code repo
  expect_exit 0 '' ranks 3 $shard_all -o of3_r.h5 --code repo
  same one_r.h5 of3_r.h5
  expect_exit 0 '' $shard_all forge -o one_rt.h5 --code repo --near-duplicates tag
  for n in 2 3 7; do
    expect_exit 0 '' ranks $n $shard_all forge -o of${n}_rt.h5 --code repo --near-duplicates tag --dedup-memory 1M
    same one_rt.h5 of${n}_rt.h5
  done
  shard cat of2_rt.h5 | sed -n 's/.*"source":"forge\/\(s\|z\/\)\([0-9]*\)[#.].*"split":"\([a-z]*\)".*/\2 \3/p' | sort >sides
  expect "texts are with the repositories they are like" [ "$(uniq -c sides | grep -c '^ *2 ') $(cut -d' ' -f2 sides | sort -u | wc -l)" = '20 3' ]
  expect "packed files are tagged" sh -c 'shard cat one_rt.h5 | grep "\"repository\"" | grep -q near_duplicate_of'
  expect_exit 0 '' ranks 3 $shard_all -o again3.h5
  for part in of3.h5.parts/*.h5; do cmp -s "$part" "again3.h5.parts/${part##*/}" || fail "$part: other bytes the second time"; done

  # Every reader takes the index as one file.
  mkdir tok1 tok3
  expect_exit 0 '' tokenize train of3.h5 --vocab-size 400 -o tok3/tokenizer.json -q
  expect_exit 0 '' tokenize train one.h5 --vocab-size 400 -o tok1/tokenizer.json -q
  cmp -s tok1/tokenizer.json tok3/tokenizer.json || fail "another vocabulary from parts"
  expect_exit 0 '' tokenize encode one.h5 --tokenizer tok1/tokenizer.json -o tokens1.h5 -q
  expect_exit 0 '' ranks 2 tokenize encode of3.h5 --tokenizer tok1/tokenizer.json -o tokens3.h5 -q
  tokenize cat tokens1.h5 >tokens1 && tokenize cat tokens3.h5 | cmp -s - tokens1 || fail "other tokens from parts"
  expect_exit 0 '' shard forget of3.h5 --source 'docs/d1/*' -o clean3.h5 -q --no-provenance
  expect_exit 0 '' shard forget one.h5 --source 'docs/d1/*' -o clean1.h5 -q --no-provenance
  shard cat clean1.h5 >one.jsonl && shard cat clean3.h5 | cmp -s - one.jsonl || fail "forget leaves others of parts"
}
# Of more sources than statistics name, ranks name the same.
mkdir sources
( cd sources && awk 'BEGIN { for (i = 0; i < 1100; i++) {
    name = "s" (i * 7919 % 10007) ".txt"
    for (j = 0; j < 2; j++) print "What source " i " says is said by no other one of all these sources, " i * i "." > name
    close(name)
  } }' && ls >../listed && sort -R --random-source=../docs/d0/0.txt ../listed >../shuffled )
{
  expect_exit 0 '' sh -c 'cd sources && exec shard --files-from ../shuffled -o ../sources1.h5 -q --no-provenance --quality none --near-duplicates keep'
  expect_exit 0 '' ranks 3 sh -c 'cd sources && exec shard --files-from ../shuffled -o ../sources3.h5 -q --no-provenance --quality none --near-duplicates keep'
  same sources1.h5 sources3.h5
  expect "most sources are named" [ "$(shard cat sources1.h5 --stats | grep -c '"s[0-9]*.txt": {')" -eq 1000 ]
  expect "the others are counted" sh -c 'shard cat sources1.h5 --stats | grep -A1 "\"other sources\": {" | grep -q "\"documents\": 100,"'
}

# A delivery against parts: what stands in them does not come again.
# shellcheck disable=SC2086
{
  expect_exit 0 '' shard docs/d0 new.txt -o next1.h5 --against one.h5 -q --no-provenance
  expect_exit 0 '' ranks 2 shard docs/d0 new.txt -o next3.h5 --against of3.h5 -q --no-provenance
  same next1.h5 next3.h5
  shard cat next3.h5 | grep -c new.txt | grep -qx 1 || fail "what is new is not kept"

  # Refused, and replaced on request by another number of ranks.
  expect_exit 73 'of3.h5: exists already' ranks 3 $shard_all -o of3.h5
  expect_exit 0 '' ranks 2 $shard_all -o of3.h5 --overwrite
  [ "$(ls of3.h5.parts | wc -l)" -eq 2 ] || fail "old parts are left: $(ls of3.h5.parts)"
  same one.h5 of3.h5
}

# Killed, all ranks or one, at some moments: the same command ends with the same bytes.
start_killed() { # SECONDS RANK: a rank or all
  rm -f pid.*
  start_ranks 3 sh -c 'echo $$ >pid.$OMPI_COMM_WORLD_RANK; exec "$@"' sh $shard_all -o killed.h5
  while [ ! -s pid.0 ] || [ ! -s pid.1 ] || [ ! -s pid.2 ]; do kill -0 $launcher || break; sleep 0.02; done
  sleep "$1"
  kill -0 "$(cat pid.1)" 2>/dev/null && [ ! -e killed.h5 ] && n_killed=$((n_killed + 1))
  if [ "$2" = all ]; then kill -9 "$(cat pid.0)" "$(cat pid.1)" "$(cat pid.2)"; else kill -9 "$(cat pid.$2)"; fi 2>/dev/null
  for _ in $(seq 100); do  # mpirun may wait for ever for ranks that died while they started
    kill -0 $launcher 2>/dev/null || break
    sleep 0.1
  done
  kill -9 $launcher 2>/dev/null
  wait $launcher 2>/dev/null
}
n_killed=0
for moment in '0 all' '0.3 all' '0.6 1' '0.9 0' '1.2 2'; do
  # shellcheck disable=SC2086
  [ -e killed.h5 ] || start_killed $moment
done
# shellcheck disable=SC2086
[ -e killed.h5 ] || expect_exit 0 '' ranks 3 $shard_all -o killed.h5
expect "it was killed at least once" [ "$n_killed" -ge 1 ]
same again3.h5 killed.h5
for part in again3.h5.parts/*.h5; do
  cmp -s "$part" "killed.h5.parts/${part##*/}" || fail "$part: other bytes after a kill"
done

# TERM: all ranks keep what they have read, and go on behind it. A parser that takes its time makes sure they are reading.
mkdir slow bin
for i in $(seq 36); do cp "docs/d$((i % 6))/$i.txt" "slow/$i.slow"; done
printf '#!/bin/sh\nsleep 0.1\nexec cat\n' >bin/sleeps && chmod +x bin/sleeps
PATH=$PWD/bin:$PATH
# shellcheck disable=SC2086
{
  slow="shard slow -o slow.h5 --extract slow=sleeps -j 1 $common"
  expect_exit 0 '' ranks 2 $slow
  mv slow.h5 whole.h5 && cp -r slow.h5.parts whole.h5.parts && rm -r slow.h5.parts
  start_ranks 2 sh -c 'echo $$ >term.$OMPI_COMM_WORLD_RANK; exec "$@"' sh ${slow% -q}
  while ! ls slow.h5.parts/*-00001-of-00002.h5.work/plan.json >/dev/null 2>&1 && kill -0 $launcher; do sleep 0.05; done
  sleep 0.6
  kill -TERM "$(cat term.0)" "$(cat term.1)"
  code=0
  wait $launcher || code=$?
  expect "stopped: 75, not $code" [ "$code" -eq 75 ]
  expect "says where it is kept" grep -q 'stopped by a signal: .*slow.h5.parts, and the same command goes on' "$err"
  expect "of both ranks" [ "$(ls slow.h5.parts/*.work/000000.json | wc -l)" -eq 2 ]
  expect_no_file slow.h5
  expect_exit 0 'going on behind [0-9]+ documents' ranks 2 ${slow% -q} --dedup-memory 100M
  for part in whole.h5.parts/*.h5; do cmp -s "$part" "slow.h5.parts/${part##*/}" || fail "$part: other bytes after a stop"; done
  [ "$(ls slow.h5.parts | wc -l)" -eq 2 ] || fail "slow.h5.parts holds $(ls slow.h5.parts)"

  # Other inputs are other work: what was kept for the old ones goes with the new output.
  start_ranks 2 $slow --overwrite
  while ! ls slow.h5.parts/*-00001-of-00002.h5.work/plan.json >/dev/null 2>&1 && kill -0 $launcher; do sleep 0.05; done
  sleep 0.6
  kill -TERM $launcher
  wait $launcher
  cp docs/d1/1.txt slow/more.slow
  for lock in slow.h5.parts/*.work/.lock; do echo 'process 1 on another-node' >"$lock"; done  # of which nobody here knows
  expect_exit 0 '' ranks 2 ${slow% -q} --overwrite
  expect "says what it leaves alone" grep -q 'another run of 2 ranks .* may be alive, and is left as it is' "$err"
  expect "leaves it" [ "$(ls -d slow.h5.parts/*.work | wc -l)" -eq 2 ]
  find slow.h5.parts -exec touch -d '16 minutes ago' {} +
  expect_exit 0 '' ranks 2 $slow --overwrite
  [ "$(ls slow.h5.parts | wc -l)" -eq 2 ] || fail "slow.h5.parts holds $(ls slow.h5.parts)"
  shard cat slow.h5 --stats | grep -q '"files": 37' || fail "the new file is not in"
}

export OMPI_MCA_odls_base_sigkill_timeout=0 # of the ranks that a failed one leaves behind: from here on they only wait

# An index that was moved away still finds its parts: another run does not remove them, nor mix its own with them.
{
  expect_exit 0 '' ranks 2 shard docs/d0 -o moved.h5 -q --quality none
  mv moved.h5 away.h5
  shard cat away.h5 >before.jsonl
  expect_exit 73 'moved.h5.parts: holds parts of an index that is not here' ranks 2 shard docs/d2 -o moved.h5 -q --quality none
  expect_exit 73 'moved.h5.parts: holds parts of an index that is not here' ranks 2 shard docs/d2 -o moved.h5 -q --quality none --overwrite
  shard cat away.h5 | cmp -s - before.jsonl || fail "the parts of an index that was moved are gone"
  # Parts of a run that was killed before all were there belong to no index; those of one without its work may.
  set -- moved.h5.parts/*-00000-of-00002.h5
  mkdir killed2.h5.parts killed2.h5.parts/0123456789ab-00001-of-00003.h5.work
  cp "$1" killed2.h5.parts/0123456789ab-00000-of-00003.h5
  touch killed2.h5.parts/0123456789ab-00001-of-00003.h5.partial
  cp -r killed2.h5.parts whole2.h5.parts
  for r in 1 2; do cp "$1" whole2.h5.parts/0123456789ab-0000$r-of-00003.h5; done
  expect_exit 73 'killed2.h5.parts: .* it may be alive, .* remove its files' ranks 2 shard docs/d2 -o killed2.h5 -q --quality none
  find killed2.h5.parts whole2.h5.parts -exec touch -d '16 minutes ago' {} +
  expect_exit 0 '' ranks 2 shard docs/d2 -o killed2.h5 -q --quality none
  [ "$(ls killed2.h5.parts | wc -l)" -eq 2 ] || fail "killed2.h5.parts holds $(ls killed2.h5.parts)"
  expect_exit 73 'whole2.h5.parts: holds parts of an index that is not here' ranks 2 shard docs/d2 -o whole2.h5 -q --quality none
  [ "$(ls whole2.h5.parts | wc -l)" -eq 5 ] || fail "whole2.h5.parts holds $(ls -a whole2.h5.parts)"
  touch file.h5.parts
  expect_exit 73 'file.h5.parts: ' ranks 2 shard docs/d2 -o file.h5 -q --quality none
  mkdir -p held.h5.parts
  flock held.h5.parts/.lock sleep 20 &
  holder=$!
  sleep 0.3
  expect_exit 73 'held.h5.parts: another run is writing here' ranks 2 shard docs/d2 -o held.h5 -q --quality none
  kill $holder
}

# Other content behind the same names gives parts of other names: those of the output that is replaced stay until then.
{
  cp old.h5 base.h5
  expect_exit 0 '' ranks 2 shard docs/d0 docs/d1 -o base2.h5 -q --quality none --against base.h5
  ls base2.h5.parts >before
  expect_exit 0 "" shard docs/d1 -o base.h5 -q --quality none --overwrite
  touch base2.h5.parts/killed.h5.partial
  expect_exit 0 '' ranks 2 shard docs/d0 docs/d1 -o base2.h5 -q --quality none --against base.h5 --overwrite
  [ "$(ls base2.h5.parts | wc -l)" -eq 2 ] || fail "base2.h5.parts holds $(ls base2.h5.parts)"
  ls base2.h5.parts | cmp -s - before && fail "another base.h5, the same names"

  # Killed before its index had its name: the marker alone does not make the output that was there the new one.
  rm -rf mark.h5.parts
  expect_exit 0 '' ranks 2 shard docs/d0 -o mark.h5 -q --quality none
  rm -rf kept && mkdir kept && cp -r mark.h5 mark.h5.parts kept
  expect_exit 0 '' ranks 2 shard docs/d0 docs/d2 -o mark.h5 -q --quality none --overwrite
  for part in mark.h5.parts/*-00000-*.h5; do work=$part.work; done
  rm mark.h5 && cp kept/mark.h5 . && cp kept/mark.h5.parts/* mark.h5.parts
  start_ranks 2 shard docs/d0 docs/d2 -o mark.h5 -q --quality none --overwrite
  while [ ! -s "$work/plan.json" ] && kill -0 $launcher 2>/dev/null; do sleep 0.01; done
  cp "$work/plan.json" plan.json || fail "no plan is seen"
  wait $launcher
  cp kept/mark.h5 . && cp kept/mark.h5.parts/* mark.h5.parts
  mkdir -p "$work" && touch "$work/.lock" && cp plan.json "$work" && cp plan.json "$work/finished.json"
  expect_exit 73 'mark.h5: exists already' ranks 2 shard docs/d0 docs/d2 -o mark.h5 -q --quality none
}

# One file in place of an index: the parts go, too, of documents and of tokens.
{
  expect_exit 0 '' ranks 2 shard docs/d0 -o alone.h5 -q --quality none
  expect_exit 0 '' ranks 2 tokenize encode alone.h5 --tokenizer tok1/tokenizer.json -o ids.h5 -q
  expect_exit 0 '' tokenize encode alone.h5 --tokenizer tok1/tokenizer.json -o ids.h5 -q --overwrite
  expect_no_file ids.h5.parts
  expect_exit 0 '' tokenize cat ids.h5
  expect_exit 73 'alone.h5: exists already' shard docs/d0 -o alone.h5 -q --quality none
  expect "parts stay where nothing is replaced" [ "$(ls alone.h5.parts | wc -l)" -eq 2 ]
  expect_exit 0 '' shard docs/d0 -o alone.h5 -q --quality none --overwrite
  expect_no_file alone.h5.parts
  expect_exit 0 '' shard cat alone.h5
}

# What is wrong is said by name, with its exit code.
# shellcheck disable=SC2086
{
  expect_exit 64 'one process' ranks 2 shard - -o none.h5 </dev/null
  expect_exit 66 'nowhere' ranks 2 shard nowhere -o none.h5
  expect_exit 65 'records.jsonl:61: ' ranks 3 shard docs records.jsonl -o none.h5 --on-bad-line fail -q
  expect_exit 65 'no document is left' ranks 3 shard docs/short.txt -o none.h5 -q
  expect_exit 78 'the options of rank 1 differ' ranks 2 sh -c 'exec shard docs -o none.h5 -q --min-chars 2$OMPI_COMM_WORLD_RANK'
  mkdir here0 here1 && cp docs/d0/0.txt docs/d0/6.txt here0 && cp docs/d0/0.txt here1
  expect_exit 78 'the input files of rank 1 differ' ranks 2 sh -c 'cd here$OMPI_COMM_WORLD_RANK && exec shard . -o ../none.h5 -q'
  expect_exit 73 'rank 1 does not see what rank 0 made' ranks 2 sh -c 'cp docs/d0/0.txt here$OMPI_COMM_WORLD_RANK/6.txt
    mkdir -p out$OMPI_COMM_WORLD_RANK; cd out$OMPI_COMM_WORLD_RANK && exec shard ../here1 -o none.h5 -q'
  expect_no_file none.h5
  first=$(ls of7.h5.parts | head -n 1)
  cp "of7.h5.parts/$(ls of7.h5.parts | sed -n 2p)" "of7.h5.parts/$first"
  expect_exit 65 'not the one it was made with' shard cat of7.h5
  rm "of7.h5.parts/$first"
  expect_exit 66 "$first" shard cat of7.h5
}
[ "$failures" -eq 0 ]
