package sync_test

import (
	"fmt"
	"testing"

	"assetsync/manifest"
	assetsync "assetsync/sync"
)

// TestTeamRewritten lets them edit a file that the service rewrites, also when
// one has seen the other's version before the git pull.
func TestTeamRewritten(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	for _, quirk := range []string{"rewrite=off", "rewrite=frontmatter", "rewrite=extra-version"} {
		for _, seen := range []bool{false, true} {
			for _, text := range []manifest.Text{manifest.TextExact, manifest.TextLF} {
				t.Run(fmt.Sprintf("%s, seen before: %t, %s", quirk, seen, text), func(t *testing.T) {
					w := newWorld(t, quirk)
					m := w.repository(skill(map[string]string{"a.md": "a1"}))
					m.target.Text = text
					m.mustPush(assetsync.Created)
					other := m.clone()
					edit := func(m *machine, line string) {
						m.write("SKILL.md", m.files()["SKILL.md"]+line+"\n")
						m.commit(line)
					}
					for i := range 3 {
						edit(other, fmt.Sprint("theirs ", i))
						other.mustPush(assetsync.Published)
						if seen {
							m.push(assetsync.PushOptions{}) // it is pending
						}
						m.git("pull", "-q", "--no-rebase", other.dir, "HEAD")
						m.mustPush(assetsync.Unchanged)
						edit(m, fmt.Sprint("ours ", i))
						m.mustPush(assetsync.Published)
						other.git("pull", "-q", "--no-rebase", m.dir, "HEAD")
					}
					m.wantQuiet()
				})
			}
		}
	}
}

// TestTeam lets two people with a state each publish from one git history: what
// one has merged of the other is not the remote's change any more.
func TestTeam(t *testing.T) {
	start := map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c1", "d.md": "d1"}
	tests := map[string]struct {
		theirs func(other *machine)      // commits and publishes
		web    func(w *world, id string) // edits afterwards
		ours   func(m *machine)          // after a git pull
		want   assetsync.Outcome
		pend   int
		live   map[string]string
	}{
		"one edits what the other has edited": {
			theirs: func(o *machine) { o.write("a.md", "a2") },
			ours:   func(m *machine) { m.write("a.md", "a3") },
			want:   assetsync.Published, live: map[string]string{"a.md": "a3", "b.md": "b1", "c.md": "c1", "d.md": "d1"},
		},
		"one edits what the other has made": {
			theirs: func(o *machine) { o.write("new.md", "n1") },
			ours:   func(m *machine) { m.write("new.md", "n2") },
			want:   assetsync.Published, live: map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c1", "d.md": "d1", "new.md": "n2"},
		},
		"one deletes what the other has made": {
			theirs: func(o *machine) { o.write("new.md", "n1") },
			ours:   func(m *machine) { m.rm("new.md") },
			want:   assetsync.Published, live: start,
		},
		"one reverts what the other has edited": {
			theirs: func(o *machine) { o.write("a.md", "a2") },
			ours:   func(m *machine) { m.write("a.md", "a1") },
			want:   assetsync.Published, live: start,
		},
		"one makes again what the other has deleted": {
			theirs: func(o *machine) { o.rm("a.md") },
			ours:   func(m *machine) { m.write("a.md", "a1") },
			want:   assetsync.Published, live: start,
		},
		"the web has edited it since": {
			theirs: func(o *machine) { o.write("a.md", "a2") },
			web:    func(w *world, id string) { w.save(id, "a.md", "theirs") },
			ours:   func(m *machine) { m.write("a.md", "a3") },
			want:   assetsync.Conflict, live: map[string]string{"a.md": "theirs", "b.md": "b1", "c.md": "c1", "d.md": "d1"},
		},
		"the web has gone back since": {
			theirs: func(o *machine) { o.write("a.md", "a2") },
			web:    func(w *world, id string) { w.save(id, "a.md", "a1") },
			ours:   func(m *machine) { m.write("b.md", "b2") },
			want:   assetsync.Published, pend: 1, live: map[string]string{"a.md": "a1", "b.md": "b2", "c.md": "c1", "d.md": "d1"},
		},
		"the web has edited another file": {
			theirs: func(o *machine) { o.write("a.md", "a2") },
			web:    func(w *world, id string) { w.save(id, "b.md", "theirs") },
			ours:   func(m *machine) { m.write("a.md", "a3") },
			want:   assetsync.Published, pend: 1, live: map[string]string{"a.md": "a3", "b.md": "theirs", "c.md": "c1", "d.md": "d1"},
		},
	}
	for name, tt := range tests {
		for _, rev := range []string{"", "HEAD"} {
			t.Run(name+map[string]string{"": ", the directory", "HEAD": ", the commit"}[rev], func(t *testing.T) {
				w := newWorld(t)
				m := w.repository(skill(start))
				m.target.Rev = rev
				id := m.mustPush(assetsync.Created).AssetID
				other := m.clone()
				tt.theirs(other)
				other.commit("theirs")
				other.mustPush(assetsync.Published)
				if tt.web != nil {
					tt.web(w, id)
				}
				m.git("pull", "-q", "--no-rebase", other.dir, "HEAD")
				tt.ours(m)
				m.commit("ours")
				res := m.push(assetsync.PushOptions{})
				if res.Outcome != tt.want || len(res.Pending) != tt.pend {
					t.Errorf("%s with %d pending, want %s with %d\n%s", res.Outcome, len(res.Pending), tt.want, tt.pend, describe(res))
				}
				w.wantLive(id, skill(tt.live))
			})
		}
	}
}
