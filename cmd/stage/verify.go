package stage

import (
	"context"
	"sync"
	"time"

	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// The verdict as one byte ([tunnel.Result.Verdict], docs/signing.md): the low
// four bits say the outcome, the high ones what the signature covers. The
// values are part of the wire protocol: append only.
const (
	NotChecked byte = iota
	OK
	Bad
	Unsigned
	NoKey
	Stale
	Future
	Replayed
	UnknownProvider

	CoversBody byte = 0x10
	CoversTime byte = 0x20
	CoversURL  byte = 0x40
)

// Byte is the judgement as one byte.
func (j *Judgement) Byte() byte {
	if j.Unknown() {
		return UnknownProvider
	}
	b := map[signer.Status]byte{
		signer.Valid: OK, signer.Invalid: Bad, signer.Unsigned: Unsigned, signer.NoKey: NoKey,
		signer.Stale: Stale, signer.Future: Future, signer.Replayed: Replayed,
	}[j.Verdict.Status]
	if !j.Verdict.Authentic() {
		return b
	}
	for _, c := range []struct {
		part string
		bit  byte
	}{{"body", CoversBody}, {"timestamp", CoversTime}, {"url", CoversURL}} {
		if j.Verdict.Covered(c.part) {
			b |= c.bit
		}
	}
	return b
}

// maxExplained bounds the body of a message whose mismatch is looked into: the
// diagnosis hashes it some fifty times.
const maxExplained = 1 << 20

// VerifyOptions are what the verify stage works with.
type VerifyOptions struct {
	Judge  *Judge
	Replay *ReplayFile // nil: replays are not looked for
	Scope  string      // of the replay file: the endpoint

	// Renew is called when a message is signed by none of the keys: it reads
	// the secrets again where it is time to, and calls Judge.SetKeys when they
	// have changed. Nil: the keys stay.
	Renew func(ctx context.Context)

	// Report is told of every judgement before the delivery goes on; it must be
	// safe for concurrent use. Nil: nobody is told.
	Report func(d *tunnel.Delivery, j *Judgement)
}

// judged is the context's key of a delivery's judgement.
type judged struct{}

// JudgementOf is what the verify stage found, for the stages after it; nil
// when nothing was checked.
func JudgementOf(ctx context.Context) *Judgement {
	j, _ := ctx.Value(judged{}).(*Judgement)
	return j
}

// Verify checks the signature of every delivery against its public URL, at the
// moment it was received, and puts the verdict into the result.
func Verify(o VerifyOptions) Stage {
	if o.Judge == nil {
		return nil
	}
	var explaining sync.Mutex // one diagnosis at a time: a flood of forgeries must not cost more than that
	return func(next tunnel.Handler) tunnel.Handler {
		return tunnel.HandlerFunc(func(ctx context.Context, d *tunnel.Delivery) (*tunnel.Result, error) {
			req := Request(d)
			turn := o.Judge.Turn()
			j := o.Judge.Judge(ctx, req, d.ReceivedAt)
			if o.Renew != nil && noKeyFits(&j.Verdict) {
				if o.Renew(ctx); o.Judge.Turn() != turn {
					j = o.Judge.Judge(ctx, req, d.ReceivedAt)
				}
			}
			key := ""
			if o.Replay != nil && j.Verdict.Status == signer.Valid {
				key = signer.ReplayKey(o.Scope, j.scheme, req)
				seen := o.Replay.See(key, d.ID, d.ReceivedAt)
				if seen != New {
					j.Verdict.Status, j.Verdict.Reason, j.Verdict.Detail = signer.Replayed, signer.SeenBefore, "the same signed message was here before"
					j.Duplicate = seen == SeenAnswered
					key = ""
				}
			}
			if s := j.Verdict.Status; s != signer.Valid && s != signer.Replayed && len(d.Body) <= maxExplained && explaining.TryLock() {
				o.Judge.Explain(ctx, &j, req, d.ReceivedAt)
				explaining.Unlock()
			}
			if o.Report != nil {
				o.Report(d, &j)
			}
			r, err := next.Handle(context.WithValue(ctx, judged{}, &j), d)
			if r != nil {
				r.Verdict = j.Byte()
				if key != "" && r.Status >= 200 && r.Status < 300 {
					o.Replay.Answered(key, d.ID, d.ReceivedAt)
				}
			}
			return r, err
		})
	}
}

// noKeyFits tells whether another key could make a message valid.
func noKeyFits(v *signer.Verdict) bool {
	switch v.Reason {
	case signer.Mismatch, signer.NoLiveKey, signer.BadKey, signer.EmptySecret:
		return true
	}
	return false
}

// Request is a delivery as the signer takes it.
func Request(d *tunnel.Delivery) *signer.Request {
	h := d.Header.HTTP()
	if d.Host != "" && h.Get("Host") == "" {
		h.Set("Host", d.Host)
	}
	return &signer.Request{Method: d.Method, URL: d.URL, Header: h, Body: d.Body}
}

// keepSeen is how long a message is remembered: longer than the retries of
// most providers, and than twice any window.
const keepSeen = 24 * time.Hour
