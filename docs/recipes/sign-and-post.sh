#!/bin/sh
# Sign a payload as Stripe does and post it with curl: the bytes that are
# signed are the bytes that are sent.
set -eu
: "${TARGET:=http://localhost:3000/webhooks/stripe}"
: "${STRIPE_SECRET:=whsec_not_a_real_secret}"
export STRIPE_SECRET
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

printf '%s' '{"id":"evt_1","type":"invoice.paid","data":{"object":{"amount":1000}}}' >"$dir/body.json"
hook sign stripe "$dir/body.json" --secret env:STRIPE_SECRET >"$dir/headers"
curl -sS --fail-with-body -X POST -H 'Content-Type: application/json' -H @"$dir/headers" --data-binary @"$dir/body.json" "$TARGET"
