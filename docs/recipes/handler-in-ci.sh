#!/bin/sh
# What does a handler answer to a good webhook, and does it refuse what it
# must? Each line fails the script when the answer is another.
set -eu
: "${TARGET:=http://localhost:3000/webhooks/stripe}"
: "${STRIPE_SECRET:=whsec_not_a_real_secret}"
export STRIPE_SECRET

send() { hook trigger stripe invoice.paid --to "$TARGET" --secret env:STRIPE_SECRET "$@"; }
send --expect 2xx
send --tamper --expect 401
send --stale 10m --expect 401
send --wrong-secret --expect 401
