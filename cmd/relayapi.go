package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hookrelay/hook/relay"
)

// relayAPI speaks to a relay's HTTP API (docs/api.md).
type relayAPI struct {
	base string // "https://hooks.example", no path
	http *http.Client
}

// apiTimeout bounds one call.
const apiTimeout = 20 * time.Second

// apiError is a refusal of the relay.
type apiError struct {
	status int
	detail string // foreign
}

func (e *apiError) Error() string {
	if e.detail == "" {
		return fmt.Sprintf("answered %d %s", e.status, http.StatusText(e.status))
	}
	return fmt.Sprintf("answered %d: %s", e.status, e.detail)
}

// parseRelay reads a relay's address: "https://host[:port]"; plain http only to
// loopback, where no one else can listen in.
func parseRelay(s string) (string, error) {
	const hint = "give the relay as https://hooks.example"
	raw := s
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "", usage(hint, "relay %q is not an address", s)
	}
	switch u.Scheme {
	case "https", "wss":
		return "https://" + u.Host, nil
	case "http", "ws":
		if !loopbackName(u.Hostname()) {
			return "", usage("use https://"+u.Host+", or run the relay behind TLS", "relay %q would be spoken to in clear text: keys could be read on the way", s)
		}
		return "http://" + u.Host, nil
	}
	return "", usage(hint, "relay %q has the scheme %q", s, u.Scheme)
}

// call sends a request with a key and reads the answer's JSON into out. Errors:
// *apiError for a refusal, others where the relay cannot be reached.
func (a *relayAPI) call(ctx context.Context, method, path, key string, in, out any, header ...string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return 0, fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("User-Agent", "hook/"+stamp().Version)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := a.http.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return 0, err
	}
	if resp.StatusCode >= 300 {
		var p relay.Problem
		e := &apiError{status: resp.StatusCode}
		if json.Unmarshal(b, &p) == nil && strings.HasPrefix(p.Type, "urn:hook:problem:") {
			e.detail = p.Detail
		} else {
			e.detail = "not in the words of a hook relay"
		}
		return resp.StatusCode, e
	}
	if out != nil && len(b) > 0 {
		if err := json.Unmarshal(b, out); err != nil {
			return 0, &apiError{status: resp.StatusCode, detail: "not in the words of a hook relay"}
		}
	}
	return resp.StatusCode, nil
}

// failed gives an error of call its exit code and hint.
func (a *relayAPI) failed(what string, err error) error {
	var e *apiError
	if !errors.As(err, &e) {
		if errors.Is(err, context.Canceled) {
			return err
		}
		return fail(exitUnreachable, "is a relay running at "+a.base+"? Check --relay and HOOK_RELAY", "%s: relay %s cannot be reached: %w", what, a.base, err)
	}
	switch e.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fail(exitAuth, "give the relay's creation token in HOOK_TOKEN; an endpoint's own key is kept in the state folder", "%s: relay %s %w", what, a.base, err)
	case http.StatusGone:
		return fail(exitGone, "\"hook listen --new\" makes a new endpoint", "%s: relay %s %w", what, a.base, err)
	case http.StatusNotFound:
		return fail(exitFailed, "\"hook endpoint ls\" and \"hook queue ls\" list what is there", "%s: relay %s %w", what, a.base, err)
	case http.StatusConflict:
		return fail(exitFailed, "", "%s: %w", what, err)
	}
	return fail(exitFailed, "", "%s: relay %s %w", what, a.base, err)
}

// copyBody writes the bytes of a queued delivery's body to standard output.
func copyBody(ctx context.Context, env *Env, a *relayAPI, k *knownEndpoint, it *relay.ItemView) error {
	req, err := http.NewRequestWithContext(ctx, "GET", a.base+"/v1/endpoints/"+k.ID+"/queue/"+it.ID.String()+"/body", nil)
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+k.OwnerKey)
	resp, err := a.http.Do(req)
	if err != nil {
		return a.failed("reading the body", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return a.failed("reading the body", &apiError{status: resp.StatusCode})
	}
	_, err = io.Copy(env.Out, resp.Body)
	return err
}
