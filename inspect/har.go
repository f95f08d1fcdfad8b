package inspect

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hookrelay/hook/tunnel"
)

// The parts of a HAR 1.2 file (softwareishard.com/blog/har-12-spec) that a
// webhook has. Names that begin with "_" are ours.
type harEntry struct {
	StartedDateTime time.Time   `json:"startedDateTime"`
	Time            float64     `json:"time"`
	Request         harRequest  `json:"request"`
	Response        harResponse `json:"response"`
	Cache           struct{}    `json:"cache"`
	Timings         harTimings  `json:"timings"`
	ServerIPAddress string      `json:"serverIPAddress,omitempty"`
	Comment         string      `json:"comment,omitempty"`
	ID              string      `json:"_id"`
	Provider        string      `json:"_provider,omitempty"`
	Event           string      `json:"_event,omitempty"`
	Verdict         string      `json:"_verdict,omitempty"`
	Redacted        []string    `json:"_redacted,omitempty"`
}

type harRequest struct {
	Method      string       `json:"method"`
	URL         string       `json:"url"`
	HTTPVersion string       `json:"httpVersion"`
	Cookies     []harPair    `json:"cookies"`
	Headers     []harPair    `json:"headers"`
	QueryString []harPair    `json:"queryString"`
	PostData    *harPostData `json:"postData,omitempty"`
	HeadersSize int          `json:"headersSize"`
	BodySize    int64        `json:"bodySize"`
}

type harPostData struct {
	MimeType string `json:"mimeType"`
	Text     string `json:"text"`
	Encoding string `json:"_encoding,omitempty"` // "base64": HAR 1.2 has no word for it here
}

type harResponse struct {
	Status      int        `json:"status"`
	StatusText  string     `json:"statusText"`
	HTTPVersion string     `json:"httpVersion"`
	Cookies     []harPair  `json:"cookies"`
	Headers     []harPair  `json:"headers"`
	Content     harContent `json:"content"`
	RedirectURL string     `json:"redirectURL"`
	HeadersSize int        `json:"headersSize"`
	BodySize    int64      `json:"bodySize"`
	Error       string     `json:"_error,omitempty"`
}

type harContent struct {
	Size     int64  `json:"size"`
	MimeType string `json:"mimeType"`
	Text     string `json:"text,omitempty"`
	Encoding string `json:"encoding,omitempty"`
}

type harTimings struct {
	Blocked float64 `json:"blocked"`
	DNS     float64 `json:"dns"`
	Connect float64 `json:"connect"`
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
	SSL     float64 `json:"ssl"`
}

type harPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// writeHAR writes one entry for each attempt.
func writeHAR(w io.Writer, creator [2]string, redaction Redaction, flows []*Flow) error {
	if creator[0] == "" {
		creator = [2]string{"hook", "dev"}
	}
	head, err := encodeJSON(map[string]string{"name": creator[0], "version": creator[1]})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "{\"log\":{\"version\":\"1.2\",\"creator\":%s,\"entries\":[", head); err != nil {
		return err
	}
	between := "\n"
	for _, f := range flows {
		f, err := redaction.Flow(f).Whole()
		if err != nil {
			return err
		}
		attempts := f.Attempts
		if len(attempts) == 0 {
			attempts = []Attempt{{StartedAt: f.At}}
		}
		for i := range attempts {
			b, err := encodeJSON(newHAREntry(f, &attempts[i]))
			if err != nil {
				return fmt.Errorf("exporting %s: %w", f.ID(), err)
			}
			if _, err := fmt.Fprintf(w, "%s%s", between, escapeHidden(b)); err != nil {
				return err
			}
			between = ",\n"
		}
	}
	_, err = io.WriteString(w, "\n]}}\n")
	return err
}

func newHAREntry(f *Flow, a *Attempt) harEntry {
	d := &f.Delivery
	e := harEntry{
		StartedDateTime: stamp(a.StartedAt), Time: millis(a.Took), Timings: newHARTimings(a), ID: f.ID(),
		Provider: readable(f.Provider), Event: readable(f.Event), Verdict: f.Verdict.State, Redacted: f.Redacted, Comment: readable(f.Note),
		Request: harRequest{
			Method: readable(d.Method), URL: harURL(f), HTTPVersion: "HTTP/1.1", Cookies: []harPair{}, Headers: harHeader(d.Header),
			QueryString: harQuery(f.Query()), HeadersSize: -1, BodySize: f.BodySize,
		},
		Response: harResponse{HTTPVersion: "HTTP/1.1", Cookies: []harPair{}, Headers: []harPair{}, HeadersSize: -1, BodySize: -1},
	}
	e.Response.Content.MimeType = "x-unknown"
	if d.Host != "" && len(d.Header.Values("Host")) == 0 {
		e.Request.Headers = append([]harPair{{"Host", readable(d.Host)}}, e.Request.Headers...)
	}
	if len(d.Body) > 0 {
		p := &harPostData{MimeType: readable(d.Header.Get("Content-Type")), Text: string(d.Body)}
		if !utf8.Valid(d.Body) {
			p.Text, p.Encoding = encode64(p.Text), "base64"
		}
		e.Request.PostData = p
	}
	if a.Failure != nil {
		e.Response.Error = readable(a.Failure.Error())
	}
	if r := a.Result; r != nil {
		e.Response.Status, e.Response.StatusText = r.Status, http.StatusText(r.Status)
		e.Response.Headers, e.Response.BodySize = harHeader(r.Header), r.Size
		e.Response.RedirectURL = readable(r.Header.Get("Location"))
		c := &e.Response.Content
		c.Size, c.MimeType, c.Text = r.Size, readable(r.Header.Get("Content-Type")), string(r.Body)
		if !utf8.Valid(r.Body) {
			c.Text, c.Encoding = encode64(c.Text), "base64"
		}
	}
	return e
}

// harURL is the public URL. One that a strict reader would refuse is escaped
// where it has to be.
func harURL(f *Flow) string {
	raw := f.Delivery.URL
	if raw == "" {
		raw = "http://" + f.Delivery.Host + f.Delivery.Prefix + f.Delivery.Target
	}
	var b strings.Builder
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func harHeader(h tunnel.Header) []harPair {
	out := make([]harPair, 0, len(h))
	for _, line := range h {
		out = append(out, harPair{readable(line.Name), readable(line.Value)})
	}
	return out
}

func harQuery(raw string) []harPair {
	out := []harPair{}
	if raw == "" {
		return out
	}
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		out = append(out, harPair{harUnescape(name), harUnescape(value)})
	}
	return out
}

func harUnescape(s string) string {
	if t, err := url.QueryUnescape(s); err == nil {
		s = t
	}
	return readable(s)
}

// newHARTimings cuts the attempt's time in HAR's pieces; -1 is what is not
// known.
func newHARTimings(a *Attempt) harTimings {
	t := harTimings{Blocked: -1, DNS: -1, Connect: -1, SSL: -1, Wait: millis(a.Took)}
	if r := a.Result; r != nil && r.Timing.Done > 0 {
		x := r.Timing
		t.Connect = millis(x.Connected)
		t.Wait = millis(max(0, x.FirstByte-x.Connected))
		t.Receive = millis(max(0, x.Done-x.FirstByte))
	}
	return t
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
