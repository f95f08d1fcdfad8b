#!/bin/sh
# Record once: "hook listen" has put what came into the history. Take it out
# (secrets are left behind), keep the file with the tests, and play it in CI.
set -eu
: "${TARGET:=http://localhost:3000}"
: "${CASSETTE:=webhooks.jsonl}"

[ -e "$CASSETTE" ] || hook history export --where 'method:POST since:1d' --format cassette --out "$CASSETTE"
hook replay "$CASSETTE" --to "$TARGET" --no-history
