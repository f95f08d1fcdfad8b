package tui

import (
	"os"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

func pasted(s string) tea.PasteMsg { return tea.PasteMsg{Content: s} }

// TestKeys types what a user types and looks for what it does.
func TestKeys(t *testing.T) {
	for _, c := range []struct {
		name string
		keys string // separated by spaces; "'text" is typed
		did  string // what the actions were told, separated by ";"
		has  string // on the screen
	}{
		{"the newest is followed", "", "", "› … wait  11:59:07"},
		{"moving up turns following off", "k", "", "› ✓ ok    11:59:06"},
		{"arrows move", "up up down", "", "› ✓ ok    11:59:06"},
		{"g goes to the oldest", "g", "", "› ✓ ok    11:59:01"},
		{"G to the newest", "g G", "", "› … wait"},
		{"enter opens the detail", "enter", "", "[1 Summary]"},
		{"digits open tabs", "5", "", "[5 Attempts]"},
		{"tab goes to the next tab", "enter tab", "", "[2 Request]"},
		{"shift+tab to the previous", "enter shift+tab", "", "[6 Timeline]"},
		{"escape goes back", "enter esc", "", "› … wait"},
		{"q goes back from the detail", "enter q", "", "› … wait"},
		{"J shows the next webhook", "g 1 J", "", "github  push"},
		{"r replays", "g r", "replay invoice.paid {Resign:false To: Edited:false}", "replayed"},
		{"R signs anew", "g R", "replay invoice.paid {Resign:true To: Edited:false}", "signed anew"},
		{"t asks for a target", "g t ctrl+u 'localhost:4000 enter", "replay invoice.paid {Resign:false To:localhost:4000 Edited:false}", ""},
		{"m marks", "g m", "mark invoice.paid true", "›*✓ ok"},
		{"m again takes the mark away", "g m m", "mark invoice.paid true;mark invoice.paid false", "› ✓ ok"},
		{"M shows only the marked", "g m M", "mark invoice.paid true", "only marked · 1 of 7"},
		{"; writes a note", "g ; 'hello enter", "note invoice.paid hello", "note"},
		{"c c copies curl", "g c c", "render invoice.paid curl;clipboard curl of /webhooks/stripe", "curl command copied"},
		{"c i copies the id", "g c down esc c i", "clipboard dlv_06gvruavh030e209185go38e1s", "id copied"},
		{"y copies the URL", "y", "clipboard https://relay.example/h/5pv3cmnkqkbdxgsg6xnzm2dm4o6mbuvx", "clipboard"},
		{"x h exports HAR", "g x h", "export 1 har", "written to flows.har"},
		{"x exports the marked", "g m down m x j", "mark invoice.paid true;mark push true;export 2 cassette", "flows.cassette"},
		{"w saves the request's body", "g w", "save invoice.paid 0", "saved to body.json"},
		{"w saves the answer's on its tab", "g 3 w", "save invoice.paid 1", "saved to body.json"},
		{"p pauses", "p", "pause", "paused"},
		{"space pauses in the list", "space", "pause", "paused"},
		{"space turns the page in the detail", "g 2 space", "", "100%"},
		{"T sends a sample", "T", "sample", "sample sent"},
		{"s sorts", "s s", "", "by duration"},
		{"f filters", "f 'provider:github enter", "", "filter provider:github · 3 of 7"},
		{"escape leaves the filter as it was", "f 'provider:github esc", "", "from"},
		{"a wrong filter is not taken", "f 'status:>x enter", "", "column"},
		{"/ finds in bodies", "/ 'refs/heads enter", "", "› ✗ error"},
		{"n goes on around the end", "/ 'github enter n n", "", "search github 3"},
		{"/ finds in the detail", "g 2 / 'amount enter", "", "1 of 1"},
		{"v verifies with another secret", "g down v 'env:RIGHT enter", "", "with env:RIGHT: valid"},
		{"v tells what is wrong with the secret", "g down v 'env:WRONG enter", "", "no such secret"},
		{"a shows the body raw", "g 2 a", "", "raw"},
		{"a a shows it in hex", "g 2 a a", "", "00000000"},
		{"a a a as a tree", "g 2 a a a", "", "data: {1}"},
		{"* hides what is secret", "g 2 *", "", "[redacted]"},
		{"i collapses the header", "i", "", "received 7"},
		{"? shows help", "?", "", "a page up"},
		{"f1 too", "f1", "", "a page up"},
		{": runs by name", ": 'replay enter", "replay  {Resign:false To: Edited:false}", ""},
		{"L shows messages", "g r L", "replay invoice.paid {Resign:false To: Edited:false}", "Messages"},
		{"z asks and clears", "z y", "", "received 7"},
		{"Z clears what is hidden", "f 'provider:github enter Z", "", "4 hidden webhooks cleared"},
		{"= wants two", "=", "", "mark two webhooks"},
		{"- shows the detail elsewhere", "- -", "", "detail"},
		{"q asks while something runs", "q", "", "One delivery is under way"},
		{"ctrl+c drains", "ctrl+c", "stop", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var did []string
			d := listening(t, 80, 24, Options{Actions: fakeActions(func(s string) { did = append(did, s) }, errNoSecret)})
			for k := range strings.FieldsSeq(c.keys) {
				if typed, ok := strings.CutPrefix(k, "'"); ok {
					d.types(typed)
				} else {
					d.keys(k)
				}
				d.frame()
			}
			if got := strings.Join(did, ";"); got != c.did {
				t.Errorf("did %q, want %q", got, c.did)
			}
			d.has(c.has)
		})
	}
}

type testError string

func (e testError) Error() string { return string(e) }

const errNoSecret = testError("no such secret")

func TestMissingActionsAreGrey(t *testing.T) {
	d := listening(t, 80, 24, Options{})
	for _, k := range []string{"r", "R", "e", "t", "v", "x", "w", "o", "p", "T", "*"} {
		d.keys("g", k)
		d.has("not here")
		d.m.toast = Said{}
	}
	d.keys("ctrl+c")
	if !d.quit {
		t.Error("without a listener ctrl+c quits at once")
	}
}

func TestStopTwiceQuitsNow(t *testing.T) {
	a := fakeActions(func(string) {}, nil)
	d := listening(t, 80, 24, Options{Actions: a})
	d.m.stop() // its command is not run: the listener still drains
	d.has("draining")
	d.keys("ctrl+c")
	if !d.quit {
		t.Error("the second ctrl+c did not quit")
	}
}

// TestEveryKeyIsHarmless presses all keys in all views, with flows and without.
func TestEveryKeyIsHarmless(t *testing.T) {
	var all []string
	for _, a := range table() {
		all = append(all, a.keys...)
	}
	for _, flows := range []bool{false, true} {
		for _, size := range [][2]int{{60, 20}, {120, 40}, {40, 8}, {20, 5}} {
			for _, first := range []string{"", "enter", ":", "c", "?"} {
				d := drive(t, size[0], size[1], Options{Actions: fakeActions(func(string) {}, nil)})
				if flows {
					listed(d)
				}
				for _, k := range all {
					if k == "e" || k == "o" || k == "ctrl+c" || k == "ctrl+z" { // they leave the screen
						continue
					}
					if first != "" {
						d.keys(first)
					}
					d.keys(k)
					if size[0] >= minWidth && size[1] >= minHeight {
						d.frame()
					}
					d.keys("esc", "esc")
				}
			}
		}
	}
}

func TestKeymapFromConfiguration(t *testing.T) {
	for _, c := range []struct {
		keys map[string][]string
		want string // in the error
	}{
		{map[string][]string{"replay": {"ctrl+r", "F5"}}, ""},
		{map[string][]string{"replay": {"R"}, "resign": {"r"}}, ""},
		{map[string][]string{"pause": {}}, ""},
		{map[string][]string{"sort": {"r"}}, ""}, // taken from replay
		{map[string][]string{"replaz": {"r"}}, `no action "replaz"`},
		{map[string][]string{"replay-now": {"r"}}, `did you mean "replay"`},
		{map[string][]string{"replay": {"r"}, "resign": {"r"}}, `"r" is for both replay and resign`},
		{map[string][]string{"replay": {"hyper+r"}}, `"hyper+r" is no key`},
		{map[string][]string{"replay": {""}}, `"" is no key`},
		{map[string][]string{"replay": {"\x1b"}}, `is no key`},
		{map[string][]string{"replay": {"ctrl+c"}}, `ctrl+c always stops`},
		{map[string][]string{"quit": {}}, `quit needs a key`},
	} {
		_, err := New(Options{Keys: c.keys})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%v: %v", c.keys, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%v: got %v, want %q", c.keys, err, c.want)
		}
	}
	var did []string
	d := listening(t, 80, 24, Options{Actions: fakeActions(func(s string) { did = append(did, s) }, nil), Keys: map[string][]string{"replay": {"Ctrl-R"}}})
	d.keys("g", "r", "ctrl+r")
	if len(did) != 1 {
		t.Errorf("did %q, want one replay, by ctrl+r", did)
	}
}

// TestTableIsSound holds that ids are unique and that the map of PEERS is all
// there.
func TestTableIsSound(t *testing.T) {
	var ids []string
	for _, a := range table() {
		if slices.Contains(ids, a.id) {
			t.Errorf("%q is there twice", a.id)
		}
		ids = append(ids, a.id)
		if a.help == "" || a.do == nil || a.in == 0 {
			t.Errorf("%q is not complete", a.id)
		}
		for _, k := range a.keys {
			if name, err := keyName(shownKey(k)); err != nil && name != k && !strings.ContainsAny(shownKey(k), "↑↓←→") && k != "ctrl+c" {
				t.Errorf("%q: key %q is shown as %q, which is read as %q, %v", a.id, k, shownKey(k), name, err)
			}
		}
	}
	m, err := newKeymap(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range strings.Fields("up down k j pgup pgdown ctrl+b ctrl+f g G home end enter right l d esc q tab shift+tab 1 2 3 4 5 6 - ctrl+w / n N f F r R e t m M = c x w y p space s v o i z Z ; : ctrl+p ? f1 ctrl+l ctrl+c T") {
		if _, ok := m.list[k]; !ok {
			t.Errorf("%q does nothing in the list", k)
		}
	}
	for _, k := range strings.Fields("up down k j pgup pgdown ctrl+b ctrl+f g G home end esc left h q tab shift+tab 1 2 3 4 5 6 - ctrl+w / n N f r R e t m = c x w y space a v o ; : ctrl+p ? f1 ctrl+l ctrl+c") {
		if _, ok := m.detail[k]; !ok {
			t.Errorf("%q does nothing in the detail", k)
		}
	}
}

// TestKeysDoc holds that docs/keys.md was made from the table; HOOK_UPDATE=1
// writes it.
func TestKeysDoc(t *testing.T) {
	const name = "../../docs/keys.md"
	if os.Getenv("HOOK_UPDATE") != "" {
		if err := os.WriteFile(name, []byte(keysDoc()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != keysDoc() {
		t.Error("docs/keys.md is not what the table says: HOOK_UPDATE=1 go test ./inspect/tui -run TestKeysDoc")
	}
}

// binding is a row of the key map for documents and configuration.
type binding struct {
	Action string
	Group  string
	Keys   []string
	View   string // list, detail or both
	Help   string
}

// bindings is the key map as it is without any configuration.
func bindings() []binding {
	var out []binding
	for _, a := range table() {
		b := binding{Action: a.id, Group: a.group, View: a.in.String(), Help: a.help}
		for _, k := range a.keys {
			b.Keys = append(b.Keys, shownKey(k))
		}
		out = append(out, b)
	}
	return out
}

// keysDoc is the key map as a page of Markdown.
func keysDoc() string {
	var b strings.Builder
	b.WriteString("# Keys of the inspector\n\n")
	b.WriteString("Made from the table in `inspect/tui/keys.go`. In `hook.yaml`, `keys:` maps an action to its keys:\n")
	b.WriteString("`keys: {replay: [ctrl+r], pause: []}`. A key given there is taken from the action that had it.\n")
	group := ""
	for _, row := range bindings() {
		if row.Group != group {
			group = row.Group
			b.WriteString("\n## " + group + "\n\n| action | keys | view | |\n|---|---|---|---|\n")
		}
		keys := ""
		for i, k := range row.Keys {
			if i > 0 {
				keys += " "
			}
			if k == "|" {
				k = `\|`
			}
			keys += "`" + k + "`"
		}
		b.WriteString("| `" + row.Action + "` | " + keys + " | " + row.View + " | " + row.Help + " |\n")
	}
	return b.String()
}

// The last marked webhook leaves a list of marked ones when its mark is taken
// away, and with a filter it is matched again: nothing is selected then.
func TestTheLastMarkIsTakenAway(t *testing.T) {
	for _, mark := range []bool{true, false} {
		a := fakeActions(func(string) {}, nil)
		if !mark {
			a.Mark = nil
		}
		d := listening(t, 80, 24, Options{Actions: a, Filter: "method:POST"})
		d.keys("m", "M", "m")
		if d.m.sel != nil {
			t.Error("a webhook without a mark is in the list")
		}
		d.keys("enter")
		d.has("no webhook is in the list")
		d.keys("M", "enter")
		if d.m.sel == nil {
			t.Error("the list did not come back")
		}
	}
}

// Ctrl-Z is the program's to do: it must give up the terminal first.
func TestSuspend(t *testing.T) {
	d := listening(t, 80, 24, Options{})
	d.keys("ctrl+z")
	d.has("suspend: not here")
	stopped := 0
	d = listening(t, 80, 24, Options{Actions: Actions{Suspend: func() error { stopped++; return nil }}})
	if cmd := d.m.press(keyOf("ctrl+z")); cmd == nil || stopped != 0 {
		t.Errorf("a command: %v; stopped %d times", cmd != nil, stopped)
	}
}

// What is searched for is not on this page of the detail, and is on the next.
func TestASearchThatFindsOnAnotherTab(t *testing.T) {
	d := listening(t, 80, 24, Options{})
	d.keys("g", "enter", "1", "/")
	d.types("content-type")
	d.keys("enter")
	d.has("is not on this page")
	d.keys("2")
	d.has("Content-Type")
	d.frame()
	d.keys("n")
	d.has("1 of ")
}
