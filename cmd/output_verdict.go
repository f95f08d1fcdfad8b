package cmd

import (
	"fmt"
	"sync"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/inspect/safetext"
	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// badges hold the verdicts of deliveries that are under way, for their lines.
// The zero value is ready.
type badges struct {
	mu sync.Mutex // guards m
	m  map[*tunnel.Delivery]badge
}

type badge struct {
	word     string
	provider string
}

func (b *badges) put(d *tunnel.Delivery, j *stage.Judgement) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.m == nil {
		b.m = map[*tunnel.Delivery]badge{}
	}
	b.m[d] = badge{stage.Badge(j.Byte()), j.Provider}
}

// take is the badge of a delivery that ended.
func (b *badges) take(d *tunnel.Delivery) (badge, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, ok := b.m[d]
	delete(b.m, d)
	return g, ok
}

// verdictMark is the part of a line that shows the verdict, "" without one.
func (p *plainOutput) verdictMark(d *tunnel.Delivery) string {
	b, ok := p.badges.take(d)
	if !ok || b.word == "" {
		return ""
	}
	c := map[string]interface{ Sprint(...any) string }{
		"ok": p.paint.good, "bad": p.paint.bad, "stale": p.paint.bad, "none": p.paint.note, "replayed": p.paint.note,
	}[b.word]
	text := b.word
	if b.provider != "" {
		text += " " + safetext.String(b.provider)
	}
	return "  " + c.Sprint(text)
}

// Verdict keeps the badge for the delivery's line, and tells why a signature
// does not hold.
func (p *plainOutput) Verdict(d *tunnel.Delivery, j *stage.Judgement) {
	if !p.quiet {
		p.badges.put(d, j)
	}
	switch {
	case j.Verdict.Status == signer.Valid:
	case j.Unknown():
		p.say(p.paint.note, "%s: no provider's signature is in it", d.ID)
	case j.Diagnosis != nil:
		p.say(p.paint.bad, "%s: %s: %s: %s", d.ID, j.Provider, j.Verdict.Status, j.Diagnosis.Sentence)
	default:
		p.say(p.paint.bad, "%s: %s: %s: %s", d.ID, j.Provider, j.Verdict.Status, j.Verdict.Detail)
	}
}

// Verdict writes a line of type "verdict".
func (j *jsonOutput) Verdict(d *tunnel.Delivery, v *stage.Judgement) {
	j.write(jsonEvent{Type: "verdict", Delivery: d.ID.String(), Attempt: d.Attempt, verdictEvent: &verdictEvent{
		Signature: faceOfVerdict(v), Badge: stage.Badge(v.Byte()), Code: v.Byte(),
	}})
}

// verdictEvent is what a line of type "verdict" has besides.
type verdictEvent struct {
	Signature verdictFace `json:"signature"`
	Badge     string      `json:"badge"`
	Code      byte        `json:"code"` // as in docs/signing.md
}

// Verdict is told by the verify stage.
func (l *listener) Verdict(d *tunnel.Delivery, j *stage.Judgement) { l.out.Verdict(d, j) }

// note tells a person something that is no event of the tunnel.
func (l *listener) note(text string) { fmt.Fprintln(l.env.Err, safetext.Line(text)) }
