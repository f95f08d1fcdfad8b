#!/bin/sh
# A Slack slash command: a signed form, to which Slack wants an answer within
# three seconds.
set -eu
: "${TARGET:=http://localhost:3000/slack}"
: "${SLACK_SIGNING_SECRET:=not-a-real-signing-secret}"
export SLACK_SIGNING_SECRET

hook trigger slack /sample --to "$TARGET" --secret env:SLACK_SIGNING_SECRET --timeout 3s --expect 2xx
