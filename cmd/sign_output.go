package cmd

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hookrelay/hook/signer"
	"github.com/hookrelay/hook/tunnel"
)

// maxCurlBody bounds a body that is written into a command line.
const maxCurlBody = 64 << 10

// signedFace is what sign prints as JSON, a line of --batch too.
type signedFace struct {
	Provider string            `json:"provider,omitempty"`
	Scheme   string            `json:"scheme"`
	Headers  map[string]string `json:"headers"`            // those that carry the signature
	Body     []byte            `json:"body_b64,omitempty"` // the body to send, where the signature is a part of it
	URL      string            `json:"url,omitempty"`      // the URL to send to, where the signature is a part of it
}

func faceOf(provider, scheme string, s *signer.Signed) signedFace {
	f := signedFace{Provider: provider, Scheme: scheme, Headers: map[string]string{}, Body: s.Body, URL: s.URL}
	for _, h := range s.Headers {
		f.Headers[h.Name] = h.Value
	}
	return f
}

// printSigned prints what was made.
func printSigned(env *Env, o *signOptions, req *signer.Request, s *signer.Signed) error {
	for _, h := range s.Headers {
		if !tunnel.ValidFieldName(h.Name) || !tunnel.ValidFieldValue(h.Value) {
			return usage("look at --id, --param and the secret", "header %q would hold characters that no header may have", h.Name)
		}
	}
	switch o.output {
	case "json":
		return printJSON(env, faceOf(o.provider, o.scheme, s))
	case "body":
		_, err := env.Out.Write(s.Apply(req).Body)
		return err
	case "env":
		return printEnv(env.Out, s)
	case "curl":
		return printCurl(env, o, req, s)
	}
	if s.Body != nil {
		fmt.Fprintln(env.Err, "note: the signature is a part of the body; -o body prints the body to send")
	}
	if s.URL != "" {
		fmt.Fprintln(env.Err, "note: the signature is a part of the URL; -o json prints the URL to send to")
	}
	for _, h := range s.Headers {
		if _, err := fmt.Fprintf(env.Out, "%s: %s\n", h.Name, h.Value); err != nil {
			return err
		}
	}
	return nil
}

// printEnv prints shell variables: HOOK_ and the header's name.
func printEnv(w io.Writer, s *signer.Signed) error {
	var b strings.Builder
	for _, h := range s.Headers {
		name := strings.Map(func(c rune) rune {
			switch {
			case c >= 'a' && c <= 'z':
				return c - 'a' + 'A'
			case c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
				return c
			}
			return '_'
		}, h.Name)
		fmt.Fprintf(&b, "HOOK_%s=%s\n", name, quoted(h.Value))
	}
	if s.URL != "" {
		fmt.Fprintf(&b, "HOOK_URL=%s\n", quoted(s.URL))
	}
	if s.Body != nil {
		fmt.Fprintf(&b, "HOOK_BODY_B64=%s\n", quoted(base64.StdEncoding.EncodeToString(s.Body)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted is one word for a POSIX shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// printCurl prints a command that sends exactly these bytes.
func printCurl(env *Env, o *signOptions, req *signer.Request, s *signer.Signed) error {
	send := s.Apply(req)
	if send.URL == "" {
		return usage("--url http://localhost:3000/webhooks", "-o curl needs the URL to send to")
	}
	lines := []string{"curl -X " + quoted(send.Method) + " " + quoted(send.URL)}
	var names []string
	for name := range send.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range send.Header[name] {
			line := name + ": " + value
			if value == "" {
				line = name + ";" // curl leaves out a header that ends in a colon
			}
			lines = append(lines, "-H "+quoted(line))
		}
	}
	if send.Header.Get("Content-Type") == "" {
		lines = append(lines, "-H 'Content-Type:'") // or curl would add one of a form
	}
	piped := false
	switch {
	case s.Body == nil && o.file != "-":
		lines = append(lines, "--data-binary "+quoted("@"+o.file))
	case utf8.Valid(send.Body) && !bytes.ContainsRune(send.Body, 0) && len(send.Body) <= maxCurlBody:
		lines = append(lines, "--data-raw "+quoted(string(send.Body)))
	default:
		lines, piped = append(lines, "--data-binary @-"), true
	}
	command := strings.Join(lines, " \\\n  ")
	if piped {
		command = "base64 -d <<'BODY' | " + command + "\n" + base64.StdEncoding.EncodeToString(send.Body) + "\nBODY"
	}
	_, err := fmt.Fprintln(env.Out, command)
	return err
}
