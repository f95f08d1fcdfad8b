package relay

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hookrelay/hook/tunnel"
)

// openAPI is what the tests look at in docs/openapi.json.
type openAPI struct {
	OpenAPI    string
	Paths      map[string]map[string]openAPICall
	Components struct {
		Schemas    map[string]openAPISchema
		Parameters map[string]openAPIParameter
	}
}

type openAPICall struct {
	OperationID, Summary string
	Parameters           []openAPIParameter
	RequestBody          *openAPIBody
	Responses            map[string]openAPIBody
}

type openAPIParameter struct {
	Ref      string `json:"$ref"`
	Name, In string
}

type openAPIBody struct {
	Content map[string]struct{ Schema openAPISchema }
}

type openAPISchema struct {
	Ref        string `json:"$ref"`
	Type       string
	Format     string
	Enum       []string
	Properties map[string]openAPISchema
	Required   []string
	Items      *openAPISchema
	MinItems   int
	MaxItems   int
}

func readOpenAPI(t *testing.T) *openAPI {
	t.Helper()
	data, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var api openAPI
	if err := json.Unmarshal(data, &api); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(api.OpenAPI, "3.1.") {
		t.Fatalf("OpenAPI %q", api.OpenAPI)
	}
	return &api
}

// source parses this package's files without its tests.
func source(t *testing.T) map[string]*ast.File {
	t.Helper()
	names, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]*ast.File)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	return files
}

// text is the value of a string literal.
func text(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

func TestOpenAPIHasEveryRoute(t *testing.T) {
	api := readOpenAPI(t)
	pattern := regexp.MustCompile(`^[A-Z]+ /v1/\S*$`)
	routes := make(map[string]bool) // also those that are no apiHandler
	ast.Inspect(source(t)["api.go"], func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok {
			if s, ok := text(e); ok && pattern.MatchString(s) {
				routes[s] = true
			}
		}
		return true
	})
	for route := range new(Server).endpoints() {
		if !routes[route] {
			t.Errorf("route %q is not seen in api.go: this test has to find it", route)
		}
	}
	for path, calls := range api.Paths {
		for method, call := range calls {
			route := strings.ToUpper(method) + " " + path
			if !routes[route] {
				t.Errorf("docs/openapi.json has %s, the relay has not", route)
			}
			delete(routes, route)
			checkCall(t, api, path, route, &call)
		}
	}
	for route := range routes {
		t.Errorf("docs/openapi.json lacks %s", route)
	}
}

// checkCall looks for what every call has: a name, its path's parameters, and
// problems.
func checkCall(t *testing.T, api *openAPI, path, route string, call *openAPICall) {
	t.Helper()
	if call.OperationID == "" || call.Summary == "" {
		t.Errorf("%s has no operationId or no summary", route)
	}
	var have []string
	for _, p := range call.Parameters {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/"); ok {
			p = api.Components.Parameters[name]
		}
		if p.In == "path" {
			have = append(have, p.Name)
		}
	}
	var want []string
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
		want = append(want, m[1])
	}
	if !slices.Equal(have, want) {
		t.Errorf("%s has the path parameters %q, want %q", route, have, want)
	}
	if call.Responses["default"].Content["application/problem+json"].Schema.Ref != "#/components/schemas/Problem" {
		t.Errorf("%s has no problem as its default response", route)
	}
	for status, body := range call.Responses {
		for _, c := range body.Content {
			if _, known := api.Components.Schemas[strings.TrimPrefix(c.Schema.Ref, "#/components/schemas/")]; c.Schema.Ref != "" && !known {
				t.Errorf("%s %s: %s is not there", route, status, c.Schema.Ref)
			}
		}
	}
}

func TestOpenAPISchemasAreTheGoTypes(t *testing.T) {
	api := readOpenAPI(t)
	seen := map[string]bool{"Removed": true} // a map in Go: clearQueue
	for _, v := range []any{
		EndpointRequest{}, PolicyRequest{}, EndpointView{}, PolicyView{}, OldID{}, RotateRequest{}, QueueView{}, ItemView{},
		Depth{}, Accept{}, Handshake{}, Reply{}, Problem{},
	} {
		typ := reflect.TypeOf(v)
		name := schemaName(typ)
		seen[name] = true
		schema, ok := api.Components.Schemas[name]
		if !ok {
			t.Errorf("docs/openapi.json has no schema %s", name)
			continue
		}
		var required []string
		fields := make(map[string]bool)
		for f := range typ.Fields() {
			tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if tag == "-" {
				continue
			}
			if tag == "" {
				t.Errorf("%s.%s has no JSON name", typ, f.Name)
			}
			fields[tag] = true
			if options == "" {
				required = append(required, tag)
			}
			p, ok := schema.Properties[tag]
			if !ok {
				t.Errorf("%s: docs/openapi.json lacks %s", name, tag)
				continue
			}
			checkSchema(t, name+"."+tag, f.Type, &p)
		}
		for tag := range schema.Properties {
			if !fields[tag] {
				t.Errorf("%s: docs/openapi.json has %s, the Go type has not", name, tag)
			}
		}
		slices.Sort(required)
		slices.Sort(schema.Required)
		if !slices.Equal(required, schema.Required) {
			t.Errorf("%s: required are %q, docs/openapi.json has %q", name, required, schema.Required)
		}
	}
	for name := range api.Components.Schemas {
		if !seen[name] {
			t.Errorf("docs/openapi.json has the schema %s, which this test does not compare", name)
		}
	}
}

func schemaName(typ reflect.Type) string {
	if typ == reflect.TypeFor[Problem]() {
		return "Problem"
	}
	return typ.Name()
}

// checkSchema compares a field's type with its schema.
func checkSchema(t *testing.T, where string, typ reflect.Type, s *openAPISchema) {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	want, ref := "", ""
	switch {
	case typ == reflect.TypeFor[time.Time]():
		want = "string"
		if s.Format != "date-time" {
			t.Errorf("%s: format %q, want date-time", where, s.Format)
		}
	case typ == reflect.TypeFor[tunnel.ID](), typ.Kind() == reflect.String:
		want = "string"
	case typ.Kind() == reflect.Bool:
		want = "boolean"
	case typ.Kind() == reflect.Int, typ.Kind() == reflect.Int64, typ.Kind() == reflect.Uint64:
		want = "integer"
	case typ.Kind() == reflect.Slice, typ.Kind() == reflect.Array:
		want = "array"
		if typ.Kind() == reflect.Array && (s.MinItems != typ.Len() || s.MaxItems != typ.Len()) {
			t.Errorf("%s: %d to %d items, want %d", where, s.MinItems, s.MaxItems, typ.Len())
		}
		if s.Items == nil {
			t.Errorf("%s: no items", where)
			return
		}
		checkSchema(t, where+"[]", typ.Elem(), s.Items)
	case typ.Kind() == reflect.Struct:
		ref = "#/components/schemas/" + schemaName(typ)
	default:
		t.Fatalf("%s: this test does not know %s", where, typ)
	}
	if s.Type != want || s.Ref != ref {
		t.Errorf("%s: %q %q, want %q %q", where, s.Type, s.Ref, want, ref)
	}
	var values []string
	switch typ {
	case reflect.TypeFor[Respond]():
		values = []string{string(Auto), string(Queue), string(Live)}
	case reflect.TypeFor[CloseReason]():
		values = []string{string(Expired), string(Idled), string(UsedUp), string(Revoked)}
	default:
		return
	}
	if !slices.Equal(s.Enum, values) {
		t.Errorf("%s: values %q, want %q", where, s.Enum, values)
	}
}

// problemTypes are the types of all problems that this package can send.
func problemTypes(t *testing.T) []string {
	t.Helper()
	types := make(map[string]bool)
	for f := range faults {
		types[fault(f).problem().Type] = true
	}
	for _, why := range []CloseReason{"", Expired, Idled, UsedUp, Revoked} {
		types[problemGone(why).Type] = true
	}
	unsent := map[string]bool{} // constructors that nothing calls
	for file, f := range source(t) {
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || unsent[fn.Name.Name] {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				switch name, ok := call.Fun.(*ast.Ident); {
				case !ok:
				case unsent[name.Name]:
					t.Errorf("%s: %s is sent now: this test has to count it", file, name.Name)
				case name.Name == "newProblem":
					if s, ok := text(call.Args[1]); ok {
						types[problemType+s] = true
					} else if fn.Name.Name != "problem" && fn.Name.Name != "problemGone" {
						t.Errorf("%s: newProblem with a type that this test cannot read", file)
					}
				}
				return true
			})
		}
	}
	var list []string
	for typ := range types {
		list = append(list, typ)
	}
	slices.Sort(list)
	return list
}

func TestOpenAPIListsEveryProblem(t *testing.T) {
	listed := slices.Clone(readOpenAPI(t).Components.Schemas["Problem"].Properties["type"].Enum)
	slices.Sort(listed)
	want := problemTypes(t)
	if !slices.Equal(listed, want) {
		t.Errorf("docs/openapi.json lists\n%q\nthe relay sends\n%q", listed, want)
	}
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range want {
		if name := strings.TrimPrefix(typ, problemType); !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("docs/api.md has no row for the problem %q", name)
		}
	}
}

func TestOpenAPIDefaultsAreTheRelays(t *testing.T) {
	var raw struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct{ Default any }
			}
		}
	}
	data, err := os.ReadFile("../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		schema, field string
		want          any
	}{
		{"EndpointRequest", "ttl", defaultTTL.Seconds()},
		{"EndpointRequest", "idle", defaultIdle.Seconds()},
		{"EndpointRequest", "keep", defaultKeep.Seconds()},
		{"PolicyRequest", "respond", string(Auto)},
		{"PolicyRequest", "budget_ms", float64(defaultBudget.Milliseconds())},
		{"PolicyRequest", "retry_for", defaultRetryFor.Seconds()},
		{"RotateRequest", "overlap", defaultOverlap.Seconds()},
	} {
		if got := raw.Components.Schemas[c.schema].Properties[c.field].Default; got != c.want {
			t.Errorf("%s.%s: default %v, want %v", c.schema, c.field, got, c.want)
		}
	}
}
