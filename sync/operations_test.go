package sync_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/remote/emulator"
	"assetsync/sync"
)

// TestOperations reads the sources of this package for calls of the service:
// they are those that policies are made of, no others.
func TestOperations(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	for _, f := range files {
		if name := f.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			readCalls(t, name, called)
		}
	}
	var got []string
	for op := range called {
		got = append(got, op)
	}
	slices.Sort(got)
	if d := cmp.Diff(slices.Sorted(slices.Values(append(sync.Operations(), sync.Deletes()...))), got); d != "" {
		t.Errorf("operations that the sources call (-listed +called):\n%s", d)
	}
	for _, op := range sync.Writes() {
		if regexp.MustCompile("^(Get|List)").MatchString(op) || slices.Contains(sync.Reads(), op) {
			t.Errorf("%s is listed as a write", op)
		}
	}
}

// paginator is how a client's pages are asked for.
var paginator = regexp.MustCompile(`^New(\w+)Paginator$`)

// readCalls adds the operations whose methods or paginators a file names.
func readCalls(t *testing.T, name string, called map[string]bool) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := emulator.Operations()
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		op := s.Sel.Name
		if m := paginator.FindStringSubmatch(op); m != nil {
			op = m[1]
		}
		if slices.Contains(all, op) {
			called[op] = true
		}
		return true
	})
}
