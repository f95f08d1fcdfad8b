package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/hookrelay/hook/inspect"
	"github.com/hookrelay/hook/tunnel"
)

// many are n flows of four providers.
func many(n int) []*inspect.Flow {
	s := &sampler{}
	providers := [][2]string{{"stripe", "invoice.paid"}, {"github", "push"}, {"shopify", "orders/create"}, {"slack", "message"}}
	out := make([]*inspect.Flow, n)
	for i := range out {
		p := providers[i%4]
		f := answer(s.flow(p[0], p[1], "/webhooks/"+p[0], `{"id":"evt_1","amount":1999,"customer":{"name":"Ada"}}`), 200+300*(i%9/8), `{}`, time.Duration(i%97)*time.Millisecond)
		f.Delivery.ID = tunnel.NewID(f.At) // random: no two alike
		f.Verdict.State = "valid"
		out[i] = f
	}
	return out
}

func benchModel(b *testing.B, o Options) *Model {
	o.Theme, o.Zone, o.Now = "dark", time.UTC, func() time.Time { return noon }
	m, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	m.Update(tea.WindowSizeMsg{Width: 160, Height: 50})
	return m
}

// BenchmarkUpdateView is from a key press to the new frame; the budget is 16 ms.
func BenchmarkUpdateView(b *testing.B) {
	flows := many(10_000)
	keys := []tea.KeyPressMsg{keyOf("k"), keyOf("k"), keyOf("pgup"), keyOf("j")}
	run := func(b *testing.B, m *Model) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			m.Update(keys[i%len(keys)])
			if len(m.View().Content) == 0 {
				b.Fatal("no frame")
			}
		}
	}
	b.Run("list", func(b *testing.B) { run(b, benchModel(b, Options{Flows: flows})) })
	b.Run("filter", func(b *testing.B) { run(b, benchModel(b, Options{Flows: flows, Filter: "status:>=500"})) })
	b.Run("sorted", func(b *testing.B) {
		m := benchModel(b, Options{Flows: flows})
		m.Update(keyOf("s"))
		run(b, m)
	})
	b.Run("beside", func(b *testing.B) {
		m := benchModel(b, Options{Flows: flows})
		m.Update(keyOf("2"))
		m.Update(keyOf("esc"))
		run(b, m)
	})
	b.Run("sort", func(b *testing.B) { // the key itself
		m := benchModel(b, Options{Flows: flows})
		for b.Loop() {
			m.Update(keyOf("s"))
			m.View()
		}
	})
	b.Run("arrivals", func(b *testing.B) { // a frame's worth of 2,000 a second
		m := benchModel(b, Options{Flows: flows})
		more := many(67)
		for b.Loop() {
			var list []Event
			for _, f := range more {
				g := *f
				g.Delivery.ID = tunnel.NewID(noon)
				list = append(list, Seen{&g})
			}
			m.Update(batch{events: list})
			m.View()
		}
	})
}

// BenchmarkFilter matches 10,000 flows, as it is done outside of the event loop.
func BenchmarkFilter(b *testing.B) {
	flows := many(10_000)
	for _, q := range []string{"status:>=500", "Ada", "json:customer.name=Ada"} {
		b.Run(q, func(b *testing.B) {
			m := benchModel(b, Options{Flows: flows})
			d := &driver{m: m}
			for b.Loop() {
				d.m.filter.gen++
				d.m.over = nil
				d.m.Update(keyOf("f"))
				for _, r := range q {
					_, cmd := m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
					if m.over.(*prompt).in.String() == q {
						cmd()
					}
				}
			}
		})
	}
}

// BenchmarkOpenLargeBody opens the detail of a 25 MiB body, to the frame that
// shows it; the budget is 100 ms.
func BenchmarkOpenLargeBody(b *testing.B) {
	item := `{"id":"evt_1","name":"Ada","list":[1,2,3],"deep":{"a":{"b":null}}},`
	line := "[" + strings.Repeat(item, 25<<20/len(item)) + "1]"
	s := &sampler{}
	for name, body := range map[string]string{"json": line, "one-string": `"` + strings.Repeat("x", 25<<20) + `"`, "text": strings.Repeat("y", 25<<20)} {
		f := answer(s.flow("stripe", "big", "/", body), 200, "", time.Millisecond)
		for mode := range bodyModes {
			b.Run(fmt.Sprintf("%s/%s", name, mode), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					m := benchModel(b, Options{Flows: []*inspect.Flow{f}})
					m.detail.mode = mode
					b.StartTimer()
					_, cmd := m.Update(keyOf("2"))
					for cmd != nil {
						msg := cmd()
						cmd = nil
						if list, ok := msg.(tea.BatchMsg); ok {
							for _, c := range list {
								if c != nil {
									msg = c()
								}
							}
						}
						_, cmd = m.Update(msg)
					}
					if strings.Contains(m.View().Content, " …\n") || m.detail.body.about == nil {
						b.Fatal("not opened")
					}
				}
			})
		}
	}
}

// BenchmarkFeed is what a webhook costs the forwarding path.
func BenchmarkFeed(b *testing.B) {
	f := NewFeed()
	list := many(4096)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.Send(Seen{list[i%len(list)]})
		if i%64 == 0 {
			f.take()
		}
	}
}
