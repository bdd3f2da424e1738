package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const module = "assetsync"

// arrows are the imports of ours that a package may have. Prefixes end in "/".
// The cmd package is not here: it imports everything, and nothing imports it.
var arrows = map[string][]string{
	"manifest":                 {"manifest/packed"},
	"manifest/packed":          nil,
	"manifest/durable":         {"manifest"},
	"manifest/gitrepo":         {"manifest", "manifest/durable"},
	"manifest/secrets":         nil,
	"diff":                     {"manifest"},
	"watcher":                  {"manifest"},
	"remote":                   {"manifest", "internal/lazyregexp"},
	"remote/assettype":         {"manifest", "internal/lazyregexp"},
	"remote/aws":               {"remote", "internal/lazyregexp"},
	"remote/emulator":          {"remote", "remote/assettype", "manifest"},
	"remote/remotetest":        {"remote", "manifest"},
	"remote/probe":             {"remote", "remote/remotetest", "manifest"},
	"sync":                     {"sync/state", "sync/worktree", "sync/lint", "sync/planfile", "diff", "remote", "remote/assettype", "manifest", "manifest/"},
	"sync/state":               {"manifest", "manifest/packed"},
	"sync/lint":                {"remote/assettype", "manifest", "manifest/packed", "manifest/secrets", "internal/lazyregexp"},
	"sync/planfile":            {"manifest"},
	"sync/worktree":            {"diff", "manifest", "manifest/durable"},
	"sync/daemon":              {"sync", "watcher"},
	"sync/daemon/metrics":      {"sync", "sync/daemon", "remote"},
	"sync/daemon/notice":       {"sync/daemon"},
	"internal/dist":            nil,
	"internal/lazyregexp":      nil,
	"manifest/gitrepo/githook": {"manifest/durable"},
}

// keepers are the only importers of a library and what lies below it. Nobody
// keeps what only tests may use.
var keepers = map[string][]string{
	"github.com/fsnotify/fsnotify": {"watcher"},
	"github.com/go-git/":           {"manifest/gitrepo"},
	"github.com/aws/":              {"remote/aws"},
	"github.com/spf13/cobra":       {"cmd/assetsync"},
	"github.com/goccy/go-yaml":     {"cmd/assetsync", "remote/assettype"},
	"go.etcd.io/bbolt":             {"sync/state", "remote/emulator"},
	"github.com/gofrs/flock":       {"sync/state"},
	"github.com/yuin/goldmark":     {"sync/lint"},
	"github.com/coreos/go-systemd": {"cmd/assetsync"},
	"go.uber.org/zap":              {"cmd/assetsync", "sync", "sync/daemon", "remote/aws"},
	"github.com/prometheus/":       {"sync/daemon/metrics"},
	"github.com/cheggaaa/":         {"cmd/assetsync"},
	"github.com/rogpeppe/":         {},
	"github.com/google/go-cmp":     {},
	"pgregory.net/rapid":           {},
	"github.com/santhosh-tekuri/":  {},
}

// TestImports keeps the arrows of the design.
func TestImports(t *testing.T) {
	imports, err := readImports(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(imports) < 100 {
		t.Errorf("only %d imports were found", len(imports))
	}
	for _, wrong := range checkImports(imports) {
		t.Error(wrong)
	}
}

// imported is one import of one file.
type imported struct {
	file string // slash path from the module's top
	name string // the name given to it, "" when none
	path string
}

func (i imported) from() string { return path.Dir(i.file) }
func (i imported) test() bool   { return strings.HasSuffix(i.file, "_test.go") }

// readImports reads the imports of all Go files, for whatever system they are.
func readImports(fsys fs.FS) (list []imported, err error) {
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			one := imported{file: name}
			if one.path, err = strconv.Unquote(spec.Path.Value); err != nil {
				return err
			}
			if spec.Name != nil {
				one.name = spec.Name.Name
			}
			list = append(list, one)
		}
		return nil
	})
	return list, err
}

// checkImports returns what is against the rules.
func checkImports(list []imported) (wrong []string) {
	for _, i := range list {
		for _, rule := range []func(imported) string{checkSyncName, checkArrow, checkKeeper} {
			if what := rule(i); what != "" {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: %s", i.file, i.path, what))
			}
		}
	}
	return wrong
}

// checkSyncName keeps the name sync for the standard library's package, in
// tests too. The tests of our own may call it what they like.
func checkSyncName(i imported) string {
	switch {
	case i.path == "sync" && i.name != "":
		return "the standard library's sync has no other name"
	case i.path == module+"/sync" && i.name != module && !(i.test() && i.from() == "sync"):
		return "ours is named " + module
	}
	return ""
}

// checkArrow looks at imports of ours. Tests may stand on anything.
func checkArrow(i imported) string {
	to, ours := strings.CutPrefix(i.path, module+"/")
	if !ours || i.test() || i.from() == "cmd/assetsync" {
		return ""
	}
	allowed, known := arrows[i.from()]
	switch {
	case !known:
		return i.from() + " has no place in the design"
	case slices.ContainsFunc(allowed, func(a string) bool { return matches(a, to) }):
		return ""
	}
	return "the design has no such arrow"
}

// checkKeeper looks at imports of libraries that have one place.
func checkKeeper(i imported) string {
	if i.test() {
		return ""
	}
	for library, places := range keepers {
		if (i.path == library || strings.HasPrefix(i.path, strings.TrimSuffix(library, "/")+"/")) && !slices.Contains(places, i.from()) {
			return fmt.Sprintf("only %q may", places)
		}
	}
	return ""
}

func matches(pattern, p string) bool {
	return p == pattern || strings.HasSuffix(pattern, "/") && strings.HasPrefix(p, pattern)
}

// TestCheckImports shows that the rules can be broken.
func TestCheckImports(t *testing.T) {
	tests := map[string]struct {
		file, imports string
		want          []string
	}{
		"allowed":                  {"sync/a.go", `"assetsync/manifest/gitrepo"; "go.uber.org/zap"; "sync"`, nil},
		"upward":                   {"manifest/a.go", `"assetsync/diff"`, []string{"manifest/a.go imports assetsync/diff: the design has no such arrow"}},
		"sideways":                 {"remote/aws/a.go", `"assetsync/remote/emulator"`, []string{"remote/aws/a.go imports assetsync/remote/emulator: the design has no such arrow"}},
		"prefix of a name":         {"diff/a.go", `"assetsync/manifest/gitrepo"`, []string{"diff/a.go imports assetsync/manifest/gitrepo: the design has no such arrow"}},
		"new package":              {"util/a.go", `"assetsync/manifest"`, []string{"util/a.go imports assetsync/manifest: util has no place in the design"}},
		"nothing imports cmd":      {"sync/a.go", `"assetsync/cmd/assetsync"`, []string{"sync/a.go imports assetsync/cmd/assetsync: the design has no such arrow"}},
		"tests stand on anything":  {"manifest/a_test.go", `"assetsync/diff"; "pgregory.net/rapid"`, nil},
		"cmd imports everything":   {"cmd/assetsync/a.go", `assetsync "assetsync/sync"; "assetsync/remote/aws"; "github.com/spf13/cobra"`, nil},
		"second importer":          {"sync/a.go", `"github.com/go-git/go-git/v5/plumbing"`, []string{`sync/a.go imports github.com/go-git/go-git/v5/plumbing: only ["manifest/gitrepo"] may`}},
		"library below its keeper": {"diff/a.go", `"go.uber.org/zap/zapcore"`, []string{`diff/a.go imports go.uber.org/zap/zapcore: only ["cmd/assetsync" "sync" "sync/daemon" "remote/aws"] may`}},
		"test library in program":  {"diff/a.go", `"pgregory.net/rapid"`, []string{`diff/a.go imports pgregory.net/rapid: only [] may`}},
		"the standard one renamed": {"diff/a_test.go", `gosync "sync"`, []string{"diff/a_test.go imports sync: the standard library's sync has no other name"}},
		"ours not renamed":         {"sync/daemon/a.go", `"assetsync/sync"`, []string{"sync/daemon/a.go imports assetsync/sync: ours is named assetsync"}},
		"ours in its own tests":    {"sync/a_test.go", `. "assetsync/sync"`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{
				tt.file:           {Data: []byte("package x\nimport (" + tt.imports + ")\n")},
				"testdata/bad.go": {Data: []byte("package x\nimport \"assetsync/nothing\"\n")},
			}
			list, err := readImports(tree)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, checkImports(list)); d != "" {
				t.Errorf("wrong imports (-want +got):\n%s", d)
			}
		})
	}
}
