#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tokenize as a command: streams, exit codes and messages. What it does with documents files is in test_tokenize.cpp.
. "$HEARTH_SOURCE/tests/support/tool_test.sh"
golden=$HEARTH_SOURCE/tests/golden/tokenizer

# --- what works ---------------------------------------------------------------------------------------------------------

expect_exit 0 '' tokenize train - --vocab-size 400 -o tokenizer.json <"$golden/corpus.txt"
expect_stdout '^tokenizer.json: 400 ids \(134 merges\) from '
for side in tokenizer_config.json special_tokens_map.json chat_template.jinja; do expect_file $side; done

printf 'Hello\377 <|endoftext|>\n' >text
expect_exit 0 '' tokenize encode - --tokenizer tokenizer.json <text
cp "$out" ids
expect_exit 0 '' tokenize decode --tokenizer . <ids
expect_same "$out" text
expect_exit 0 '' tokenize decode ids --tokenizer tokenizer.json
expect_same "$out" text
expect_exit 0 '' tokenize encode - --tokenizer tokenizer.json --special-tokens parse --json <text
expect_stdout '"schema":"hearth.tokenize.ids/1".*,390,'

expect_exit 0 '' tokenize train --vocab bytes -o bytes/ --json
expect_stdout '"vocab_size":266,"merges":0,"pretokenizer":"none"'
printf 'A\377' >text
expect_exit 0 '' tokenize encode - --tokenizer bytes <text
expect_stdout '^65 255$'

expect_exit 0 '' tokenize inspect "$golden/gpt2.json" --text 'trailing   '
expect_stdout '^pre-tokenizer  gpt2 \(llama.cpp: gpt-2\)'
expect_stdout '^\[t\]\[r\]\[a\]\[i\]\[l\]\[i\]\[n\]\[g\]\[   \]$'
expect_stdout '^9 tokens, 11 bytes'
expect_exit 0 '' tokenize inspect "$golden/gpt2.json" --json
expect_stdout '"schema":"hearth.tokenize.inspect/1"'
printf 'a b\n' >two
expect_exit 0 '' tokenize inspect "$golden/gpt2.json" --text - <two
expect_stdout '^\[a\]\[ \]\[b\]\[\\n\]$'
expect "plain where there is no terminal" [ -z "$(tokenize inspect "$golden/gpt2.json" --text - <two | grep "$(printf '\033')")" ]
if script -qec true /dev/null >colours 2>/dev/null; then  # a terminal of its own
  script -qec "tokenize inspect $golden/gpt2.json --text 'a b'" /dev/null >colours </dev/null
  expect "colours on a terminal" grep -q "$(printf '\033')\[30;46ma" colours
  script -qec "NO_COLOR=1 tokenize inspect $golden/gpt2.json --text 'a b'" /dev/null >colours </dev/null
  expect "no colours with NO_COLOR" grep -q '^\[a\]\[ \]\[b\]' colours
fi

# The same input gives the same file.
expect_exit 0 '' tokenize train - --vocab-size 400 -o again.json -f -j 1 <"$golden/corpus.txt"
expect_same tokenizer.json again.json

# A run of blank lines across the end of the first batch of stdin counts whole: with the other one it makes a token.
awk 'BEGIN { for (i = 0; i < 1048574; ++i) print "aaaaaaa"; for (i = 0; i < 63; ++i) print "";
             for (i = 0; i < 900; ++i) print "aaaaaaa"; for (i = 0; i < 63; ++i) print ""; print "a" }' >batches
expect_exit 0 '' tokenize train - --vocab-size 300 -o batches.json -f -j 1 <batches
awk 'BEGIN { for (i = 0; i < 64; ++i) print "" }' >blank
expect_exit 0 '' tokenize encode - --tokenizer batches.json <blank
expect_stdout '^[0-9]+$'

# Tokenizers of other kinds, as they are and converted.
cp -r "$golden/kinds" kinds
for kind in tekken.json pair; do
  expect_exit 0 '' tokenize convert kinds/$kind -o converted -f
  expect_stdout '^converted/tokenizer.json: [0-9]+ ids \([0-9]+ merges\), pre-tokenizer '
  tokenize encode - --tokenizer kinds/$kind <text >direct.ids
  expect_exit 0 '' tokenize encode - --tokenizer converted <text
  expect_same "$out" direct.ids
done
expect_exit 65 'convert it by' tokenize encode - --tokenizer kinds/ranks <text
expect_exit 0 '' tokenize convert kinds/ranks --pretokenizer llama3 -o converted -f --json
expect_stdout '"schema":"hearth.tokenize.convert/1".*"pretokenizer":"llama3"'
expect_exit 73 'converted' tokenize convert kinds/ranks --pretokenizer llama3 -o converted

# From documents to tokens and back, by pipe.
mkdir docs
cp "$golden/corpus.txt" docs/corpus.txt
expect_exit 0 '' shard docs -o corpus.h5 -q
expect_exit 0 '' tokenize encode corpus.h5 --tokenizer tokenizer.json -o tokens.h5
expect_stdout '^all +1 '
expect_exit 0 '' tokenize cat tokens.h5 --tokenizer tokenizer.json
expect_stdout '^\{"split":"[a-z]+","document":0,"ids":\[[0-9,]+\],"text":"'
expect_exit 0 '' tokenize inspect tokenizer.json --tokens tokens.h5
expect_stdout '^docs +1 .*'
expect_stdout '^[0-9]+ ids never occur: '
tokenize inspect tokenizer.json --tokens tokens.h5 --json >by-tokens.json
tokenize inspect tokenizer.json --documents corpus.h5 --json >by-documents.json
expect_same by-tokens.json by-documents.json
expect_exit 0 '' tokenize inspect tokenizer.json --documents corpus.h5 --source-by language
expect_stdout '^text'
expect_exit 66 'absent.h5' tokenize inspect tokenizer.json --documents absent.h5

# A SentencePiece model becomes a tokenizer.json with the same ids.
expect_exit 0 '' tokenize convert "$golden/characters/llama.model" -o pieces
expect_stdout 'pieces/tokenizer.json: 900 ids \([0-9]+ merges\), pre-tokenizer sentencepiece'
tokenize encode - --tokenizer "$golden/characters/llama.model" <"$golden/corpus.txt" >ids-of-model
tokenize encode - --tokenizer pieces <"$golden/corpus.txt" >ids-of-json
expect_same ids-of-model ids-of-json
tokenize decode ids-of-json --tokenizer pieces >back
expect_same "$golden/corpus.txt" back
expect_exit 65 'of type Unigram, which hearth cannot do exactly' tokenize convert "$golden/characters/unigram.model" -o never

# A vocabulary the text cannot fill is smaller, and the tool says so.
expect_exit 0 'only [0-9]+ of 5000 ids: no pair occurs 2 times' tokenize train - --vocab-size 5000 -o small.json -f <"$golden/ties.txt"

# --- what does not ------------------------------------------------------------------------------------------------------

expect_exit 64 'tokenize' tokenize train -o x.json
expect_exit 64 '--vocab bytes learns nothing' tokenize train - --vocab bytes -o x.json
expect_exit 64 'stdin is not mixed' tokenize train - corpus.h5 -o x.json
expect_exit 64 'pretokenizer' tokenize train - --pretokenizer gpt5 -o x.json
mkdir new
expect_exit 66 'no-such.h5' tokenize train no-such.h5 -o new/x.json
expect_exit 65 'no text in the chosen split' tokenize train - -o new/x.json </dev/null
expect_exit 78 '--vocab-size 260 is too small: 256 bytes and 10 special tokens are 266' tokenize train - --vocab-size 260 -o x.json
expect_exit 78 'given twice' tokenize train - --special-token '<a>' --special-token '<a>' -o x.json
expect_exit 78 "'a' is too short" tokenize train - --special-token a -o x.json
expect_exit 73 '--overwrite' tokenize train - -o tokenizer.json <"$golden/corpus.txt"
expect_exit 73 'tokenizer_config.json.*--overwrite' tokenize train - -o x.json <"$golden/corpus.txt"
expect_exit 73 'nowhere' tokenize train - -o nowhere/x.json <"$golden/corpus.txt"
expect_no_file x.json
expect_no_file new/x.json

expect_exit 66 'no-such.json' tokenize encode - --tokenizer no-such.json <text
expect_exit 66 'tokenizer.json' tokenize encode - --tokenizer "$HEARTH_SOURCE/tests/golden" <text
echo '{"model": {"type": "WordPiece", "vocab": {}}}' >wordpiece.json
expect_exit 65 'wordpiece.json: the model is "WordPiece"; hearth reads BPE only' tokenize encode - --tokenizer wordpiece.json <text
echo 'not json' >broken.json
expect_exit 65 'broken.json: is no tokenizer: neither JSON' tokenize encode - --tokenizer broken.json <text
tail -c +2 "$golden/characters/llama.model" >damaged.model
expect_exit 65 'damaged.model: begins neither as a SentencePiece model nor as a list of tiktoken' tokenize convert damaged.model -o no
: >empty.model
expect_exit 65 'empty.model: is empty' tokenize convert empty.model -o no
head -c 5000 "$golden/characters/llama.model" >short.model
expect_exit 65 'short.model: [^:]*(damaged|cut|ends)' tokenize convert short.model -o no
echo 'a b c' >wrong.tiktoken
expect_exit 65 'wrong.tiktoken: its first line' tokenize convert wrong.tiktoken -o no
expect_no_file no
head -c 2000 tokenizer.json >cut.json
expect_exit 65 'cut.json: not JSON' tokenize inspect cut.json
sed 's/{1,3}|/{1,9}|/' "$golden/llama3.json" >regex.json
expect_exit 65 'not one that hearth knows' tokenize encode - --tokenizer regex.json <text
grep -q '{1,9}|' "$err" || fail 'the unknown regular expression is not shown'

expect_exit 64 'leave -o out' tokenize encode - --tokenizer tokenizer.json -o absent.h5 <text
expect_exit 64 'give -o FILE' tokenize encode corpus.h5 --tokenizer tokenizer.json
expect_exit 66 'no-such.h5' tokenize encode no-such.h5 --tokenizer tokenizer.json -o absent.h5
expect_exit 65 'text' tokenize encode text --tokenizer tokenizer.json -o absent.h5
expect_no_file absent.h5
expect_exit 65 "stdin: byte 3: 'x' is not a token id" sh -c 'echo 12 x | tokenize decode --tokenizer tokenizer.json'
expect_exit 65 'token id 400 is not in the vocabulary of 400' sh -c 'echo 400 | tokenize decode --tokenizer tokenizer.json'
expect_exit 66 'no-such' tokenize decode no-such --tokenizer tokenizer.json
expect_exit 66 'no-such.h5' tokenize cat no-such.h5
expect_exit 65 'text' tokenize cat text
expect_exit 64 'tokenize' tokenize
expect_exit 64 '' tokenize frobnicate

# --- the disk -----------------------------------------------------------------------------------------------------------

expect_exit 74 'No space left|File too large' on_full_disk 16k tokenize encode corpus.h5 --tokenizer tokenizer.json -o full/tokens.h5
expect_exit 74 'No space left|File too large' on_full_disk 4k tokenize train - -o full/ <"$golden/corpus.txt"
if can_drop_privileges; then
  mkdir closed && chmod 555 closed
  expect_exit 73 'closed' unprivileged tokenize encode corpus.h5 --tokenizer tokenizer.json -o closed/tokens.h5
fi
