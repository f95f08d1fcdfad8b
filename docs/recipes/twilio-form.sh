#!/bin/sh
# Twilio signs the public URL and the form. "hook listen" checks it against the
# URL that the sender used, not against localhost; behind the tunnel the
# application finds that URL in X-Forwarded-Proto, -Host and -Prefix.
set -eu
: "${TWILIO_AUTH_TOKEN:=not-a-real-auth-token}"
export TWILIO_AUTH_TOKEN

hook wait --verify twilio --secret env:TWILIO_AUTH_TOKEN --expect is:valid --timeout 30s --body \
	-- sh -c 'hook trigger twilio received --to "$HOOK_URL" --secret env:TWILIO_AUTH_TOKEN'
