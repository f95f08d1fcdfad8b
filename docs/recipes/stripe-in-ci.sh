#!/bin/sh
# Wait for one webhook that the command sends, check its signature and its
# content. Exit code 0: it came and fits; 3: it came and does not; 124: it did
# not come. Here "hook trigger" stands for the code under test.
set -eu
: "${STRIPE_SECRET:=whsec_not_a_real_secret}"
export STRIPE_SECRET

hook wait --verify stripe --secret env:STRIPE_SECRET --filter event:invoice.paid --expect is:valid --timeout 30s --json \
	-- sh -c 'hook trigger stripe invoice.paid --to "$HOOK_URL" --secret env:STRIPE_SECRET'
