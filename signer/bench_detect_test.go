package signer

import (
	"net/http"
	"testing"
)

func BenchmarkDetect(b *testing.B) {
	req := &Request{Method: "POST", URL: "https://hooks.example/", Body: make([]byte, 1024), Header: http.Header{
		"X-Github-Event": {"push"}, "X-Hub-Signature-256": {"sha256=aa"}, "Content-Type": {"application/json"}, "User-Agent": {"GitHub-Hookshot/1"},
	}}
	b.ReportAllocs()
	for b.Loop() {
		if len(Detect(req)) == 0 {
			b.Fatal("not recognised")
		}
	}
}
