package sync_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	assetsync "assetsync/sync"
)

func (m *machine) fetch(limit int) (f assetsync.Fetched, res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { f, res = e.Fetch(m.t.Context(), limit) })
	return f, res
}

// history is the subjects of what git log prints of a ref.
func (m *machine) history(ref string) []string {
	m.t.Helper()
	out, err := exec.Command("git", "--git-dir", filepath.Join(m.state, "history.git"), "log", "--format=%s", ref).Output()
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.Fields(strings.NewReplacer("version ", "", " of demo, by this machine", "", " of demo, by somebody else", "*").Replace(string(out)))
}

// TestFetch brings versions into history, in their order, and changes nothing
// else.
func TestFetch(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a1"}))
	id := m.mustPush(assetsync.Created).AssetID
	for i := range 5 {
		w.save(id, "a.md", fmt.Sprint("web ", i))
	}
	before := readState(t, m)
	wrote := w.wrote()
	f, res := m.fetch(2)
	want := assetsync.Fetched{Ref: "refs/assetsync/default/demo/versions", Versions: []int32{5, 6}}
	if d := cmp.Diff(want, f); d != "" || res.Error != nil {
		t.Errorf("the newest two (-want +got):\n%s\n%s", d, describe(res))
	}
	if f, _ = m.fetch(0); !slices.Equal(f.Versions, []int32{2, 3, 4}) {
		t.Errorf("the rest: %v", f.Versions)
	}
	// All of them in order, above what arrived before.
	if d := cmp.Diff([]string{"6*", "5*", "4*", "3*", "2*", "6*", "5*", "1"}, m.history(f.Ref)); d != "" {
		t.Errorf("git log (-want +got):\n%s", d)
	}
	tip := m.history(f.Ref)
	if f, _ = m.fetch(0); len(f.Versions) != 0 || !slices.Equal(tip, m.history(f.Ref)) {
		t.Errorf("a fetch with nothing new: %v, %v", f.Versions, m.history(f.Ref))
	}
	if d := cmp.Diff(before, readState(t, m)); d != "" {
		t.Errorf("state (-before +after):\n%s", d)
	}
	if w.wrote() != wrote || m.files()["a.md"] != "a1" {
		t.Error("a fetch writes")
	}
	if res := m.status(); len(res.Pending) != 1 {
		t.Errorf("what was fetched counts as taken\n%s", describe(res))
	}
	// The newest is at the ref, whatever was read last.
	other := *m
	other.state = t.TempDir()
	other.engine(func(e *assetsync.Engine) {
		e.Revision(t.Context(), assetsync.Revision{Kind: assetsync.VersionRevision, Version: 6})
	})
	other.fetch(1)
	other.engine(func(e *assetsync.Engine) { e.Log(t.Context(), assetsync.LogOptions{Limit: 3}) })
	f, _ = other.fetch(0)
	if got := other.history(f.Ref); got[0] != "6*" || !slices.Equal(got[:6], []string{"6*", "5*", "4*", "3*", "2*", "1*"}) {
		t.Errorf("git log of another machine: %v", got)
	}
}

func readState(t *testing.T, m *machine) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(m.state, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestFetchUnreadable goes on without a version that is gone.
func TestFetchUnreadable(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a1"}))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "two")
	w.save(id, "a.md", "three")
	w.fault("op=GetAsset,nth=2,kind=not-json")
	f, res := m.fetch(0)
	if res.Error != nil || !slices.Equal(f.Versions, []int32{2}) || !strings.Contains(fmt.Sprint(res.Notes), "version 3 cannot be read") {
		t.Errorf("fetched %v\n%s", f.Versions, describe(res))
	}
	w.fault("op=GetAsset,kind=denied,count=all")
	if f, res = m.fetch(0); res.Error == nil || res.Error.Kind != assetsync.KindAuth {
		t.Errorf("fetched %v\n%s", f.Versions, describe(res))
	}
}
