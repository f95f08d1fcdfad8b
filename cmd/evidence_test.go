package cmd

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write generated files anew")

// TestEvidenceIsThatOfTheVectors compares evidence.tsv with the vectors of
// package signer; -update writes it.
func TestEvidenceIsThatOfTheVectors(t *testing.T) {
	files, err := filepath.Glob("../signer/testdata/vectors/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	rows := map[string]evidence{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var vectors []struct{ Scheme, Source, SDK, Handshake string }
		if err := json.Unmarshal(b, &vectors); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		for _, v := range vectors {
			e := rows[v.Scheme]
			if v.SDK != "" && e.SDK == "" {
				e.SDK = v.SDK
			}
			if v.SDK == "" && e.Published == "" && v.Handshake == "" {
				e.Published = v.Source
			}
			if e != (evidence{}) {
				rows[v.Scheme] = e
			}
		}
	}
	lines := []string{"# Made from signer/testdata/vectors by go test ./cmd -run Evidence -update. DO NOT EDIT.\n"}
	for scheme, e := range rows {
		lines = append(lines, scheme+"\t"+e.Published+"\t"+e.SDK+"\n")
	}
	slices.Sort(lines[1:])
	want := strings.Join(lines, "")
	if *update {
		if err := os.WriteFile("evidence.tsv", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if evidenceTable != want {
		t.Error("evidence.tsv is not that of the vectors: go test ./cmd -run Evidence -update")
	}
}
