package sync_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"assetsync/diff"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// undo lets two writers undo each other until the target is not published
// again, and returns how often this machine published.
func undo(m *machine, id, path string) (published int, last assetsync.Result) {
	m.t.Helper()
	for published < 10 {
		m.write(path, "formatted\n")
		if last = m.sync(); last.Outcome != assetsync.Published {
			return published, last
		}
		published++
		m.save(id, path, "generated\n")
		m.mustSync(assetsync.CheckedOut)
	}
	return published, last
}

func TestFlap(t *testing.T) {
	w := newWorld(t)
	m, id := twoWay(w, fiveFiles)
	m.write("b.md", "ours")
	n, res := undo(m, id, "a.md")
	m.want(res, assetsync.Conflict)
	if n != 2 {
		t.Errorf("published %d times, want 2", n)
	}
	if len(res.Conflicts) != 1 {
		t.Fatal(describe(res))
	}
	c := res.Conflicts[0]
	for _, want := range []string{"this machine wrote versions 2, 4", "somebody else versions 3, 5"} {
		if !strings.Contains(c.Why, want) {
			t.Errorf("why: %q, want %q", c.Why, want)
		}
	}
	if !strings.Contains(c.Diff, "-generated\n+formatted\n") || c.Copy == "" {
		t.Errorf("diff %q, copy %q", c.Diff, c.Copy)
	}
	if !strings.Contains(res.Error.Message, "back and forth") || !strings.Contains(res.Error.Hint, "--prefer local") {
		t.Errorf("error %q, hint %q", res.Error.Message, res.Error.Hint)
	}
	if st := m.status(); st.Outcome != assetsync.Conflict || len(st.Changes) > 0 || st.Conflicts[0].Diff != c.Diff {
		t.Errorf("status %s: %s", st.Outcome, describe(st))
	}

	// Other paths go on, in both directions.
	m.write("c.md", "ours")
	w.save(id, "d.md", "theirs")
	res = m.mustSync(assetsync.Conflict)
	if paths(res.Changes) != "update c.md" || paths(res.CheckedOut) != "update d.md" {
		t.Errorf("published %s, checked out %s", paths(res.Changes), paths(res.CheckedOut))
	}
	if got := w.live(id, 0); got["a.md"] != "generated\n" || got["b.md"] != "ours" {
		t.Errorf("live %v", got)
	}
}

// TestFlapEnds ends one in each way.
func TestFlapEnds(t *testing.T) {
	tests := map[string]struct {
		end        func(*machine)
		here, live string
	}{
		"ours is preferred": {func(m *machine) { m.want(m.push(assetsync.PushOptions{Prefer: diff.Local}), assetsync.Published) }, "formatted\n", "formatted\n"},
		"theirs is taken": {func(m *machine) {
			m.want(m.push(assetsync.PushOptions{Prefer: diff.Remote}), assetsync.Unchanged)
			m.want(m.pull(assetsync.PullOptions{Prefer: diff.Remote}), assetsync.CheckedOut)
		}, "generated\n", "generated\n"},
		"an hour goes by":  {func(m *machine) { m.now = m.now.Add(time.Hour) }, "formatted\n", "formatted\n"},
		"another edit":     {func(m *machine) { m.write("a.md", "a person's\n") }, "a person's\n", "a person's\n"},
		"theirs here, too": {func(m *machine) { m.write("a.md", "generated\n") }, "generated\n", "generated\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m, id := twoWay(w, fiveFiles)
			undo(m, id, "a.md")
			tt.end(m)
			if res := m.sync(); res.Error != nil {
				t.Error(describe(res))
			}
			m.wantStill()
			if here, live := m.files()["a.md"], w.live(id, 0)["a.md"]; here != tt.here || live != tt.live {
				t.Errorf("here %q, live %q", here, live)
			}
		})
	}
}

// TestNoFlap tells what looks like one and is none.
func TestNoFlap(t *testing.T) {
	tests := map[string]func(m *machine, id string){
		"contents that differ each time": func(m *machine, id string) {
			for i := range 5 {
				m.write("a.md", fmt.Sprint("ours ", i))
				m.mustSync(assetsync.Published)
				m.save(id, "a.md", fmt.Sprint("theirs ", i))
				m.mustSync(assetsync.CheckedOut)
			}
		},
		"one machine alone": func(m *machine, id string) {
			for i := range 8 {
				m.write("a.md", fmt.Sprint(i%2))
				m.mustSync(assetsync.Published)
			}
		},
		"slowly": func(m *machine, id string) {
			for range 5 {
				m.write("a.md", "ours")
				m.mustSync(assetsync.Published)
				m.now = m.now.Add(30 * time.Minute)
				m.save(id, "a.md", "theirs")
				m.mustSync(assetsync.CheckedOut)
			}
		},
		"a target that is only pushed": func(m *machine, id string) {
			m.target.Direction = assetsync.PushOnly
			for range 5 {
				m.write("a.md", "ours")
				m.mustPush(assetsync.Published)
				m.save(id, "a.md", "theirs")
				m.mustPull(assetsync.CheckedOut)
			}
		},
	}
	for name, story := range tests {
		t.Run(name, func(t *testing.T) {
			m, id := twoWay(newWorld(t), fiveFiles)
			story(m, id)
		})
	}
}

// TestFlapOfADeletion lets one writer delete what the other makes.
func TestFlapOfADeletion(t *testing.T) {
	w := newWorld(t)
	m, id := twoWay(w, fiveFiles)
	m.target.MaxDeletePercent = 100
	n := 0
	for ; n < 10; n++ {
		m.rm("a.md")
		if res := m.sync(); res.Outcome != assetsync.Published {
			m.want(res, assetsync.Conflict)
			if !strings.Contains(res.Conflicts[0].Diff, "+++ /dev/null") {
				t.Errorf("diff %q", res.Conflicts[0].Diff)
			}
			break
		}
		w.save(id, "a.md", "generated\n")
		m.mustSync(assetsync.CheckedOut)
	}
	if n != 2 {
		t.Errorf("published %d times, want 2", n)
	}
}

// TestFlapOfTwoMachines lets each format what the other one publishes: one of
// them stops, whatever is unknown of the service.
func TestFlapOfTwoMachines(t *testing.T) {
	for _, quirk := range []string{"rewrite=off", "rewrite=frontmatter", "file-version=asset", "timestamps=seconds", "version-step=3"} {
		t.Run(quirk, func(t *testing.T) {
			w := newWorld(t, quirk)
			one, id := twoWay(w, fiveFiles)
			two := w.machine(nil)
			two.target.AssetID, two.target.Direction = id, assetsync.BothWays
			two.mustSync(assetsync.CheckedOut)
			before := w.wrote()
			for i := range 20 {
				m := []*machine{one, two}[i%2]
				m.write("SKILL.md", skillMain+fmt.Sprintln("format of", i%2))
				m.sync()
				m.sync()
			}
			if n := w.wrote() - before; n > 6 {
				t.Errorf("%d writes: %q", n, slices.Compact(w.writes(before)))
			}
		})
	}
}

// TestTurnsAreBounded wants old turns to go, and the state to stay small.
func TestTurnsAreBounded(t *testing.T) {
	w := newWorld(t)
	m, id := twoWay(w, fiveFiles)
	for i := range 12 {
		m.write("a.md", fmt.Sprint("ours ", i))
		m.mustSync(assetsync.Published)
		w.save(id, "a.md", fmt.Sprint("theirs ", i))
		m.mustSync(assetsync.CheckedOut)
	}
	turns := m.recorded(id).Turns
	if n := len(turns["a.md"]); n != 8 {
		t.Errorf("%d turns of a.md", n)
	}
	m.now = m.now.Add(time.Hour)
	m.write("b.md", "ours")
	m.mustSync(assetsync.Published)
	turns = m.recorded(id).Turns
	if got := slices.Collect(maps.Keys(turns)); len(got) != 1 || got[0] != "b.md" {
		t.Errorf("turns of %v", got)
	}
}

// recorded is what is on record of an asset.
func (m *machine) recorded(id string) state.Asset {
	m.t.Helper()
	db, err := state.Open(filepath.Join(m.state, "state.db"), state.Owner{})
	if err != nil {
		m.t.Fatal(err)
	}
	defer db.Close()
	asset, err := db.Asset(m.space, id)
	if err != nil {
		m.t.Fatal(err)
	}
	return asset
}
