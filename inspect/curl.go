package inspect

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/hookrelay/hook/tunnel"
)

// maxArgument is up to where a body stands in the command line itself: Linux
// refuses words of 128 KiB, Windows lines of 32 KiB.
const maxArgument = 16 << 10

// curl is a command line that sends the request again: the same method, path,
// headers and body, byte for byte. It is one line of printable ASCII and ends
// in a line feed.
func curl(f *Flow, base string) ([]byte, error) {
	url, err := sendURL(f, base)
	if err != nil {
		return nil, err
	}
	method, err := argument("method", f.Delivery.Method)
	if err != nil {
		return nil, err
	}
	words := []string{"curl", "--globoff", "--path-as-is", "-X", method}
	if f.Delivery.Method == http.MethodHead {
		words = []string{"curl", "--globoff", "--path-as-is", "--head"}
	}
	for _, line := range sendHeader(f) {
		if err := sendable(line); err != nil {
			return nil, err
		}
		text := line.Name + ": " + line.Value
		if strings.Trim(line.Value, " \t") == "" {
			text = line.Name + ";" // with a colon curl would leave it out
		}
		word, err := argument("header", text)
		if err != nil {
			return nil, err
		}
		words = append(words, "-H", word)
	}
	// What curl would add of its own.
	for _, name := range []string{"Accept", "User-Agent", "Content-Type", "Expect"} {
		if name == "Content-Type" && len(f.Delivery.Body) == 0 {
			continue
		}
		if len(f.Delivery.Header.Values(name)) == 0 {
			words = append(words, "-H", name+":")
		}
	}
	body := f.Delivery.Body
	pipe := ""
	switch {
	case len(body) == 0:
		if f.Delivery.Method == http.MethodPost || f.Delivery.Header.Get("Content-Length") == "0" {
			words = append(words, "-H", "'Content-Length: 0'")
		}
	case len(body) <= maxArgument && isPrintable(string(body)) && body[0] != '@':
		words = append(words, "--data-binary", shellWord(string(body)))
	default:
		words = append(words, "--data-binary", "@-")
		pipe = feeder(body) + " | "
	}
	words = append(words, url)
	return []byte(pipe + strings.Join(words, " ") + "\n"), nil
}

// sendURL is where an exported request goes, as a word of the shell. The path
// is never joined by parsing: it stands behind the base as it came.
func sendURL(f *Flow, base string) (string, error) {
	url := f.Delivery.URL
	if base != "" {
		url = strings.TrimSuffix(base, "/") + f.Delivery.Target
	}
	if url == "" {
		host := f.Delivery.Host
		if host == "" {
			host = "localhost"
		}
		url = "http://" + host + f.Delivery.Prefix + f.Delivery.Target
	}
	for i := range len(url) {
		if url[i] <= ' ' || url[i] == 0x7f {
			return "", fmt.Errorf("the URL %q %w", url[:min(len(url), 80)], ErrNoArgument)
		}
	}
	return argument("URL", url)
}

// sendHeader is the header less what a client makes itself. The
// host is that of the URL.
func sendHeader(f *Flow) tunnel.Header {
	h, _ := f.Delivery.Header.EndToEnd()
	return h.Without("Host", "Content-Length")
}

func sendable(line tunnel.Field) error {
	if !tunnel.ValidFieldName(line.Name) || !tunnel.ValidFieldValue(line.Value) {
		return fmt.Errorf("the header line %q %w", (line.Name + ": " + line.Value)[:min(len(line.Name)+2+len(line.Value), 80)], ErrNoArgument)
	}
	return nil
}
