package stage

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hookrelay/hook/signer"
)

// maxCandidates bounds the schemes tried for one message whose sender is
// guessed: many providers send the headers of Standard Webhooks.
const maxCandidates = 24

// Judgement is what is known of a message after its signature was checked.
type Judgement struct {
	Provider  string // "" when no row fits
	Event     string // its name at the provider; a label, foreign
	Verdict   signer.Verdict
	Diagnosis *signer.Diagnosis // why it does not hold, where that was looked into
	Duplicate bool              // the same signed message was answered with a 2xx before

	scheme *signer.Scheme
}

// Unknown tells that no provider's row fits the message.
func (j *Judgement) Unknown() bool { return j.Verdict.Status == "" }

// JudgeOptions say whose signatures a Judge checks, and with what.
type JudgeOptions struct {
	Provider string           // label of the schemes
	Schemes  []*signer.Scheme // of the provider; none: every message's provider is detected
	Keys     []signer.Key
	Public   []signer.Key // keys known to be public: never used as a shared secret
	Others   []signer.Key // further secrets of the user, tried for a diagnosis only
	Options  signer.Options
}

// Judge checks the signatures of one provider, or of any. It is safe for use
// by several goroutines.
type Judge struct {
	o JudgeOptions

	mu        sync.Mutex // guards what follows
	held      []signer.Key
	turn      uint64 // counts SetKeys
	verifiers map[string]*signer.Verifier
}

// NewJudge makes a Judge. Where the provider is detected only the keys given
// count, and no published ones: everybody can have Amazon sign a message.
func NewJudge(o JudgeOptions) *Judge {
	if len(o.Schemes) == 0 {
		o.Options.Fetcher = nil
	}
	return &Judge{o: o, held: o.Keys, verifiers: map[string]*signer.Verifier{}}
}

// SetKeys replaces the user's keys: a secret was rotated.
func (j *Judge) SetKeys(keys []signer.Key) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.held = slices.Clone(keys)
	j.turn++
	clear(j.verifiers)
}

// Turn tells whether SetKeys was called between two calls of it.
func (j *Judge) Turn() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.turn
}

// candidate is a scheme that a message may be signed by.
type candidate struct {
	provider string
	scheme   *signer.Scheme
}

// Judge verifies one message. Of several schemes that fit it, the first whose
// signature holds counts; all of them need a key of the user's.
func (j *Judge) Judge(ctx context.Context, req *signer.Request, at time.Time) Judgement {
	var first Judgement
	for i, c := range j.candidates(req) {
		got := Judgement{Provider: c.provider, Event: signer.Event(c.scheme, req), scheme: c.scheme}
		got.Verdict = j.verify(ctx, c.scheme, req, at)
		if got.Verdict.Authentic() {
			return got
		}
		if i == 0 || first.Verdict.Status == signer.Unsigned && got.Verdict.Status != signer.Unsigned {
			first = got
		}
	}
	return first
}

func (j *Judge) verify(ctx context.Context, s *signer.Scheme, req *signer.Request, at time.Time) signer.Verdict {
	j.mu.Lock()
	v, ok := j.verifiers[s.ID]
	turn := j.turn
	j.mu.Unlock()
	if !ok {
		var err error
		if v, err = signer.NewVerifier(s, j.keys(s), j.o.Options); err != nil {
			return signer.Verdict{Status: signer.Invalid, Reason: signer.BadKey, Detail: err.Error(), Scheme: s.ID}
		}
		j.mu.Lock()
		if j.turn == turn { // else it may have the keys of before
			j.verifiers[s.ID] = v
		}
		j.mu.Unlock()
	}
	return v.Verify(ctx, req, at)
}

// Explain says why a message that was judged is not valid.
func (j *Judge) Explain(ctx context.Context, got *Judgement, req *signer.Request, at time.Time) {
	if got.scheme == nil || got.Verdict.Status == signer.Valid {
		return
	}
	d := signer.Explain(ctx, got.scheme, req, j.keys(got.scheme), at, j.o.Options, j.o.Others...)
	got.Diagnosis = &d
}

// candidates lists the schemes that a message may be signed by, the likeliest
// first.
func (j *Judge) candidates(req *signer.Request) []candidate {
	if len(j.o.Schemes) == 1 {
		return []candidate{{j.o.Provider, j.o.Schemes[0]}}
	}
	var out []candidate
	if len(j.o.Schemes) == 0 {
		for _, d := range signer.Detect(req) {
			if s, ok := signer.FindScheme(d.Scheme); ok && len(out) < maxCandidates {
				out = append(out, candidate{d.Provider, s})
			}
		}
		return out
	}
	fitting := slices.DeleteFunc(slices.Clone(j.o.Schemes), func(s *signer.Scheme) bool { return len(j.keys(s)) == 0 && s.Key.URL == "" })
	if len(fitting) == 0 {
		fitting = j.o.Schemes
	}
	detected := map[string]int{}
	for i, d := range signer.Detect(req) {
		detected[d.Scheme] = i + 1
	}
	for _, s := range fitting {
		if detected[s.ID] > 0 || signatureThere(s, req.Header) {
			out = append(out, candidate{j.o.Provider, s})
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int { return rank(detected[a.scheme.ID]) - rank(detected[b.scheme.ID]) })
	if len(out) == 0 {
		out = append(out, candidate{j.o.Provider, fitting[0]})
	}
	return out
}

func rank(n int) int {
	if n == 0 {
		return 1 << 20
	}
	return n
}

func signatureThere(s *signer.Scheme, h http.Header) bool {
	for _, from := range append([]string{s.Signature.From}, s.Signature.More...) {
		if name, ok := strings.CutPrefix(from, "header:"); ok && h.Get(name) != "" {
			return true
		}
	}
	return false
}

// keys are those that fit a scheme. What is public can never be a shared
// secret: anybody could sign with it.
func (j *Judge) keys(s *signer.Scheme) []signer.Key {
	j.mu.Lock()
	held := slices.Clone(j.held)
	j.mu.Unlock()
	if takesPublic(s) {
		return append(held, j.o.Public...)
	}
	return slices.DeleteFunc(held, func(k signer.Key) bool { return looksPublic(string(k.Secret)) })
}

func takesPublic(s *signer.Scheme) bool {
	return s.Key.Public || s.Algorithm == signer.JWS || s.Algorithm == signer.HTTPMessage
}

// looksPublic tells whether a key is one of a pair by its form.
func looksPublic(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, "-----BEGIN ") || strings.HasPrefix(text, "whpk") ||
		strings.HasPrefix(text, "{") && (strings.Contains(text, `"kty"`) || strings.Contains(text, `"keys"`))
}
