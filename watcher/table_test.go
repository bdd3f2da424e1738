package watcher

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
)

// TestTableRename watches a renamed directory under its new name before the
// rename was read. fsnotify stands still meanwhile: nobody takes its event.
func TestTableRename(t *testing.T) {
	top := tempDir(t)
	old, renamed := filepath.Join(top, "old"), filepath.Join(top, "new")
	if err := os.MkdirAll(filepath.Join(old, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := newSource()
	if err != nil {
		t.Skip(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	table := newTable()
	table.use(s.notifier)
	h := newWatch(newTestWatcher(t), Root{Dir: top})
	acquire := func(dir string) {
		t.Helper()
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := table.acquire(h, dir, info, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{top, old, filepath.Join(old, "sub")} {
		acquire(dir)
	}
	if err := os.Rename(old, renamed); err != nil {
		t.Fatal(err)
	}
	acquire(renamed)
	acquire(filepath.Join(renamed, "sub"))
	table.route(fsnotify.Event{Name: old, Op: fsnotify.Rename})
	table.route(fsnotify.Event{Name: renamed, Op: fsnotify.Create})
	want := []string{top, renamed, filepath.Join(renamed, "sub")}
	slices.Sort(want)
	list := s.WatchList()
	slices.Sort(list)
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("the system watches (-want +got):\n%s", diff)
	}
	if got := table.size(); got != 3 {
		t.Errorf("%d directories", got)
	}
	events, _ := h.take()
	got := map[event]bool{}
	for _, e := range events {
		got[e] = true
	}
	for _, e := range []event{
		{dir: old, op: fsnotify.Rename},
		{dir: top, name: "old", op: fsnotify.Rename},
		{dir: top, name: "new", op: fsnotify.Create},
	} {
		if !got[e] {
			t.Errorf("%v is not told; told are %v", e, events)
		}
	}
	table.releaseAll(h, true)
	if len(table.dirs)+len(table.byID)+table.size() != 0 {
		t.Errorf("left are %v, %v", table.dirs, table.byID)
	}
}

// TestQueueOverflow reads more events than wait.
func TestQueueOverflow(t *testing.T) {
	q := newQueue()
	for range maxQueued {
		q.put(fsnotify.Event{})
	}
	if events, lost, _ := q.take(); len(events) != maxQueued || lost != 0 {
		t.Errorf("%d events, %d lost", len(events), lost)
	}
	for range maxQueued + 1 {
		q.put(fsnotify.Event{})
	}
	if events, lost, _ := q.take(); len(events) != 0 || lost != 1 {
		t.Errorf("%d events, %d lost", len(events), lost)
	}
	h := newWatch(newTestWatcher(t), Root{})
	for range maxInbox + 1 {
		h.push(event{})
	}
	if events, told := h.take(); len(events) != 0 || !told.overflow {
		t.Errorf("%d events, told %v", len(events), told)
	}
}

// TestAttributes wakes nobody, unless a directory could not be read.
func TestAttributes(t *testing.T) {
	h := newWatch(newTestWatcher(t), Root{})
	chmod := event{dir: "/d", name: "f", op: fsnotify.Chmod}
	h.push(chmod)
	if len(h.wake) > 0 || len(h.inbox) > 0 {
		t.Error("an attribute wakes a root")
	}
	h.chmods = true
	h.push(chmod)
	if len(h.wake) != 1 || len(h.inbox) != 1 {
		t.Error("an attribute does not wake a root that waits for one")
	}
}

func TestWithin(t *testing.T) {
	for _, test := range []struct {
		name, dir, want string
		ok              bool
	}{
		{"/a/b/c", "/a", "b/c", true},
		{"/a", "/a", "", true},
		{"/ab", "/a", "", false},
		{"/b", "/a", "", false},
		{"/a/b", "/", "a/b", true},
		{"/", "/", "", true},
	} {
		got, ok := within(filepath.FromSlash(test.name), filepath.FromSlash(test.dir))
		if got != test.want || ok != test.ok {
			t.Errorf("within(%q, %q) = %q, %v", test.name, test.dir, got, ok)
		}
	}
}
