package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// raw is the request as an HTTP/1.1 message.
func raw(f *Flow) []byte {
	d := &f.Delivery
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s%s HTTP/1.1\r\n", d.Method, d.Prefix, d.Target)
	if d.Host != "" && len(d.Header.Values("Host")) == 0 {
		fmt.Fprintf(&b, "Host: %s\r\n", d.Host)
	}
	for _, line := range d.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", line.Name, line.Value)
	}
	b.WriteString("\r\n")
	b.Write(d.Body)
	return b.Bytes()
}

// MaxImport bounds a file that is read back: a cassette is made of webhooks.
const MaxImport = 256 << 20

// ErrImport is why a file holds no flows.
var ErrImport = errors.New("neither a cassette nor an HTTP request")

// Import reads the flows of a cassette, or the one request of a raw HTTP
// message. now is the time of a flow that has none. Names that flows carry are
// never used as paths.
func Import(r io.Reader, now time.Time) ([]*Flow, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxImport+1))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxImport {
		return nil, fmt.Errorf("the file is larger than %d MiB: %w", MaxImport>>20, ErrImport)
	}
	if text := bytes.TrimLeft(b, " \t\r\n\ufeff"); len(text) > 0 && text[0] == '{' {
		return importCassette(b)
	}
	f, err := importRaw(b, now)
	if err != nil {
		return nil, err
	}
	return []*Flow{f}, nil
}

func importCassette(b []byte) ([]*Flow, error) {
	var flows []*Flow
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	for n := 1; len(b) > 0; n++ {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		f := &Flow{}
		if err := f.UnmarshalJSON(line); err != nil {
			return nil, fmt.Errorf("line %d: %w: %w", n, err, ErrImport)
		}
		if f.Delivery.Body == nil && f.BodySize > 0 {
			return nil, fmt.Errorf("line %d: the body is in a file of a history: %w", n, ErrBodyGone)
		}
		flows = append(flows, f)
	}
	return flows, nil
}

// importRaw reads a request as it stood on the wire. Lines may end in LF alone;
// the body is all behind the empty line, whatever Content-Length says.
func importRaw(b []byte, now time.Time) (*Flow, error) {
	next := func() (string, bool) {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		b = rest
		return string(bytes.TrimSuffix(line, []byte("\r"))), ok
	}
	first, _ := next()
	parts := strings.Split(first, " ")
	if len(parts) != 3 || !tunnel.ValidFieldName(parts[0]) || !strings.HasPrefix(parts[2], "HTTP/") {
		return nil, fmt.Errorf("line 1: not a request line: %w", ErrImport)
	}
	d := tunnel.Delivery{ID: tunnel.NewID(now), ReceivedAt: now, Method: parts[0], Target: parts[1], Attempt: 1}
	for n := 2; ; n++ {
		line, ended := next()
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !tunnel.ValidFieldName(name) {
			return nil, fmt.Errorf("line %d: not a header line: %w", n, ErrImport)
		}
		d.Header = append(d.Header, tunnel.Field{Name: name, Value: strings.Trim(value, " \t")})
		if !ended {
			break
		}
	}
	if _, rest, ok := strings.Cut(d.Target, "://"); ok && d.Target[0] != '/' { // absolute form, as proxies get it
		d.URL = d.Target
		host, path, _ := strings.Cut(rest, "/")
		d.Host, d.Target = host, "/"+path
	} else if !strings.HasPrefix(d.Target, "/") {
		return nil, fmt.Errorf("line 1: the path does not begin with /: %w", ErrImport)
	}
	if d.Host == "" {
		d.Host = d.Header.Get("Host")
	}
	d.Header = d.Header.Without("Host")
	if d.URL == "" && d.Host != "" {
		d.URL = "https://" + d.Host + d.Target
	}
	d.Body = b
	f := NewFlow(&d, now)
	f.Attempts = nil
	return f, nil
}
