package tui

import (
	"math/rand/v2"
	"strconv"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// TestMonkey presses keys, clicks, resizes and lets webhooks come, at random:
// every frame keeps to the screen.
func TestMonkey(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { monkey(t, rand.New(rand.NewPCG(seed, 2))) })
	}
}

func monkey(t *testing.T, r *rand.Rand) {
	var all []string
	for _, a := range table() {
		for _, k := range a.keys {
			if k != "e" && k != "o" && k != "ctrl+c" && k != "q" { // they leave the screen
				all = append(all, k)
			}
		}
	}
	d := drive(t, 100, 30, Options{Actions: fakeActions(func(string) {}, nil)})
	listed(d)
	s := &sampler{n: 100}
	list := nasties()
	for i := range 1500 {
		switch n := r.IntN(20); {
		case n == 0:
			d.send(tea.WindowSizeMsg{Width: 40 + r.IntN(140), Height: 8 + r.IntN(50)})
		case n == 1:
			d.send(tea.MouseClickMsg{X: r.IntN(180), Y: r.IntN(60), Button: tea.MouseLeft})
		case n == 2:
			d.send(tea.MouseWheelMsg{X: r.IntN(180), Y: r.IntN(60), Button: []tea.MouseButton{tea.MouseWheelUp, tea.MouseWheelDown}[r.IntN(2)]})
		case n == 3:
			d.events(Seen{s.flow("stripe", "x", "/"+list[r.IntN(len(list))], list[r.IntN(50)])})
		case n == 4:
			d.types("a")
		case n == 5:
			d.keys("esc")
		default:
			d.keys(all[r.IntN(len(all))])
		}
		d.frame()
		if t.Failed() {
			t.Fatalf("at step %d", i)
		}
	}
}

func TestMouse(t *testing.T) {
	d := listening(t, 120, 40, Options{})
	d.send(tea.MouseClickMsg{X: 10, Y: 5, Button: tea.MouseLeft}) // the second row
	d.has("› ✗ error")
	d.send(tea.MouseClickMsg{X: 10, Y: 5, Button: tea.MouseLeft})
	d.has("[Summary]")
	d.send(tea.MouseClickMsg{X: 54 + 12, Y: 3, Button: tea.MouseLeft})
	d.has("[Request]", "refs/heads/main")
	d.send(tea.MouseWheelMsg{X: 10, Y: 8, Button: tea.MouseWheelUp})
	d.has("› ✓ ok    stripe")
}
