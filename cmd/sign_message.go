package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// maxMessage bounds what sign and verify read: relays take bodies of 25 MiB.
const maxMessage = 64 << 20

// readInput reads a file, or standard input for "-".
func (e *Env) readInput(path string) ([]byte, error) {
	if path != "-" {
		b, err := readBounded(e.path(path), maxMessage)
		if err != nil {
			return nil, usage("", "reading %q: %w", path, err)
		}
		return b, nil
	}
	b, err := io.ReadAll(io.LimitReader(e.In, maxMessage+1))
	if err != nil {
		return nil, fmt.Errorf("reading standard input: %w", err)
	}
	if len(b) > maxMessage {
		return nil, usage("", "standard input has more than %s", formatBytes(maxMessage))
	}
	return b, nil
}

// parseAt reads a moment: Unix seconds, or RFC 3339.
func parseAt(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Now(), nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n < 1<<40 {
		return time.Unix(n, 0), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	return time.Time{}, usage("give Unix seconds, or 2026-01-02T15:04:05Z", "%s: %q is no time", flag, s)
}

// parseHTTP reads a raw HTTP/1 request: the body is every byte after the empty
// line, up to Content-Length where that says less. The URL is built from the
// request line and Host; https is taken where nothing says otherwise.
func parseHTTP(raw []byte) (*signer.Request, error) {
	bad := func(format string, args ...any) (*signer.Request, error) {
		return nil, usage("a raw request begins with \"POST /path HTTP/1.1\"; or give -H, --body, --url and --method", format, args...)
	}
	line, rest := cutLine(raw)
	parts := strings.Fields(string(line))
	if len(parts) < 2 || len(parts) > 3 || !tunnel.ValidFieldName(parts[0]) || len(parts) == 3 && !strings.HasPrefix(parts[2], "HTTP/") {
		return bad("the message does not begin with the line of an HTTP request")
	}
	req := &signer.Request{Method: parts[0], Header: http.Header{}}
	for {
		line, rest = cutLine(rest)
		if len(line) == 0 {
			break
		}
		name, value, ok := strings.Cut(string(line), ":")
		if !ok || !tunnel.ValidFieldName(name) {
			return bad("the line %.60q is no header", line)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		req.Header[name] = append(req.Header[name], strings.Trim(value, " \t"))
	}
	if strings.EqualFold(req.Header.Get("Transfer-Encoding"), "chunked") {
		b, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(rest)))
		if err != nil {
			return bad("the chunked body cannot be read: %w", err)
		}
		rest = b
	} else if n, err := strconv.Atoi(req.Header.Get("Content-Length")); err == nil && n >= 0 {
		if n > len(rest) {
			return bad("the body has %d bytes, its Content-Length says %d", len(rest), n)
		}
		rest = rest[:n]
	}
	req.Body = rest
	req.URL = parts[1]
	if strings.HasPrefix(req.URL, "/") {
		scheme := "https"
		if p := req.Header.Get("X-Forwarded-Proto"); p == "http" || p == "https" {
			scheme = p
		}
		host := req.Header.Get("Host")
		if host == "" {
			host = "localhost"
		}
		req.URL = scheme + "://" + host + req.URL
	}
	return req, nil
}

// cutLine cuts the first line off, without its end.
func cutLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

// headerMap makes -H flags a header.
func headerMap(list []string) (http.Header, error) {
	fields, err := headerLines(list)
	if err != nil {
		return nil, err
	}
	return fields.HTTP(), nil
}

// guessType is the Content-Type of a body whose sender is to be imitated: some
// schemes read forms and JSON differently.
func guessType(body []byte, s *signer.Scheme) string {
	trimmed := bytes.TrimSpace(body)
	switch {
	case len(trimmed) == 0:
		return ""
	case (trimmed[0] == '{' || trimmed[0] == '[') && json.Valid(trimmed):
		return "application/json"
	case usesForm(s):
		return "application/x-www-form-urlencoded"
	}
	return ""
}

func usesForm(s *signer.Scheme) bool {
	return s.Hook == "twilio" || s.Hook == "plivo-v3" || strings.HasPrefix(s.Signature.From, "form:") || strings.Contains(s.Content, "form")
}
