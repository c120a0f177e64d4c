// Package arch holds the shape of the repository as tests: who may import whom, one package comment a package, no init functions,
// and a top level without strays. It reads files with go/parser, so that the test cache sees every change.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// An edge says that packages below From (a folder) may not import anything that begins with one of Deny, except Allow.
type edge struct {
	from        string
	deny, allow []string
	why         string
}

// transports are what the kernel must not know of.
var transports = []string{
	"google.golang.org/grpc", "github.com/envoyproxy/", "github.com/nats-io/", "github.com/synadia-io/", "github.com/go-git/", "net/http/httptest",
}

var edges = []edge{
	{from: "filters", deny: append([]string{"bartizan/extproc", "bartizan/xds", "bartizan/envoy"}, transports...), why: "the kernel knows no transport"},
	{from: "extproc", deny: []string{"bartizan/xds", "bartizan/envoy"}, allow: []string{"bartizan/xds/bundlepb", "bartizan/envoy/socket", "bartizan/envoy/state", "bartizan/envoy/admin"}, why: "the bundle is the only contract"},
	{from: "xds", deny: []string{"bartizan/extproc", "bartizan/envoy"}, allow: []string{"bartizan/envoy/socket", "bartizan/envoy/state"}, why: "the control server does not know its replicas"},
	{from: "envoy", deny: []string{"bartizan/"}, allow: []string{"bartizan/envoy/"}, why: "the launcher knows no policy"},
	{from: "extproc/stream", deny: []string{"google.golang.org/grpc", "net", "os"}, allow: []string{"google.golang.org/grpc/codes", "google.golang.org/grpc/status", "net/http"}, why: "the machine is pure"},
	{from: "", deny: []string{"bartizan/test"}, why: "the product does not know its tests"},
}

// extprocProtos may be imported by the stream alone (and by its server, which carries the messages).
const extprocProtos = "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"

type file struct {
	dir     string // relative to the root, slash-separated; "" for the root
	name    string
	ast     *ast.File
	imports []string
}

// product reads every Go file outside test/ and dot folders.
func product(t *testing.T) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		f := file{dir: path.Dir(rel), name: d.Name(), ast: parsed}
		if f.dir == "." {
			f.dir = ""
		}
		for _, i := range parsed.Imports {
			f.imports = append(f.imports, strings.Trim(i.Path.Value, `"`))
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("read %d files only: the walk is broken", len(files))
	}
	return files
}

func below(p, folder string) bool {
	return folder == "" || p == folder || strings.HasPrefix(p, folder+"/")
}

func begins(imp string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return imp == strings.TrimSuffix(p, "/") || strings.HasPrefix(imp, strings.TrimSuffix(p, "/")+"/")
	})
}

func TestImports(t *testing.T) {
	for _, f := range product(t) {
		if below(f.dir, "test") {
			continue
		}
		for _, e := range edges {
			if !below(f.dir, e.from) {
				continue
			}
			for _, imp := range f.imports {
				if begins(imp, e.deny) && !begins(imp, e.allow) && !strings.HasSuffix(f.name, "_test.go") {
					t.Errorf("%s/%s imports %s: %s", f.dir, f.name, imp, e.why)
				}
			}
		}
		if slices.Contains(f.imports, extprocProtos) && f.dir != "extproc/stream" && f.dir != "extproc/server" {
			t.Errorf("%s/%s imports the ext_proc protobufs: only the stream and its server do", f.dir, f.name)
		}
	}
}

// TestKernelIsStandardLibrary holds package filters itself, not what is below it.
func TestKernelIsStandardLibrary(t *testing.T) {
	for _, f := range product(t) {
		if f.dir != "filters" {
			continue
		}
		for _, imp := range f.imports {
			if strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") || strings.HasPrefix(imp, "bartizan/") {
				t.Errorf("filters/%s imports %s: the kernel is built on the standard library alone", f.name, imp)
			}
		}
	}
}

func TestOnePackageComment(t *testing.T) {
	comments := map[string][]string{}
	for _, f := range product(t) {
		if strings.HasSuffix(f.name, "_test.go") && f.dir != "test/arch" {
			continue
		}
		if _, ok := comments[f.dir]; !ok {
			comments[f.dir] = nil
		}
		if f.ast.Doc != nil {
			comments[f.dir] = append(comments[f.dir], f.name)
		}
	}
	for dir, files := range comments {
		if len(files) != 1 {
			t.Errorf("package %q has %d package comments %v, want 1", dir, len(files), files)
		}
	}
}

func TestNoInit(t *testing.T) {
	for _, f := range product(t) {
		if strings.HasSuffix(f.name, ".pb.go") {
			continue
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s/%s has an init function: state is made where it is owned", f.dir, f.name)
			}
		}
	}
}

func TestTopLevel(t *testing.T) {
	allowed := []string{"extproc", "xds", "filters", "envoy", "charts", "test", "go.mod", "go.sum", "Makefile", "main.go", "LICENSE", "policies", "bartizan"}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if !slices.Contains(allowed, name) && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, ".md") {
			t.Errorf("%s does not belong at the top level", name)
		}
	}
}

// TestEdgesBite proves that the map can fail.
func TestEdgesBite(t *testing.T) {
	for _, c := range []struct {
		imp         string
		deny, allow []string
		want        bool
	}{
		{"bartizan/xds/ads", []string{"bartizan/xds"}, []string{"bartizan/xds/bundlepb"}, true},
		{"bartizan/xds/bundlepb", []string{"bartizan/xds"}, []string{"bartizan/xds/bundlepb"}, false},
		{"google.golang.org/grpc/codes", []string{"google.golang.org/grpc"}, []string{"google.golang.org/grpc/codes"}, false},
		{"bartizan/xdsother", []string{"bartizan/xds"}, nil, false},
	} {
		if got := begins(c.imp, c.deny) && !begins(c.imp, c.allow); got != c.want {
			t.Errorf("%s against %v: %t, want %t", c.imp, c.deny, got, c.want)
		}
	}
}
