package signer_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"

	"github.com/hookrelay/hook/signer"
)

// BenchmarkVerify1KiB is to be read beside BenchmarkBareHash1KiB: the aim is three times its time at most.
func BenchmarkVerify1KiB(b *testing.B) {
	s, _ := signer.FindScheme("github")
	key := signer.Key{ID: "k", Secret: "example-key-of-32-bytes-not-real"}
	req := &signer.Request{Method: "POST", URL: "https://app.example.test/in", Header: http.Header{}, Body: bytes.Repeat([]byte("a"), 1024)}
	signed, err := signer.Sign(s, req, []signer.Key{key}, signer.SignOptions{At: testAt})
	if err != nil {
		b.Fatal(err)
	}
	req = signed.Apply(req)
	v, err := signer.NewVerifier(s, []signer.Key{key}, signer.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1024)
	b.ReportAllocs()
	for b.Loop() {
		if got := v.Verify(b.Context(), req, testAt); got.Status != signer.Valid {
			b.Fatalf("%+v", got)
		}
	}
}

func BenchmarkBareHash1KiB(b *testing.B) {
	body := bytes.Repeat([]byte("a"), 1024)
	mac := hmac.New(sha256.New, []byte("example-key-of-32-bytes-not-real"))
	var sum [32]byte
	b.SetBytes(1024)
	b.ReportAllocs()
	for b.Loop() {
		mac.Reset()
		mac.Write(body)
		mac.Sum(sum[:0])
	}
}

// BenchmarkHugeHeader shows what a signature header of 1 MB costs.
func BenchmarkHugeHeader(b *testing.B) {
	s, _ := signer.FindScheme("stripe")
	req := &signer.Request{Method: "POST", URL: "https://app.example.test/in", Header: http.Header{"Stripe-Signature": {"t=1800000000" + strings.Repeat(",v1=00", 170_000)}}}
	v, err := signer.NewVerifier(s, []signer.Key{{ID: "k", Secret: "example"}}, signer.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if got := v.Verify(b.Context(), req, testAt); got.Authentic() {
			b.Fatalf("%+v", got)
		}
	}
}
