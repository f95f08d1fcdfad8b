package payloads

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// data holds one file a provider:
//
//	{
//	  "scheme": "…",            // that signs; default: the provider's first
//	  "indent": "  ",           // how the provider writes JSON; default: in one line
//	  "headers": {"User-Agent": "…"},
//	  "vars": {"customer": "cus_${alnum:14}"},
//	  "parts": {"charge": {…}},
//	  "events": {
//	    "charge.succeeded": {
//	      "source": "npm stripe 23.1.0 ChargeSucceededEvent", // "" or missing: unchecked
//	      "headers": {}, "vars": {}, "method": "POST", "query": "", "scheme": "",
//	      "body": {"object": {"$use": "charge", "paid": true}} // or "form": {…}
//	    }
//	  }
//	}
//
// Texts may hold placeholders, ${…}: see generator.value.
//
//go:embed data/*.json
var data embed.FS

// file is one parsed file.
type file struct {
	name, scheme, indent string
	root, events         *node
}

// files are the ids of the providers with a file, sorted.
func files() []string {
	var names []string
	list, err := data.ReadDir("data")
	if err != nil {
		return nil // it is embedded
	}
	for _, f := range list {
		names = append(names, strings.TrimSuffix(f.Name(), ".json"))
	}
	return names
}

// loaded holds the files read so far, by provider: a run of hook trigger makes
// many samples of one. A file is never changed, samples are made of copies.
var loaded sync.Map

func load(provider string) (*file, error) {
	if f, ok := loaded.Load(provider); ok {
		return f.(*file), nil
	}
	f, err := read(provider)
	if err == nil {
		loaded.Store(provider, f)
	}
	return f, err
}

func read(provider string) (*file, error) {
	raw, err := data.ReadFile(path.Join("data", provider+".json"))
	if errors.Is(err, fs.ErrNotExist) || !fs.ValidPath(provider) {
		return nil, fmt.Errorf("%w of provider %q", ErrUnknown, provider)
	}
	if err != nil {
		return nil, err
	}
	root, err := parseNode(raw)
	if err != nil {
		return nil, fmt.Errorf("samples of %q: %w", provider, err)
	}
	f := &file{name: provider, scheme: provider, root: root, events: root.get("events")}
	if s := root.get("scheme"); s != nil {
		f.scheme = s.text
	}
	if s := root.get("indent"); s != nil {
		f.indent = s.text
	}
	if f.events == nil || f.events.kind != object {
		return nil, fmt.Errorf("samples of %q: there are no events", provider)
	}
	return f, nil
}

func (f *file) describe(name string, row *node) Event {
	e := Event{Provider: f.name, Name: name}
	if s := row.get("source"); s != nil {
		e.Source = s.text
	}
	if s := row.get("about"); s != nil {
		e.Summary = s.text
	}
	return e
}
