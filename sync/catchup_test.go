package sync_test

import (
	"fmt"
	"testing"

	"assetsync/diff"
	assetsync "assetsync/sync"
)

// TestWebGoesBack lets the web app go back to what an older commit holds, where
// what it goes back from is in no commit, or out of sight: that is a change
// there, and not what the commits have taken over.
func TestWebGoesBack(t *testing.T) {
	start := map[string]string{"a.md": "a1", "b.md": "b1"}
	save := func(m *machine, text string) { m.write("a.md", text) }
	commit := func(m *machine, text string) {
		m.write("a.md", text)
		m.commit(text)
	}
	tests := map[string]struct {
		publish func(m *machine, text string)
		since   func(w *world, m *machine, id string) // the web went back
		edit    func(m *machine, text string)
		prefer  diff.Prefer
	}{
		"a save": {publish: save, edit: save},
		"a save, after a look": {
			publish: save, edit: save,
			since: func(_ *world, m *machine, _ string) { m.push(assetsync.PushOptions{}) },
		},
		"a save, where theirs is preferred": {publish: save, edit: save, prefer: diff.Remote},
		"a commit that is amended": {
			publish: commit,
			edit: func(m *machine, text string) {
				m.write("a.md", text)
				m.git("commit", "-qa", "--amend", "-m", text)
			},
		},
		"a commit, many versions ago": {
			publish: commit, edit: commit,
			since: func(w *world, _ *machine, id string) {
				for i := range 25 {
					w.save(id, "b.md", fmt.Sprint("web", i))
				}
				w.save(id, "b.md", "b1")
			},
		},
		"a save, many versions ago": {
			publish: save, edit: save,
			since: func(w *world, _ *machine, id string) {
				for i := range 25 {
					w.save(id, "b.md", fmt.Sprint("web", i))
				}
				w.save(id, "b.md", "b1")
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.repository(skill(start))
			id := m.mustPush(assetsync.Created).AssetID
			tt.publish(m, "a2")
			m.mustPush(assetsync.Published)
			w.save(id, "a.md", "a1")
			if tt.since != nil {
				tt.since(w, m, id)
			}
			tt.edit(m, "a3")
			res := m.push(assetsync.PushOptions{Prefer: tt.prefer})
			if want := assetsync.Conflict; tt.prefer == diff.Neither && res.Outcome != want {
				t.Errorf("%s, want %s\n%s", res.Outcome, want, describe(res))
			}
			w.wantLive(id, skill(start))
		})
	}
}
