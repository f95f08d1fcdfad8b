package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// body compares two bodies as JSON if both are, else as lines of text, else as
// bytes.
func (d *differ) body(a, b []byte) {
	if bytes.Equal(a, b) {
		return
	}
	if len(a) <= maxDiffBody && len(b) <= maxDiffBody {
		x, okX := decodeDocument(a)
		y, okY := decodeDocument(b)
		if okX && okY {
			before := len(d.list)
			d.json("body", x, y)
			if len(d.list) == before {
				d.add("body", Changed, "same JSON, written otherwise: "+sizeAndHash(a), "same JSON, written otherwise: "+sizeAndHash(b))
			}
			return
		}
		if utf8.Valid(a) && utf8.Valid(b) {
			d.lines(splitLines(a), splitLines(b))
			return
		}
	}
	at := 0
	for at < len(a) && at < len(b) && a[at] == b[at] {
		at++
	}
	d.add("body from byte "+strconv.Itoa(at), Changed, sizeAndHash(a), sizeAndHash(b))
}

func sizeAndHash(b []byte) string { return fmt.Sprintf("%d bytes, sha256 %.12s", len(b), hashOf(b)) }

// decodeDocument reads a JSON object or array that is not too deep.
func decodeDocument(b []byte) (any, bool) {
	if b = bytes.TrimSpace(b); len(b) == 0 || b[0] != '{' && b[0] != '[' || tooDeep(b) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil, false
	}
	_, err := dec.Token()
	return v, err == io.EOF
}

func tooDeep(b []byte) bool {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = stringEnd(b, i) - 1
		case '{', '[':
			if depth++; depth > maxDiffDepth {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

func (d *differ) json(path string, a, b any) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			keys := slices.Sorted(maps.Keys(x))
			for _, k := range slices.Sorted(maps.Keys(y)) {
				if _, ok := x[k]; !ok {
					keys = append(keys, k)
				}
			}
			for _, k := range keys {
				vx, okX := x[k]
				vy, okY := y[k]
				d.member(member(path, k), vx, okX, vy, okY)
			}
			return
		}
	case []any:
		if y, ok := b.([]any); ok {
			d.array(path, x, y)
			return
		}
	}
	if x, y := jsonText(a), jsonText(b); x != y {
		d.add(path, Changed, x, y)
	}
}

func (d *differ) member(path string, a any, okA bool, b any, okB bool) {
	switch {
	case len(d.list) >= maxDifferences:
	case !okA:
		d.add(path, Added, "", jsonText(b))
	case !okB:
		d.add(path, Removed, jsonText(a), "")
	default:
		d.json(path, a, b)
	}
}

// array compares by place, after what both begin and end with: one element
// more is one difference.
func (d *differ) array(path string, a, b []any) {
	from := 0
	for from < len(a) && from < len(b) && reflect.DeepEqual(a[from], b[from]) {
		from++
	}
	endA, endB := len(a), len(b)
	for endA > from && endB > from && reflect.DeepEqual(a[endA-1], b[endB-1]) {
		endA--
		endB--
	}
	for i := from; i < max(endA, endB); i++ {
		p := path + "[" + strconv.Itoa(i) + "]"
		var x, y any
		if i < endA {
			x = a[i]
		}
		if i < endB {
			y = b[i]
		}
		d.member(p, x, i < endA, y, i < endB)
	}
}

// member is path with a name behind it, quoted where a query would have it so.
func member(path, name string) string {
	between := "."
	if path == "body" {
		between = " "
	}
	for i := range len(name) {
		if c := name[i]; !isDigit(c) && !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-') {
			return path + between + strconv.Quote(name)
		}
	}
	if name == "" {
		name = `""`
	}
	return path + between + name
}

func jsonText(v any) string {
	b, err := encodeJSON(v)
	if err != nil {
		return ""
	}
	return string(b)
}

func splitLines(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(string(b), "\n")
}

// maxTable bounds the table of the longest common subsequence; longer texts
// are compared as one block.
const maxTable = 1 << 20

// lines compares two texts line by line.
func (d *differ) lines(a, b []string) {
	from := 0
	for from < len(a) && from < len(b) && a[from] == b[from] {
		from++
	}
	endA, endB := len(a), len(b)
	for endA > from && endB > from && a[endA-1] == b[endB-1] {
		endA--
		endB--
	}
	x, y := a[from:endA], b[from:endB]
	common := make([][]int32, 0)
	if len(x)*len(y) <= maxTable {
		common = longestCommon(x, y)
	}
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case len(common) > 0 && i < len(x) && j < len(y) && x[i] == y[j]:
			i++
			j++
		case i < len(x) && (j == len(y) || len(common) == 0 || common[i+1][j] >= common[i][j+1]):
			d.add("body line "+strconv.Itoa(from+i+1), Removed, x[i], "")
			i++
		default:
			d.add("body line "+strconv.Itoa(from+j+1), Added, "", y[j])
			j++
		}
	}
}

// longestCommon is the table of lengths for the rest of x and y behind each
// place.
func longestCommon(x, y []string) [][]int32 {
	table := make([][]int32, len(x)+1)
	for i := range table {
		table[i] = make([]int32, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				table[i][j] = table[i+1][j+1] + 1
			} else {
				table[i][j] = max(table[i+1][j], table[i][j+1])
			}
		}
	}
	return table
}
