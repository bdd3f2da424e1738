package watcher

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRootTaken(t *testing.T) {
	for _, test := range []struct {
		name string
		take func(r *rig)
		lost string // "": it is not lost long enough to be told
		back func(r *rig)
		same bool // what stands there afterwards may have the identity of the root
	}{
		{
			"deleted", func(r *rig) { r.removeAll("") },
			"does not exist", func(r *rig) { r.write("f", "new") }, false,
		},
		{
			"renamed and back", func(r *rig) { r.must(os.Rename(r.dir, r.dir+".away")) },
			"does not exist", func(r *rig) { r.must(os.Rename(r.dir+".away", r.dir)) }, false,
		},
		{
			"replaced by a file", func(r *rig) {
				r.removeAll("")
				r.must(os.WriteFile(r.dir, nil, 0o644))
			},
			"is not a directory", func(r *rig) { r.remove(""); r.mkdir("") }, false,
		},
		{
			"replaced by a link to nothing", func(r *rig) {
				r.removeAll("")
				r.must(os.Symlink("nowhere", r.dir))
			},
			"does not exist", func(r *rig) { r.remove(""); r.mkdir("") }, false,
		},
		{
			"replaced by a link to a directory", func(r *rig) {
				r.must(os.Rename(r.dir, r.dir+".away"))
				r.must(os.Symlink("root.away", r.dir))
			},
			"", func(*rig) {}, true,
		},
		{
			"replaced by another directory", func(r *rig) {
				r.must(os.Rename(r.dir, r.dir+".away"))
				r.write("other", "other")
			},
			"", func(*rig) {}, false,
		},
		{
			"removed and made again", func(r *rig) { r.removeAll(""); r.write("n", "new") },
			"", func(*rig) {}, true,
		},
	} {
		for _, mode := range []Mode{Native, Poll} {
			t.Run(test.name+"/"+string(mode), func(t *testing.T) {
				if mode == Poll && test.same {
					t.Skip("polling sees the same directory, or one with its inode's number, and compares what it holds")
				}
				t.Parallel()
				r := newRig(t, map[string]string{"f": "f", "d/e/g": "g"}, Root{Mode: mode, Settle: 50 * time.Millisecond})
				test.take(r)
				if test.lost != "" {
					r.want(r.h, RootLost)
					if h := r.h.Health(); !strings.Contains(h.Lost, test.lost) || h.Directories != 0 || h.Mode != "" {
						t.Errorf("health is %+v, want lost: %s", h, test.lost)
					}
					if mode == Native {
						r.wantWatched()
					}
					test.back(r)
				}
				r.want(r.h, RootBack)
				if h := r.h.Health(); h.Lost != "" || h.Mode != mode {
					t.Errorf("health is %+v", h)
				}
				r.wantBatches(r.h)
				r.write("d/late", "late")
				r.wantBatches(r.h, "+d/late")
				if _, err := os.Stat(r.dir + ".away"); err == nil && mode == Native {
					// What happens where the root was moved to is not the root's.
					if real, _ := filepath.EvalSymlinks(r.dir); real == r.dir {
						r.must(os.WriteFile(r.dir+".away/d/e/x", nil, 0o644))
						r.wantBatches(r.h)
					}
				}
			})
		}
	}
}

// TestRootMovedFromAbove renames a directory above the root, which makes no
// event, and goes on writing in the moved tree.
func TestRootMovedFromAbove(t *testing.T) {
	top := tempDir(t)
	r := newRig(t, map[string]string{"f": "f", "d/g": "g"}, Root{Dir: filepath.Join(top, "a", "b", "root"), Settle: 50 * time.Millisecond})
	r.must(os.Rename(filepath.Join(top, "a"), filepath.Join(top, "z")))
	r.must(os.WriteFile(filepath.Join(top, "z/b/root/d/x"), nil, 0o644))
	r.want(r.h, RootLost)
	r.wantWatched()
	r.must(os.Rename(filepath.Join(top, "z"), filepath.Join(top, "a")))
	r.want(r.h, RootBack)
	r.write("d/y", "y")
	r.wantBatches(r.h, "+d/y")
	r.wantWatched(".", "d")
}

func TestRootMissingAtStart(t *testing.T) {
	for _, files := range [][]string{nil, {"f"}} {
		r := &rig{T: t, dir: filepath.Join(tempDir(t), "a", "root"), w: newTestWatcher(t)}
		running(t, r.w)
		r.h = r.add(Root{Dir: r.dir, Files: files, Settle: testSettle})
		r.want(r.h, RootLost)
		r.write("f", "f")
		r.want(r.h, RootBack)
		r.write("f", "g")
		r.wantBatches(r.h, "*f")
	}
}

func TestManyFiles(t *testing.T) {
	for _, mode := range []Mode{Native, Poll} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil, Root{Mode: mode, Settle: time.Second, MaxWait: time.Minute})
			files := 10_000
			if mode == Poll {
				files = 2000
			}
			for i := range files {
				r.write(fmt.Sprintf("d%d/f%d", i%10, i), "x")
			}
			r.wantBatches(r.h, "[many-paths]")
			r.write("d3/f3", "changed")
			r.remove("d4/f4")
			r.wantBatches(r.h, "*d3/f3 -d4/f4")
		})
	}
}

func TestConstantWriting(t *testing.T) {
	r := newRig(t, map[string]string{"log": ""}, Root{MaxWait: 400 * time.Millisecond})
	file, err := os.OpenFile(r.path("log"), os.O_WRONLY|os.O_APPEND, 0)
	r.must(err)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				_, _ = file.WriteString("line\n") // the batches tell
			}
		}
	})
	for range 3 {
		if got := text(r.next(r.h)); got != "*log" {
			t.Errorf("batch is %q", got)
		}
	}
	close(stop)
	writer.Wait()
	r.must(file.Close())
}

func TestDeep(t *testing.T) {
	r := newRig(t, nil, Root{})
	deep := strings.Repeat("d/", 100)
	r.write(deep+"f", "f")
	r.wantBatches(r.h, "+"+deep+"f")
	r.write(deep+"f", "changed")
	r.wantBatches(r.h, "*"+deep+"f")
	r.rename("d", "e")
	r.wantBatches(r.h, "-"+deep+"f +e"+deep[1:]+"f")
	if got := len(r.watched()); got != 101 {
		t.Errorf("%d directories are watched", got)
	}
	// Deeper than a name may be long: told, not fatal.
	at := r.path("e")
	for range 20 {
		at = filepath.Join(at, strings.Repeat("x", 250))
		if err := os.Mkdir(at, 0o755); err != nil {
			break
		}
	}
	r.wantBatches(r.h)
	r.write("f", "f")
	r.wantBatches(r.h, "+f")
}

func TestManyEvents(t *testing.T) {
	r := newRig(t, map[string]string{"f": ""}, Root{MaxWait: 30 * time.Second})
	file, err := os.OpenFile(r.path("f"), os.O_WRONLY, 0)
	r.must(err)
	for range 100_000 {
		_, err := file.WriteAt([]byte("x"), 0)
		r.must(err)
	}
	r.must(file.Close())
	got := r.quiet(r.h)
	if len(got) != 1 || text(got[0]) != "*f" && got[0].Why != Overflowed {
		t.Errorf("batches are %v", got)
	}
	// Names that come and go are nothing, however many.
	for i := range 5000 {
		name := r.path(fmt.Sprint("t", i))
		r.must(os.WriteFile(name, nil, 0o644))
		r.must(os.Remove(name))
	}
	for _, b := range r.quiet(r.h) {
		if b.Why == "" {
			t.Errorf("batch is %s", text(b))
		}
	}
	r.write("f", "changed")
	r.wantBatches(r.h, "*f")
}

func TestOverlap(t *testing.T) {
	r := newRig(t, map[string]string{"a/b/f": "f"}, Root{})
	inner := r.add(Root{Dir: r.path("a/b"), Settle: testSettle})
	r.want(inner, Started)
	same := r.add(Root{Dir: r.dir, Ignore: []string{"a"}, Settle: testSettle})
	r.want(same, Started)
	file := r.add(Root{Dir: r.path("a/b"), Files: []string{"f"}, Settle: testSettle})
	r.want(file, Started)
	other := tempDir(t) + "/link"
	r.must(os.Symlink(r.path("a"), other))
	linked := r.add(Root{Dir: other, Settle: testSettle})
	r.want(linked, Started)
	r.wantWatched(".", "a", "a/b")
	all := []*Watch{r.h, inner, same, file, linked}
	wants := func(want ...string) {
		t.Helper()
		for i, h := range all {
			var list []string
			if want[i] != "" {
				list = []string{want[i]}
			}
			r.wantBatches(h, list...)
		}
	}
	r.write("a/b/f", "changed")
	wants("*a/b/f", "*f", "", "*f", "*b/f")
	r.write("a/b/c/g", "g")
	wants("+a/b/c/g", "+c/g", "", "", "+b/c/g")
	r.rename("a/b/c", "a/d")
	wants("-a/b/c/g +a/d/g", "-c/g", "", "", "-b/c/g +d/g")
	r.wantWatched(".", "a", "a/b", "a/d")
	r.rename("a", "z")
	wants("-a/b/f -a/d/g +z/b/f +z/d/g", "[root-lost]", "+z/b/f +z/d/g", "[root-lost]", "[root-lost]")
	r.rename("z", "a")
	wants("+a/b/f +a/d/g -z/b/f -z/d/g", "[root-back]", "-z/b/f -z/d/g", "[root-back]", "[root-back]")
	r.wantWatched(".", "a", "a/b", "a/d")
	for _, h := range []*Watch{r.h, linked} {
		h.Close()
	}
	r.wantWatched(".", "a/b")
	inner.Close()
	r.wantWatched(".", "a/b")
	file.Close()
	same.Close()
	same.Close()
	r.wantWatched()
	r.write("a/b/f", "unheard")
	r.sync()
	for _, h := range all {
		if h.Pending() || len(h.Batches()) > 0 {
			t.Error("a closed watch tells something")
		}
	}
	if got := r.w.Health().Directories; got != 0 {
		t.Errorf("%d directories are watched", got)
	}
	if n := len(r.w.table.dirs); n != 0 {
		t.Errorf("%d directories are kept", n)
	}
}

func TestAfterRun(t *testing.T) {
	w := newTestWatcher(t)
	dir := tempDir(t)
	h, err := w.Add(Root{Dir: dir}) // before Run
	if err != nil {
		t.Fatal(err)
	}
	if !h.Pending() {
		t.Error("not pending before the first look")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	if b := <-h.Batches(); b.Why != Started {
		t.Errorf("batch is %s", text(b))
	}
	if err := w.Sync(ctx); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := w.Sync(context.Background()); err == nil {
		t.Error("Sync works after Run")
	}
	if _, err := w.Add(Root{Dir: dir}); err == nil {
		t.Error("Add works after Run")
	}
	if err := w.Run(context.Background()); err == nil {
		t.Error("Run works twice")
	}
	h.Close()
}

func TestBadRoots(t *testing.T) {
	w := newTestWatcher(t)
	for _, root := range []Root{
		{Dir: "relative"}, {Dir: ""},
		{Dir: tempDir(t), Files: []string{"a/b"}},
		{Dir: tempDir(t), Files: []string{".."}},
		{Dir: tempDir(t), Mode: "fast"},
		{Dir: tempDir(t), Ignore: []string{"["}},
		{Dir: tempDir(t), Settle: -1},
	} {
		if _, err := w.Add(root); err == nil {
			t.Errorf("Add(%+v) works", root)
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("New works without a clock")
	}
}
