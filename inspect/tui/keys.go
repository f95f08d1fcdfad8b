package tui

import tea "charm.land/bubbletea/v2"

// views says where a key works.
type views byte

const (
	inList views = 1 << iota
	inDetail
	inBoth = inList | inDetail
)

func (v views) String() string {
	switch v {
	case inList:
		return "list"
	case inDetail:
		return "detail"
	}
	return "both"
}

// action is a row of the key map: what can be done, with which keys, where.
type action struct {
	id      string
	group   string
	keys    []string // as bubbletea writes them
	in      views
	help    string
	hint    string               // one word for the last line of the screen; "" is not shown there
	do      func(*Model) tea.Cmd // what it does
	can     func(*Model) string  // why it cannot be done now; "" or nil: it can
	changed bool                 // by the configuration
}

// The groups, in the order of the help page.
const (
	moving   = "Move"
	looking  = "Look"
	finding  = "Find"
	acting   = "Do something with a webhook"
	taking   = "Copy and export"
	listener = "The listener"
	general  = "General"
)

// table is the key map. Its order is that of the help page.
func table() []action {
	keys := func(list ...string) []string { return list }
	return []action{
		{id: "up", group: moving, keys: keys("up", "k"), in: inBoth, help: "up", do: by(-1)},
		{id: "down", group: moving, keys: keys("down", "j"), in: inBoth, help: "down", do: by(1)},
		{id: "page-up", group: moving, keys: keys("pgup", "ctrl+b"), in: inBoth, help: "a page up", do: byPage(-1)},
		{id: "page-down", group: moving, keys: keys("pgdown", "ctrl+f"), in: inBoth, help: "a page down", do: byPage(1)},
		{id: "top", group: moving, keys: keys("g", "home"), in: inBoth, help: "to the beginning", do: (*Model).toTop},
		{id: "bottom", group: moving, keys: keys("G", "end"), in: inBoth, help: "to the end; in the list, follow the newest", do: (*Model).toBottom},
		{id: "follow", group: moving, keys: keys("F"), in: inList, help: "follow the newest, on or off", do: (*Model).toggleFollow},
		{id: "open", group: moving, keys: keys("enter", "right", "l", "d"), in: inList, help: "open the detail", hint: "open", do: (*Model).openDetail, can: (*Model).needFlow},
		{id: "back", group: moving, keys: keys("esc", "left", "h", "q"), in: inDetail, help: "back to the list", hint: "back", do: (*Model).back},
		{id: "close", group: moving, keys: keys("esc"), in: inList, help: "close the detail beside the list, then end the search", do: (*Model).closeDetail},
		{id: "pane", group: moving, keys: keys("tab", "shift+tab"), in: inList, help: "to the other pane", do: (*Model).openDetail, can: (*Model).needFlow},
		{id: "next-tab", group: moving, keys: keys("tab"), in: inDetail, help: "next tab", hint: "tabs", do: nextTab(1)},
		{id: "previous-tab", group: moving, keys: keys("shift+tab"), in: inDetail, help: "previous tab", do: nextTab(-1)},
		{id: "next-webhook", group: moving, keys: keys("J"), in: inDetail, help: "detail of the next webhook", do: neighbour(1)},
		{id: "previous-webhook", group: moving, keys: keys("K"), in: inDetail, help: "detail of the previous webhook", do: neighbour(-1)},

		{id: "summary", group: looking, keys: keys("1"), in: inBoth, help: "Summary", do: toTab(summary), can: (*Model).needFlow},
		{id: "request", group: looking, keys: keys("2"), in: inBoth, help: "Request", do: toTab(request), can: (*Model).needFlow},
		{id: "response", group: looking, keys: keys("3"), in: inBoth, help: "Response", do: toTab(response), can: (*Model).needFlow},
		{id: "signature", group: looking, keys: keys("4"), in: inBoth, help: "Signature", do: toTab(signature), can: (*Model).needFlow},
		{id: "attempts", group: looking, keys: keys("5"), in: inBoth, help: "Attempts", do: toTab(attempts), can: (*Model).needFlow},
		{id: "timeline", group: looking, keys: keys("6"), in: inBoth, help: "Timeline", do: toTab(timeline), can: (*Model).needFlow},
		{id: "layout", group: looking, keys: keys("-", "ctrl+w"), in: inBoth, help: "detail to the right, below, or on the whole screen", do: (*Model).cycleLayout},
		{id: "body", group: looking, keys: keys("a"), in: inDetail, help: "body pretty, raw, hex or as a tree", hint: "body", do: (*Model).cycleBody},
		{id: "full", group: looking, keys: keys("f"), in: inDetail, help: "more of a long body, or its beginning", do: (*Model).toggleFull},
		{id: "fold", group: looking, keys: keys("<"), in: inDetail, help: "tree: fold a level", do: fold(-1)},
		{id: "unfold", group: looking, keys: keys(">"), in: inDetail, help: "tree: unfold a level", do: fold(1)},
		{id: "page-body", group: looking, keys: keys("o"), in: inBoth, help: "open the body in your pager", do: (*Model).pageBody, can: (*Model).canPage},
		{id: "redact", group: looking, keys: keys("*"), in: inBoth, help: "hide what is secret in the detail, or show it", do: (*Model).toggleHide, can: (*Model).canRedact},
		{id: "header", group: looking, keys: keys("i"), in: inBoth, help: "collapse the header", do: (*Model).toggleHeader},
		{id: "log", group: looking, keys: keys("L"), in: inBoth, help: "messages so far", do: (*Model).showLog},

		{id: "search", group: finding, keys: keys("/"), in: inBoth, help: "search: in the list all of each webhook, in the detail this tab", hint: "search", do: (*Model).search},
		{id: "next", group: finding, keys: keys("n"), in: inBoth, help: "next find", do: nextFind(1)},
		{id: "previous", group: finding, keys: keys("N"), in: inBoth, help: "previous find", do: nextFind(-1)},
		{id: "filter", group: finding, keys: keys("f"), in: inList, help: "filter, in the query language: status:>=500", hint: "filter", do: (*Model).editFilter},
		{id: "sort", group: finding, keys: keys("s"), in: inList, help: "sort by time, status, duration, size", do: (*Model).cycleSort},
		{id: "only-marked", group: finding, keys: keys("M"), in: inList, help: "only the marked, or all", do: (*Model).toggleOnly},
		{id: "clear", group: finding, keys: keys("z"), in: inList, help: "clear the list, all but the marked; the history keeps them", do: (*Model).clear, can: (*Model).needFlow},
		{id: "purge", group: finding, keys: keys("Z"), in: inList, help: "clear what the filter hides; the history keeps it", do: (*Model).purge, can: (*Model).canPurge},

		{id: "replay", group: acting, keys: keys("r"), in: inBoth, help: "replay exactly", hint: "replay", do: (*Model).replay, can: (*Model).canReplay},
		{id: "resign", group: acting, keys: keys("R"), in: inBoth, help: "replay, signed anew now", do: (*Model).resign, can: (*Model).canReplay},
		{id: "edit", group: acting, keys: keys("e"), in: inBoth, help: "edit, then replay", do: (*Model).edit, can: (*Model).canEdit},
		{id: "retarget", group: acting, keys: keys("t"), in: inBoth, help: "replay to another target", do: (*Model).retarget, can: (*Model).canReplay},
		{id: "verify", group: acting, keys: keys("v"), in: inBoth, help: "verify again with another secret", do: (*Model).verify, can: (*Model).canVerify},
		{id: "mark", group: acting, keys: keys("m"), in: inBoth, help: "mark, or take the mark away", do: (*Model).mark, can: (*Model).needFlow},
		{id: "diff", group: acting, keys: keys("="), in: inBoth, help: "compare the two marked, or the marked with this one", do: (*Model).compare, can: (*Model).canCompare},
		{id: "note", group: acting, keys: keys(";"), in: inBoth, help: "write a note", do: (*Model).note, can: (*Model).needFlow},

		{id: "copy", group: taking, keys: keys("c"), in: inBoth, help: "copy as curl, body, headers …", hint: "copy", do: (*Model).copyMenu, can: (*Model).needFlow},
		{id: "export", group: taking, keys: keys("x"), in: inBoth, help: "export as HAR, cassette, curl …", do: (*Model).exportMenu, can: (*Model).canExport},
		{id: "save", group: taking, keys: keys("w"), in: inBoth, help: "save the body to a file", do: (*Model).save, can: (*Model).canSave},
		{id: "copy-url", group: taking, keys: keys("y"), in: inBoth, help: "copy the endpoint's URL", do: (*Model).copyURL, can: (*Model).needURL},

		{id: "pause", group: listener, keys: keys("p"), in: inBoth, help: "pause delivery, the queue holds it; resume", hint: "pause", do: (*Model).pause, can: (*Model).canPause},
		{id: "pause-list", group: listener, keys: keys("space"), in: inList, help: "the same", do: (*Model).pause, can: (*Model).canPause},
		{id: "page-down-detail", group: moving, keys: keys("space"), in: inDetail, help: "a page down", do: byPage(1)},
		{id: "sample", group: listener, keys: keys("T"), in: inList, help: "send a signed sample through the endpoint", do: (*Model).sample, can: (*Model).canSample},

		{id: "palette", group: general, keys: keys(":", "ctrl+p"), in: inBoth, help: "all actions by their names", do: (*Model).palette},
		{id: "help", group: general, keys: keys("?", "f1"), in: inBoth, help: "this page", hint: "help", do: (*Model).help},
		{id: "theme", group: general, in: inBoth, help: "next theme: dark, light, 16 colours, mono", do: (*Model).cycleTheme},
		{id: "redraw", group: general, keys: keys("ctrl+l"), in: inBoth, help: "redraw", do: (*Model).redraw},
		{id: "suspend", group: general, keys: keys("ctrl+z"), in: inBoth, help: "back to the shell, fg returns; until then nothing is delivered", do: (*Model).suspend, can: (*Model).canSuspend},
		{id: "quit", group: general, keys: keys("q"), in: inList, help: "quit; asks when something is under way", hint: "quit", do: (*Model).quit},
		{id: "stop", group: general, keys: keys("ctrl+c"), in: inBoth, help: "finish what is under way and quit; again: quit now", do: (*Model).stop},
	}
}
