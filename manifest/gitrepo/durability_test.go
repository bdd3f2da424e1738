package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
)

// recorder is a disk that notes what reaches it, and fails one step. It is safe for
// concurrent use.
type recorder struct {
	disk
	mu     sync.Mutex
	steps  []string
	begun  int // steps
	failAt int // the step to fail, from 1; 0: none
	effect bool
}

var errFault = errors.New("fault")

// do notes a step and makes it, unless it is the one to fail: that one
// happens or not, and fails.
func (r *recorder) do(step, name string, f func() error) error {
	if rel, err := filepath.Rel(r.Root(), name); err == nil && filepath.IsAbs(name) {
		name = filepath.ToSlash(rel)
	}
	r.mu.Lock()
	r.begun++
	fails := r.begun == r.failAt
	r.mu.Unlock()
	defer func() { // what is noted has happened
		r.mu.Lock()
		defer r.mu.Unlock()
		r.steps = append(r.steps, step+" "+path.Clean(name))
	}()
	if !fails {
		return f()
	}
	if r.effect {
		return errors.Join(errFault, f())
	}
	return errFault
}

type recordedFile struct {
	billy.File
	r *recorder
}

func (f recordedFile) Write(p []byte) (n int, err error) {
	err = f.r.do("write", f.Name(), func() error { n, err = f.File.Write(p); return err })
	return n, err
}

func (f recordedFile) Sync() error {
	return f.r.do("sync", f.Name(), f.File.(interface{ Sync() error }).Sync)
}

func (r *recorder) opened(f billy.File, err error) (billy.File, error) {
	if err != nil {
		return nil, err
	}
	return recordedFile{f, r}, nil
}

func (r *recorder) Create(name string) (billy.File, error) { return r.opened(r.disk.Create(name)) }

func (r *recorder) OpenFile(name string, flag int, perm fs.FileMode) (billy.File, error) {
	if flag&os.O_CREATE == 0 {
		return r.disk.OpenFile(name, flag, perm)
	}
	return r.opened(r.disk.OpenFile(name, flag, perm))
}

func (r *recorder) TempFile(dir, prefix string) (billy.File, error) {
	return r.opened(r.disk.TempFile(dir, prefix))
}

func (r *recorder) Rename(from, to string) error {
	from, to = filepath.ToSlash(from), filepath.ToSlash(to)
	if rel, err := filepath.Rel(r.Root(), from); err == nil && filepath.IsAbs(from) {
		from = filepath.ToSlash(rel)
	}
	return r.do("rename "+from, to, func() error { return r.disk.Rename(from, to) })
}

func (r *recorder) SyncDir(name string) error {
	return r.do("syncdir", name, func() error { return r.disk.SyncDir(name) })
}

func recorded(t testing.TB, dir string) (*History, *recorder) {
	t.Helper()
	open(t, dir)
	r := &recorder{disk: newDisk(dir)}
	h := newHistory(r)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, r
}

// checkDurable holds the steps of one write against the order that a crash
// at any point forgives.
func checkDurable(t *testing.T, steps []string) {
	t.Helper()
	unsynced := map[string]bool{} // files written since their sync
	names := map[string]bool{}    // directories with names that are not on disk
	refs := 0
	for _, s := range steps {
		f := strings.Fields(s)
		switch f[0] {
		case "write":
			unsynced[f[1]] = true
		case "sync":
			delete(unsynced, f[1])
		case "syncdir":
			delete(names, f[1])
		case "rename":
			from, to := f[1], f[2]
			if unsynced[from] {
				t.Errorf("%s gets its name before its content is on disk", to)
			}
			if strings.HasPrefix(to, "refs/") {
				refs++
				if len(names) > 0 {
					t.Errorf("%s moves before these directories are on disk: %v", to, names)
				}
			}
			for dir := path.Dir(to); ; dir = path.Dir(dir) {
				names[dir] = true
				if dir == "." {
					break
				}
			}
		}
	}
	if len(unsynced) > 0 || len(names) > 0 || refs != 1 {
		t.Errorf("at the end: files not on disk %v, directories not on disk %v, %d refs moved", unsynced, names, refs)
	}
}

func TestPutIsDurable(t *testing.T) {
	h, r := recorded(t, newDir(t))
	for i, files := range []string{"SKILL.md:a d/e/f:b", "SKILL.md:c d/e/f:b"} {
		r.steps = nil
		put(t, h, version(t, i+1, files))
		checkDurable(t, r.steps)
	}
	r.steps = nil
	if err := h.Keep(t.Context(), someKey, Kept{Path: "a", Content: []byte("x"), At: someDay}); err != nil {
		t.Fatal(err)
	}
	checkDurable(t, r.steps)
}

// The blob is there already, put a moment ago by another process that has
// not synced its directory yet.
func TestOthersObjectsAreSynced(t *testing.T) {
	dir := newDir(t)
	h, r := recorded(t, dir)
	other := open(t, dir)
	if _, err := other.Put(t.Context(), Key{Target: "other"}, version(t, 1, "a:x")); err != nil {
		t.Fatal(err)
	}
	put(t, h, version(t, 1, "a:x"))
	want := "syncdir objects/" + manifest.BlobID([]byte("x")).String()[:2]
	for _, s := range r.steps {
		if s == want {
			return
		}
	}
	t.Errorf("no step %q in %q", want, r.steps)
}

// What the version before holds was on disk before its ref was: only what is
// new is synced. An object of it that is gone is written, and synced.
func TestWhatIsOnDiskIsNotSyncedAgain(t *testing.T) {
	dir := newDir(t)
	h, r := recorded(t, dir)
	put(t, h, version(t, 1, "a:x d/e:y"))
	shard := func(content string) string { return "objects/" + manifest.BlobID([]byte(content)).String()[:2] }
	synced := func(name string) bool { return slices.Contains(r.steps, "syncdir "+name) }

	r.steps = nil
	put(t, h, version(t, 2, "a:x d/e:z"))
	if got, want := [3]bool{synced(shard("x")), synced(shard("y")), synced(shard("z"))}, [3]bool{false, false, true}; got != want {
		t.Errorf("directories of an old, a replaced and a new file synced: %v, want %v", got, want)
	}
	checkDurable(t, r.steps)

	id := manifest.BlobID([]byte("x")).String()
	if err := os.Remove(filepath.Join(dir, "objects", id[:2], id[2:])); err != nil {
		t.Fatal(err)
	}
	h, r = recorded(t, dir)
	put(t, h, version(t, 3, "a:x d/e:0"))
	if !synced(shard("x")) {
		t.Errorf("an object that was lost is not synced: %q", r.steps)
	}
	checkDurable(t, r.steps)
}

// Whatever step fails, with or without its effect: the error comes back, the
// repository holds the old or the new chain, and a second try succeeds.
func TestFaults(t *testing.T) {
	template := newDir(t)
	put(t, open(t, template), version(t, 1, "a:x d/b:y"))
	copied := func(t *testing.T) (string, *History, *recorder) {
		dir := filepath.Join(t.TempDir(), "history.git")
		if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
			t.Fatal(err)
		}
		h, r := recorded(t, dir)
		return dir, h, r
	}
	_, h, r := copied(t)
	put(t, h, version(t, 2, "a:x d/b:0"))
	for _, effect := range []bool{false, true} {
		for n := range len(r.steps) {
			t.Run(fmt.Sprintf("step %d, effect %v", n+1, effect), func(t *testing.T) {
				dir, h, r := copied(t)
				r.failAt, r.effect = n+1, effect
				if _, err := h.Put(t.Context(), someKey, version(t, 2, "a:x d/b:0")); !errors.Is(err, errFault) {
					t.Fatalf("step %q: error %v", r.steps[n], err)
				}
				after := open(t, dir)
				wantVersion(t, after, 1, "a:x d/b:y")
				if len(versions(t, after)) == 2 {
					wantVersion(t, after, 2, "a:x d/b:0")
				}
				r.failAt = 0
				put(t, h, version(t, 2, "a:x d/b:0"))
				again := open(t, dir)
				wantVersion(t, again, 2, "a:x d/b:0")
				if n := len(versions(t, again)); n != 2 {
					t.Errorf("%d versions after the second try, want 2", n)
				}
			})
		}
	}
}

func TestCreateIsDurable(t *testing.T) {
	dir := t.TempDir()
	r := &recorder{disk: newDisk(dir)}
	h := newHistory(r)
	if err := errors.Join(h.init(), h.Close()); err != nil {
		t.Fatal(err)
	}
	synced := map[string]bool{}
	for _, s := range r.steps {
		f := strings.Fields(s)
		synced[f[1]] = f[0] == "sync" || f[0] == "syncdir"
	}
	got := map[string]bool{}
	for _, name := range []string{"HEAD", "config", ".", "objects", "objects/pack", "refs"} {
		got[name] = synced[name]
	}
	want := map[string]bool{"HEAD": true, "config": true, ".": true, "objects": true, "objects/pack": true, "refs": true}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("on disk (-want +got):\n%s\nsteps %q", d, r.steps)
	}
}
