package cmd

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"github.com/hookrelay/hook/cmd/stage"
	"github.com/hookrelay/hook/signer"
)

// maxLine bounds one line of a batch: a body of maxMessage in base64.
const maxLine = maxMessage*4/3 + 1<<20

// batchLine is a line of --batch (docs/signing.md). Secret types keep it from
// ever being printed back.
type batchLine struct {
	Provider  string          `json:"provider"`
	Scheme    json.RawMessage `json:"scheme"` // id, or a scheme of one's own as an object
	Method    string          `json:"method"`
	URL       string          `json:"url"`
	Headers   batchHeaders    `json:"headers"`
	BodyB64   *string         `json:"body_b64"`
	Body      *string         `json:"body"` // instead, as text
	Secret    *string         `json:"secret"`
	Secrets   []string        `json:"secrets"`
	PublicKey batchKeys       `json:"public_key"`
	JWKS      json.RawMessage `json:"jwks"` // a document, its text, or an https address
	KeyID     string          `json:"key_id"`
	Params    map[string]any  `json:"params"`
	Tolerance *float64        `json:"tolerance"` // seconds
	Now       *batchTime      `json:"now"`
	SignedAt  *batchTime      `json:"signed_at"`
	ID        json.RawMessage `json:"id"`
}

// batchHeaders takes {"Name": "value"}, {"Name": ["v", "w"]} and
// [["Name", "value"]].
type batchHeaders http.Header

func (h *batchHeaders) UnmarshalJSON(b []byte) error {
	*h = batchHeaders{}
	add := func(name, value string) {
		name = textproto.CanonicalMIMEHeaderKey(name)
		(*h)[name] = append((*h)[name], value)
	}
	var list [][2]string
	if json.Unmarshal(b, &list) == nil {
		for _, f := range list {
			add(f[0], f[1])
		}
		return nil
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		return errors.New("headers are neither an object nor a list of pairs")
	}
	for name, v := range m {
		switch v := v.(type) {
		case string:
			add(name, v)
		case []any:
			for _, one := range v {
				s, ok := one.(string)
				if !ok {
					return fmt.Errorf("header %q is no text", name)
				}
				add(name, s)
			}
		case nil:
		default:
			add(name, fmt.Sprint(v))
		}
	}
	return nil
}

// batchKeys takes one key or several, PEM text or a JWK as an object.
type batchKeys []string

func (k *batchKeys) UnmarshalJSON(b []byte) error {
	var list []json.RawMessage
	if json.Unmarshal(b, &list) != nil {
		list = []json.RawMessage{b}
	}
	for _, raw := range list {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			s = string(raw)
		}
		if s != "" && s != "null" {
			*k = append(*k, s)
		}
	}
	return nil
}

// batchTime takes Unix seconds, with a fraction or as text, and RFC 3339.
type batchTime time.Time

func (t *batchTime) UnmarshalJSON(b []byte) error {
	var n float64
	if json.Unmarshal(b, &n) == nil {
		*t = batchTime(time.Unix(0, int64(n*1e6)*1e3))
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return errors.New("a time is Unix seconds, or RFC 3339")
	}
	at, err := parseAt("time", s)
	if err != nil || s == "" {
		return errors.New("a time is Unix seconds, or RFC 3339") // without it: lines hold secrets
	}
	*t = batchTime(at)
	return nil
}

func (t *batchTime) time() time.Time {
	if t == nil {
		return time.Now()
	}
	return time.Time(*t)
}

// batchError is what a bad line gives.
type batchError struct {
	Error string `json:"error"`
}

// runBatch gives every line of standard input to one, and prints what it makes
// of it as one line. Input order is output order; a bad line does not end it.
func runBatch(ctx context.Context, env *Env, one func(context.Context, *batchJob) (any, error)) error {
	in := bufio.NewReaderSize(env.In, 64<<10)
	out := bufio.NewWriter(env.Out)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	fetcher := newFetcher()
	for ctx.Err() == nil {
		line, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		var answer any
		if err == nil {
			if len(strings.TrimSpace(string(line))) == 0 {
				continue
			}
			answer, err = batchOne(ctx, line, fetcher, one)
		} else if !errors.Is(err, errLongLine) {
			return errors.Join(fmt.Errorf("reading standard input: %w", err), out.Flush())
		}
		if err != nil {
			answer = batchError{err.Error()}
		}
		if err := enc.Encode(answer); err != nil {
			return fmt.Errorf("writing the answer: %w", err)
		}
		if in.Buffered() == 0 { // whoever talks to us line by line waits for it
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return errors.Join(out.Flush(), ctx.Err())
}

var errLongLine = fmt.Errorf("the line has more than %d bytes", maxLine)

// readLine reads a line of any sane length; an overlong one is read to its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if !long {
			line = append(line, part...)
			if long = len(line) > maxLine; long {
				line = nil
			}
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case long:
			return nil, errLongLine
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		}
		return line, err
	}
}

// batchJob is a line made ready.
type batchJob struct {
	batchLine
	target  *signTarget // without schemes: auto
	req     *signer.Request
	keys    []signer.Key
	public  []signer.Key
	params  map[string]string
	fetcher signer.Fetcher
}

func batchOne(ctx context.Context, raw []byte, f signer.Fetcher, one func(context.Context, *batchJob) (any, error)) (any, error) {
	j := &batchJob{fetcher: f}
	if err := json.Unmarshal(raw, &j.batchLine); err != nil {
		// The decoder's own words may quote the line, and the line holds secrets.
		var te *json.UnmarshalTypeError
		if errors.As(err, &te) {
			return nil, fmt.Errorf("the value of %q is of the wrong kind", te.Field)
		}
		var se *json.SyntaxError
		if errors.As(err, &se) {
			return nil, fmt.Errorf("the line is no JSON: byte %d", se.Offset)
		}
		return nil, err
	}
	if err := j.prepare(); err != nil {
		var u *errUnknownProvider
		if errors.As(err, &u) {
			return verdictFace{}, nil
		}
		return nil, err
	}
	return one(ctx, j)
}

// prepare finds the scheme and reads the message and the keys.
func (j *batchJob) prepare() error {
	j.params = map[string]string{}
	for name, v := range j.Params {
		switch v := v.(type) {
		case string:
			j.params[name] = v
		case nil:
		default:
			b, err := json.Marshal(v)
			if err != nil {
				return fmt.Errorf("param %q cannot be read", name)
			}
			j.params[name] = string(b)
		}
	}
	if err := j.findScheme(); err != nil {
		return err
	}
	j.req = &signer.Request{Method: j.Method, URL: j.URL, Header: http.Header(j.Headers)}
	if j.req.Method == "" {
		j.req.Method = http.MethodPost
	}
	if j.req.Header == nil {
		j.req.Header = http.Header{}
	}
	switch {
	case j.BodyB64 != nil:
		b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(*j.BodyB64))
		if err != nil {
			return errors.New("body_b64 is not base64")
		}
		j.req.Body = b
	case j.Body != nil:
		j.req.Body = []byte(*j.Body)
	}
	secrets := j.Secrets
	if j.Secret != nil {
		secrets = append([]string{*j.Secret}, secrets...)
	}
	for i, s := range secrets {
		j.keys = append(j.keys, signer.Key{ID: fmt.Sprintf("secret %d", i+1), Secret: signer.Secret(s)})
	}
	for i, p := range j.PublicKey {
		id := j.KeyID
		if id == "" {
			id = fmt.Sprintf("public key %d", i+1)
		}
		j.public = append(j.public, signer.Key{ID: id, Secret: signer.Secret(p)})
	}
	return nil
}

// findScheme finds the row. Params that are named as the knobs of HMAC schemes
// turn them.
func (j *batchJob) findScheme() error {
	id := ""
	if len(j.Scheme) > 0 && string(j.Scheme) != "null" && json.Unmarshal(j.Scheme, &id) != nil {
		t, err := parseScheme(j.Scheme, "")
		j.target = t
		return err
	}
	if j.Provider == "" && id == "" {
		return errors.New("the line names no provider")
	}
	if j.Provider == autoProvider && id == "" {
		j.target = &signTarget{}
		return nil
	}
	provider := j.Provider
	if provider == autoProvider {
		provider = ""
	}
	var err error
	if j.target, err = findTarget(provider, id); err != nil {
		return err
	}
	var k knobs
	for name, to := range k.names() {
		for _, spelt := range []string{name, strings.ReplaceAll(name, "-", "_")} {
			if v, ok := j.params[spelt]; ok {
				*to = v
			}
		}
	}
	if k == (knobs{}) {
		return nil
	}
	for i, s := range j.target.schemes {
		if turned, err := k.turned(s); err == nil {
			j.target.schemes[i] = turned
		} else if s.Hook == "" && strings.HasPrefix(s.Algorithm, "hmac-") {
			return err
		}
	}
	return nil
}

// verifyLine judges a line.
func verifyLine(ctx context.Context, j *batchJob) (any, error) {
	if len(j.JWKS) > 0 && string(j.JWKS) != "null" {
		doc := string(j.JWKS)
		var s string
		if json.Unmarshal(j.JWKS, &s) == nil {
			doc = s
		}
		if strings.HasPrefix(doc, "https://") || strings.HasPrefix(doc, "http://") {
			return nil, errors.New("jwks is an address; a batch dials nothing that its lines name: put the document there")
		}
		j.public = append(j.public, signer.Key{ID: "jwks", Secret: signer.Secret(doc)})
	}
	o := stage.JudgeOptions{
		Provider: j.target.id, Schemes: j.target.schemes, Keys: j.keys, Public: j.public,
		Options: signer.Options{Params: j.params, Fetcher: j.fetcher},
	}
	if j.Tolerance != nil {
		o.Options.Window = min(time.Duration(*j.Tolerance*float64(time.Second)), maxTolerance)
	}
	judge := stage.NewJudge(o)
	at := j.Now.time()
	got := judge.Judge(ctx, j.req, at)
	judge.Explain(ctx, &got, j.req, at)
	return faceOfVerdict(&got), nil
}

// signLine signs a line.
func signLine(_ context.Context, j *batchJob) (any, error) {
	if len(j.target.schemes) == 0 {
		return nil, errors.New("signing needs a provider: there is nothing to detect one from")
	}
	s := schemeFor(j.target.schemes, j.req.Body)
	keys := append(j.keys, j.public...)
	for i := range keys {
		keys[i].ID = j.KeyID
	}
	if len(keys) == 0 {
		return nil, errors.New("signing needs a secret")
	}
	opts := signer.SignOptions{At: j.SignedAt.time(), Params: j.params}
	if j.SignedAt == nil && j.Now != nil {
		opts.At = j.Now.time()
	}
	if len(j.ID) > 0 && string(j.ID) != "null" && json.Unmarshal(j.ID, &opts.ID) != nil {
		opts.ID = string(j.ID)
	}
	out, _, err := signRequest(s, j.req, keys, opts)
	if err != nil {
		return nil, err
	}
	return faceOf(j.target.id, s.ID, out), nil
}
