package signer

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func BenchmarkDetect(b *testing.B) {
	for _, n := range []int{8, 512} {
		body := `{"ref":"refs/heads/main","repository":{"id":1296269},"commits":[` +
			strings.Repeat(`{"id":"7fd1a60b01f91b314f59955a4e4d4e80d8edf11d","message":"fix \"it\"","added":["a.go"],"distinct":true},`, n) + `{}]}`
		req := &Request{Method: "POST", URL: "https://hooks.example/", Body: []byte(body), Header: http.Header{
			"X-Github-Event": {"push"}, "X-Hub-Signature-256": {"sha256=aa"}, "Content-Type": {"application/json"}, "User-Agent": {"GitHub-Hookshot/1"},
		}}
		b.Run(fmt.Sprintf("%dKiB", len(body)>>10+1), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if len(Detect(req)) == 0 {
					b.Fatal("not recognised")
				}
			}
		})
	}
}
