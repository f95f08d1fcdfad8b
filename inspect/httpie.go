package inspect

import (
	"strings"
)

// httpie is a command line for HTTPie (3 or later) that sends the request
// again, as curl does.
func httpie(f *Flow, base string) ([]byte, error) {
	url, err := sendURL(f, base)
	if err != nil {
		return nil, err
	}
	method, err := argument("method", f.Delivery.Method)
	if err != nil {
		return nil, err
	}
	words := []string{"http", "--path-as-is"}
	pipe := ""
	if len(f.Delivery.Body) == 0 {
		words = append(words, "--ignore-stdin")
	} else {
		pipe = feeder(f.Delivery.Body) + " | "
	}
	words = append(words, method, url)
	for _, line := range sendHeader(f) {
		if err := sendable(line); err != nil {
			return nil, err
		}
		item := line.Name + ":" + httpieValue(line.Value)
		if line.Value == "" {
			item = line.Name + ";"
		}
		word, err := argument("header", item)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	for _, name := range []string{"Accept", "User-Agent", "Content-Type"} { // what HTTPie would add
		if len(f.Delivery.Header.Values(name)) == 0 {
			words = append(words, name+":")
		}
	}
	return []byte(pipe + strings.Join(words, " ") + "\n"), nil
}

// httpieValue is a value that begins with no sign that HTTPie would read as
// another separator (":=", ":@").
func httpieValue(s string) string {
	if s != "" && strings.IndexByte("=@:", s[0]) >= 0 {
		return `\` + s
	}
	return s
}
