package watcher

import (
	"path/filepath"
	"testing"
)

func TestIgnored(t *testing.T) {
	r := newRig(t, map[string]string{
		".gitignore":               "/build/\n*.log\n",
		"build/deep/x":             "x",
		"src/a":                    "a",
		"src/.assetsyncignore":     "/tmp\n",
		"src/tmp/y":                "y",
		".git/objects/00/x":        "x",
		"node_modules/left-pad/js": "js",
	}, Root{Ignore: []string{"node_modules"}})
	r.wantWatched(".", "src")
	r.write("build/deep/z", "z")
	r.write("src/tmp/y", "changed")
	r.write("a.log", "log")
	r.mkdir("src/build")
	r.mkdir("src/node_modules/x/y")
	r.wantBatches(r.h)
	r.wantWatched(".", "src", "src/build")
	// What was watched counts no more, what was not counts.
	r.write(".gitignore", "src/build\n")
	r.want(r.h, IgnoreChanged)
	r.wantBatches(r.h)
	r.wantWatched(".", "build", "build/deep", "src")
	r.write("build/deep/z", "again")
	r.write("src/build/n", "n")
	r.wantBatches(r.h, "*build/deep/z")
	// A save by rename reads the rules once, when they are whole again.
	r.write(".gitignore.new", "/build/\n")
	r.remove(".gitignore")
	r.rename(".gitignore.new", ".gitignore")
	r.want(r.h, IgnoreChanged)
	r.wantWatched(".", "src", "src/build")
	r.remove("src/.assetsyncignore")
	r.want(r.h, IgnoreChanged)
	r.wantWatched(".", "src", "src/build", "src/tmp")
	// A directory that turns into a file only pattern's match and back.
	r.write(".assetsyncignore", "src/\n!src\n")
	r.want(r.h, IgnoreChanged)
	r.wantBatches(r.h)
}

func TestIgnorePolled(t *testing.T) {
	r := newRig(t, map[string]string{"build/x": "x", "f": "f"}, Root{Mode: Poll})
	r.write(".gitignore", "build\n")
	r.want(r.h, IgnoreChanged)
	r.write("build/x", "changed")
	r.wantBatches(r.h)
	r.remove(".gitignore")
	r.want(r.h, IgnoreChanged)
	r.write("build/x", "changed again")
	r.wantBatches(r.h, "*build/x")
}

func TestIgnoreAbove(t *testing.T) {
	for _, mode := range []Mode{Native, Poll} {
		t.Run(string(mode), func(t *testing.T) {
			top := tempDir(t)
			r := newRig(t, map[string]string{"f": "f", "build/x": "x"}, Root{Dir: filepath.Join(top, "a", "root"), Top: top, Mode: mode})
			above := *r
			above.dir = top
			above.write("unrelated", "x")
			above.write("a/unrelated", "x")
			r.wantBatches(r.h)
			above.write(".gitignore", "build/\n")
			r.want(r.h, IgnoreChanged)
			r.write("build/x", "changed")
			r.wantBatches(r.h)
			above.write("a/.gitignore", "!build/\n")
			r.want(r.h, IgnoreChanged)
			r.write("build/x", "changed again")
			r.wantBatches(r.h, "*build/x")
			// Where a worktree begins decides which files above count.
			above.remove("a/.gitignore")
			r.want(r.h, IgnoreChanged)
			above.mkdir("a/.git")
			r.want(r.h, IgnoreChanged)
			r.write("build/x", "and again")
			r.wantBatches(r.h, "*build/x")
		})
	}
}
