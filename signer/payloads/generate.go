package payloads

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// maxText bounds one generated text: the longest id of the data has under 200
// characters.
const maxText = 4096

// generator makes the values of one sample. What has a name is made once, so
// that an id is the same wherever it stands.
type generator struct {
	at    time.Time
	rand  *rand.Rand
	vars  map[string]*node // templates by name: the event's before the provider's
	made  map[string]*node
	parts *node
	depth int
}

func newGenerator(provider, event string, seed uint64, at time.Time) *generator {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", provider, event, seed))
	return &generator{
		at: at.UTC(), rand: rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16]))),
		vars: map[string]*node{}, made: map[string]*node{},
	}
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
)

func (g *generator) string(alphabet string, n int) string {
	b := make([]byte, min(max(n, 0), maxText))
	for i := range b {
		b[i] = alphabet[g.rand.IntN(len(alphabet))]
	}
	return string(b)
}

func (g *generator) one(list []string) string { return list[g.rand.IntN(len(list))] }

// value gives what a placeholder stands for: "customer", "hex:24",
// "iso:-3600", "unix|s".
func (g *generator) value(name string) (*node, error) {
	if v, ok := g.made[name]; ok {
		return v, nil
	}
	if t, ok := g.vars[name]; ok {
		g.depth++
		defer func() { g.depth-- }()
		if g.depth > 16 {
			return nil, fmt.Errorf("${%s} refers to itself", name)
		}
		v, err := g.expand(t)
		g.made[name] = v
		return v, err
	}
	if inner, ok := strings.CutSuffix(name, "|s"); ok {
		v, err := g.value(inner)
		if err != nil {
			return nil, err
		}
		return textNode(v.text), nil
	}
	word, arg, hasArg := strings.Cut(name, ":")
	if v, ok := g.stamp(word, arg); ok {
		return v, nil
	}
	if v, err := g.derived(word, arg); v != nil || err != nil {
		return v, err
	}
	if v := g.random(word, arg); v != nil {
		if word == "uuid" && hasArg {
			g.made[name] = v // "uuid:state" is one of its own, and always the same
		}
		return v, nil
	}
	suffix := ""
	if hasArg {
		suffix = ":" + arg // "name:2" is somebody else, and always the same
	}
	if v := g.person(word, suffix); v != nil {
		g.made[name] = v
		return v, nil
	}
	return nil, fmt.Errorf("${%s} is not known", name)
}

// random makes ids and numbers, another one each time.
func (g *generator) random(word, arg string) *node {
	n, _ := strconv.Atoi(arg)
	switch word {
	case "hex":
		return textNode(g.string("0123456789abcdef", n))
	case "alnum":
		return textNode(g.string(lower+strings.ToUpper(lower)+digits, n))
	case "lower":
		return textNode(g.string(lower+digits, n))
	case "upper":
		return textNode(g.string(strings.ToUpper(lower)+digits, n))
	case "digits":
		return textNode(g.string("123456789", min(n, 1)) + g.string(digits, n-1))
	case "base64":
		return textNode(base64.StdEncoding.EncodeToString([]byte(g.string(lower+digits, n))))
	case "uuid":
		h := g.string("0123456789abcdef", 30)
		return textNode(h[:8] + "-" + h[8:12] + "-4" + h[12:15] + "-a" + h[15:18] + "-" + h[18:30])
	case "ulid": // also "crockford" digits without a time
		return textNode("01" + g.string("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24))
	case "ulid_lower":
		return textNode("01" + g.string("0123456789abcdefghjkmnpqrstvwxyz", 24))
	case "int":
		a, b, _ := strings.Cut(arg, ":")
		low, _ := strconv.ParseInt(a, 10, 64)
		high, _ := strconv.ParseInt(b, 10, 64)
		return otherNode(strconv.FormatInt(low+g.rand.Int64N(max(high-low+1, 1)), 10))
	case "pick":
		return textNode(g.one(strings.Split(arg, "|")))
	}
	return nil
}

// derived makes one value of another: sums and amounts with a decimal point.
func (g *generator) derived(word, arg string) (*node, error) {
	switch word {
	case "add", "sub", "mul", "money", "upcase":
	default:
		return nil, nil
	}
	a, b, _ := strings.Cut(arg, ":")
	v, err := g.value(a)
	if err != nil {
		return nil, err
	}
	if word == "upcase" {
		return textNode(strings.ToUpper(v.text)), nil
	}
	n, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("${%s:%s}: %q is no whole number", word, arg, v.text)
	}
	if word == "money" {
		return textNode(fmt.Sprintf("%d.%02d", n/100, n%100)), nil
	}
	m, err := strconv.ParseInt(b, 10, 64)
	if err != nil {
		w, err := g.value(b)
		if err != nil {
			return nil, err
		}
		if m, err = strconv.ParseInt(w.text, 10, 64); err != nil {
			return nil, fmt.Errorf("${%s:%s}: %q is no whole number", word, arg, w.text)
		}
	}
	switch word {
	case "add":
		n += m
	case "sub":
		n -= m
	default:
		n *= m
	}
	return otherNode(strconv.FormatInt(n, 10)), nil
}

// person makes people, firms and things, the same ones in all of a sample.
func (g *generator) person(word, suffix string) *node {
	join := func(a, sep, b string) *node {
		x, _ := g.value(a + suffix) // these two cannot fail
		y, _ := g.value(b + suffix)
		return textNode(x.text + sep + y.text)
	}
	switch word {
	case "first":
		return textNode(g.one(firstNames()))
	case "last":
		return textNode(g.one(lastNames()))
	case "name":
		return join("first", " ", "last")
	case "login":
		n := join("first", "-", "last")
		return textNode(strings.ToLower(n.text))
	case "email":
		n := join("first", ".", "last")
		return textNode(strings.ToLower(n.text) + "@example.com")
	case "company":
		return textNode(g.one(companies()))
	case "slug":
		c, _ := g.value("company" + suffix)
		return textNode(strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(c.text, " & ", "-"), " ", "-")))
	case "product":
		return textNode(g.one(products()))
	case "sku":
		return textNode("SKU-" + g.string(digits, 5))
	case "city":
		return textNode(g.one(cities()))
	case "street":
		return textNode(strconv.Itoa(1+g.rand.IntN(99)) + " " + g.one(streets()))
	case "phone":
		return textNode("+1555" + g.string("23456789", 1) + g.string(digits, 2) + "01" + g.string(digits, 2))
	case "ip":
		return textNode("192.0.2." + strconv.Itoa(1+g.rand.IntN(254)))
	case "word":
		return textNode(g.one(words()))
	case "repo":
		return textNode(g.one(words()) + "-" + g.one([]string{"api", "web", "worker", "tools"}))
	case "sentence":
		return textNode(g.one(sentences()))
	case "sha":
		return textNode(g.string("0123456789abcdef", 40))
	}
	return nil
}
