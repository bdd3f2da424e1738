package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMakeTest holds what make test runs without the race detector to the
// sources: no test may skip itself under the detector and run nowhere, and no
// package that starts a goroutine may go without it.
func TestMakeTest(t *testing.T) {
	var skipping, in []string
	beside := map[string]string{} // what runs beside something else, by package
	for _, f := range readSources(t) {
		if what := startsGoroutine(f.tree); what != "" {
			beside[f.dir] = f.name + ": " + what
		}
		for _, name := range skippedWhenRaced(f.tree) {
			// make sim runs it, with more stories.
			if name != "TestSim" {
				skipping, in = append(skipping, name), append(in, f.dir)
			}
		}
	}
	slices.Sort(skipping)
	slices.Sort(in)
	if d := cmp.Diff(makeList(t, "UNRACED"), slices.Compact(skipping)); d != "" {
		t.Errorf("tests that skip themselves under the race detector (-Makefile +sources):\n%s", d)
	}
	if d := cmp.Diff(makeList(t, "UNRACED_IN"), slices.Compact(in)); d != "" {
		t.Errorf("packages of tests that skip themselves under the race detector (-Makefile +sources):\n%s", d)
	}
	for _, name := range makeList(t, "CONCURRENT") {
		if !slices.ContainsFunc(readSources(t), func(f goFile) bool { return f.dir == "sync" && hasTest(f.tree, name) }) {
			t.Errorf("%s of the Makefile is no test of sync", name)
		}
	}
	for _, dir := range makeList(t, "SEQUENTIAL") {
		if what := beside[dir]; what != "" {
			t.Errorf("%s needs the race detector: %s", dir, what)
		}
		if len(globSources(t, dir)) == 0 {
			t.Errorf("%s of the Makefile is no package", dir)
		}
	}
}

func hasTest(file *ast.File, name string) bool {
	return slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
		f, ok := d.(*ast.FuncDecl)
		return ok && f.Name.Name == name
	})
}

// makeList is a variable of the Makefile that is a list of words on one line.
func makeList(t *testing.T, name string) []string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + name + ` *:= *(.*)$`).FindStringSubmatch(readDoc(t, "Makefile"))
	if found == nil {
		t.Fatalf("the Makefile has no %s", name)
	}
	return strings.Fields(found[1])
}

// goFile is a Go file of ours.
type goFile struct {
	dir, name string
	tree      *ast.File
}

func readSources(t *testing.T) (list []goFile) {
	t.Helper()
	dirs := map[string]bool{}
	imports, err := readImports(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range imports {
		dirs[path.Dir(i.file)] = true
	}
	for dir := range dirs {
		for _, name := range globSources(t, dir) {
			tree, err := parser.ParseFile(token.NewFileSet(), path.Join(root, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, goFile{dir, name, tree})
		}
	}
	return list
}

func globSources(t *testing.T, dir string) []string {
	t.Helper()
	names, err := fs.Glob(os.DirFS(root), path.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// startsGoroutine returns what of a file starts a goroutine, itself or by what
// it uses; "" for nothing.
func startsGoroutine(f *ast.File) (what string) {
	for _, spec := range f.Imports {
		switch p := strings.Trim(spec.Path.Value, `"`); p {
		case "net/http", "net/http/httptest", "testing/synctest", "golang.org/x/sync/errgroup":
			what = "import of " + p
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			what = "a go statement"
		case *ast.SelectorExpr:
			if slices.Contains([]string{"Go", "Parallel", "AfterFunc", "RunParallel"}, n.Sel.Name) {
				what = n.Sel.Name
			}
		}
		return true
	})
	return what
}

// skippedWhenRaced returns the tests that begin with "if raced"; what the tests
// inside of a package know is Raced, for those outside of it.
func skippedWhenRaced(f *ast.File) (names []string) {
	for _, decl := range f.Decls {
		test, ok := decl.(*ast.FuncDecl)
		if !ok || test.Body == nil || len(test.Body.List) == 0 {
			continue
		}
		if first, ok := test.Body.List[0].(*ast.IfStmt); ok {
			if cond, ok := first.Cond.(*ast.Ident); ok && strings.EqualFold(cond.Name, "raced") {
				names = append(names, test.Name.Name)
			}
		}
	}
	return names
}
