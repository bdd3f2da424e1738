package watcher

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestLinks(t *testing.T) {
	for _, mode := range []Mode{Native, Poll} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, map[string]string{".gitignore": "build\n", "build/docs/x": "x", "build/one": "1", "build/two": "2", "d/a": "a"}, Root{Mode: mode})
			away := tempDir(t)
			check := func(do func(), want ...string) {
				t.Helper()
				do()
				r.wantBatches(r.h, want...)
			}
			check(func() { r.link("build/docs", "docs") }, "+docs/x")
			check(func() { r.write("build/docs/x", "changed") }, "*docs/x")
			check(func() { r.write("build/docs/sub/y", "y") }, "+docs/sub/y")
			check(func() { r.write("build/two", "ignored") })
			check(func() { r.link("../build/one", "d/one") }, "+d/one")
			check(func() { r.write("build/one", "changed") }, "*d/one")
			check(func() { r.write("build/two", "ignored still") })
			check(func() { r.link("d", "e") }, "+e/a +e/one")
			check(func() { r.write("d/a", "changed") }, "*d/a *e/a")
			check(func() { r.write("e/n", "new") }, "+d/n +e/n")
			if mode == Native {
				r.wantWatched(".", "build", "build/docs", "build/docs/sub", "d")
			}
			// Circles, links out of the root and broken ones are files that
			// cannot be published.
			check(func() { r.link(".", "d/self"); r.link("../d", "d/up") }, "+d/self +d/up +e/self +e/up")
			check(func() { r.link(away, "out"); r.link("nowhere", "broken") }, "+broken +out")
			r.must(os.WriteFile(away+"/x", nil, 0o644))
			check(func() {})
			check(func() { r.write("nowhere/n", "n") }, "-broken +broken/n +nowhere/n")
			check(func() { r.removeAll("nowhere") }, "+broken -broken/n -nowhere/n")
			check(func() { r.remove("docs") }, "-docs/sub/y -docs/x")
			check(func() { r.remove("e"); r.removeAll("d") }, "-d/a -d/n -d/one -d/self -d/up -e/a -e/n -e/one -e/self -e/up")
			if mode == Native {
				r.wantWatched(".")
			}
		})
	}
}

// TestLinkBomb has links that multiply: each level doubles.
func TestLinkBomb(t *testing.T) {
	files := map[string]string{}
	for i := range 20 {
		files[fmt.Sprintf("l%d/f", i)] = "f"
	}
	r := newRig(t, files, Root{})
	for i := range 19 {
		r.link(fmt.Sprintf("../l%d", i+1), fmt.Sprintf("l%d/x", i))
		r.link(fmt.Sprintf("../l%d", i+1), fmt.Sprintf("l%d/y", i))
	}
	r.quiet(r.h)
	if got := r.h.Health().Directories; got > maxLinked+100 {
		t.Errorf("%d directories are looked at", got)
	}
	if got := len(r.watched()); got != 21 {
		t.Errorf("%d directories are watched", got)
	}
	r.write("l19/f", "changed")
	if got := r.quiet(r.h); len(got) != 1 {
		t.Errorf("batches are %v", got)
	}
}

func TestFiles(t *testing.T) {
	for _, mode := range []Mode{Native, Poll} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			away := tempDir(t)
			dir := tempDir(t)
			r := newRig(t, map[string]string{"conf": "1", ".gitignore": "conf\n", "d/conf": "1"}, Root{Dir: dir, Files: []string{"conf", "more"}, Mode: mode})
			check := func(do func(), want ...string) {
				t.Helper()
				do()
				r.wantBatches(r.h, want...)
			}
			check(func() { r.write("conf", "22") }, "*conf")
			check(func() { r.write("other", "x"); r.write("d/conf", "22"); r.write(".gitignore", "") })
			check(func() { r.write("conf.tmp", "333"); r.rename("conf.tmp", "conf") }, "*conf")
			check(func() { r.write("more", "1") }, "+more")
			check(func() { r.remove("more"); r.mkdir("more") }, "-more")
			// A link is watched where it leads.
			target := filepath.Join(away, "v1", "conf")
			r.must(os.Mkdir(filepath.Dir(target), 0o755))
			r.must(os.WriteFile(target, []byte("1"), 0o644))
			r.must(os.Symlink("v1", filepath.Join(away, "current")))
			check(func() { r.remove("conf"); r.link(filepath.Join(away, "v1", "conf"), "conf") }, "*conf")
			check(func() { r.must(os.WriteFile(target, []byte("4444"), 0o644)) }, "*conf")
			// As Kubernetes changes a ConfigMap.
			r.write("..1/conf", "1")
			r.write("..2/conf", "22")
			r.link("..1", "..data")
			check(func() { r.remove("conf"); r.link("..data/conf", "conf") }, "*conf")
			check(func() { r.link("..2", "..data.tmp"); r.rename("..data.tmp", "..data") }, "*conf")
			check(func() { r.write("..2/conf", "333") }, "*conf")
		})
	}
}
