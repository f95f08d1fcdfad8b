package signer_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/signer"
)

// vector is one known answer: published by the provider, or made by its own SDK.
type vector struct {
	Scheme    string
	Name      string
	Source    string // page or file that publishes it
	SDK       string // package and version whose run made or accepted it
	Method    string
	URL       string
	Header    map[string]string
	Body      string
	BodyB64   string `json:"body_b64"`
	Keys      []string
	Params    map[string]string
	At        int64 // Unix seconds; 0: freshness is not judged
	Valid     bool
	Algorithm string // instead of the row's, for senders that let the user choose
	Encoding  string
	Handshake string
	Answer    string
}

func loadVectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	var all []vector
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var some []vector
		if err := json.Unmarshal(b, &some); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		all = append(all, some...)
	}
	return all
}

func (v *vector) request(t testing.TB) *signer.Request {
	t.Helper()
	req := &signer.Request{Method: v.Method, URL: v.URL, Header: http.Header{}, Body: []byte(v.Body)}
	if v.BodyB64 != "" {
		var err error
		if req.Body, err = base64.StdEncoding.DecodeString(v.BodyB64); err != nil {
			t.Fatal(err)
		}
	}
	for name, value := range v.Header {
		req.Header.Set(name, value)
	}
	return req
}

func (v *vector) keys() []signer.Key {
	var keys []signer.Key
	for i, k := range v.Keys {
		keys = append(keys, signer.Key{ID: string(rune('a' + i)), Secret: signer.Secret(k)})
	}
	return keys
}

func (v *vector) scheme(t testing.TB) *signer.Scheme {
	t.Helper()
	s, ok := signer.FindScheme(v.Scheme)
	if !ok {
		t.Fatalf("no scheme %q", v.Scheme)
	}
	own := *s
	if v.Algorithm != "" {
		own.Algorithm = v.Algorithm
	}
	if v.Encoding != "" {
		own.Signature.Encoding = v.Encoding
	}
	return &own
}

func TestVectors(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.Scheme+"/"+v.Name, func(t *testing.T) {
			if v.Source == "" && v.SDK == "" {
				t.Fatal("a vector without a source proves nothing")
			}
			if v.Handshake != "" {
				checkAnswer(t, &v)
				return
			}
			at := time.Unix(v.At, 0)
			got := signer.Verify(t.Context(), v.scheme(t), v.request(t), v.keys(), at, signer.Options{Params: v.Params})
			holds := got.Authentic()
			if v.At != 0 {
				holds = got.Status == signer.Valid
			}
			if holds != v.Valid {
				t.Errorf("valid %v, want %v: %+v", holds, v.Valid, got)
			}
			if got.Authentic() && len(v.Keys) > 0 && got.KeyID == "" {
				t.Error("the verdict does not name the key")
			}
		})
	}
}

func checkAnswer(t *testing.T, v *vector) {
	p, ok := signer.FindProvider(strings.Split(v.Scheme, "/")[0])
	if !ok {
		t.Fatalf("no provider %q", v.Scheme)
	}
	h, ok := signer.FindHandshake(p, v.request(t))
	if !ok || h.Name != v.Handshake {
		t.Fatalf("not seen as handshake %q", v.Handshake)
	}
	reply, err := signer.Answer(t.Context(), p, h, v.request(t), v.keys(), time.Unix(v.At, 0), signer.Options{Params: v.Params})
	if err != nil {
		t.Fatal(err)
	}
	if reply.Body != v.Answer {
		t.Errorf("answer %q, want %q", reply.Body, v.Answer)
	}
}
