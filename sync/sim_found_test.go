package sync_test

import (
	"testing"

	assetsync "assetsync/sync"
)

// What simulations have found, each as the shortest story of it.

// TestRewrittenIsSettled lets a push end between its write and its proof on a
// service that rewrites the main file: nobody else changed it, so it is no
// conflict, neither at once nor after the next edit.
func TestRewrittenIsSettled(t *testing.T) {
	for _, q := range []string{"rewrite=frontmatter", "rewrite=extra-version"} {
		for _, how := range []string{"refused", "killed"} {
			t.Run(q+", "+how, func(t *testing.T) {
				w := newWorld(t, q)
				m := w.machine(skill(fiveFiles))
				id := m.mustPush(assetsync.Created).AssetID
				m.write("SKILL.md", skillMain+"one\n")
				if how == "killed" {
					m.dieAfterWrite(1, func() { w.save(id, "a.md", "theirs") })
				} else {
					w.beforeWrite(func() {
						w.save(id, "a.md", "theirs")
						w.fault("op=GetAsset,kind=expired-token")
					})
					m.push(assetsync.PushOptions{})
				}
				if res := m.push(assetsync.PushOptions{}); res.Outcome == assetsync.Conflict {
					t.Errorf("the next push: %s\n%s", res.Outcome, describe(res))
				}
				m.write("SKILL.md", skillMain+"two\n")
				m.mustPush(assetsync.Published)
			})
		}
	}
}

// TestPutBackIsOurs lets somebody overwrite what a push has just published, and
// put it back as the service had made it: it is still what was published, and
// no change of theirs.
func TestPutBackIsOurs(t *testing.T) {
	for _, q := range []string{"rewrite=off", "rewrite=frontmatter", "rewrite=extra-version"} {
		t.Run(q, func(t *testing.T) {
			w := newWorld(t, q)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			old, made := w.live(id, 0)["SKILL.md"], ""
			m.write("SKILL.md", skillMain+"one\n")
			w.afterWrite(1, func() {
				made = w.live(id, 0)["SKILL.md"]
				w.save(id, "SKILL.md", old)
			})
			m.mustPush(assetsync.Published)
			w.save(id, "SKILL.md", made)
			m.write("SKILL.md", skillMain+"two\n")
			m.mustPush(assetsync.Published)
		})
	}
}

// TestReplacedAfterDeath lets a push die after its write, and somebody go on
// from there: the machine has changed nothing since, so it is no conflict.
func TestReplacedAfterDeath(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.dieAfterWrite(1, func() {})
	w.save(id, "a.md", "ours, and theirs")
	if res := m.push(assetsync.PushOptions{}); res.Outcome != assetsync.Unchanged || len(res.Pending) != 1 {
		t.Errorf("the next push: %s\n%s", res.Outcome, describe(res))
	}
	m.mustPull(assetsync.CheckedOut)
	w.wantLive(id, m.files())
}

// TestBothChangedWhileDead is the other order: somebody has changed the file
// before the write of the push that died. It stays a conflict.
func TestBothChangedWhileDead(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.dieAfterWrite(1, func() { w.save(id, "a.md", "theirs") })
	if res := m.push(assetsync.PushOptions{}); res.Outcome != assetsync.Conflict || w.live(id, 0)["a.md"] != "theirs" {
		t.Errorf("the next push: %s, a.md=%q\n%s", res.Outcome, w.live(id, 0)["a.md"], describe(res))
	}
}

// TestPutBackForDead lets a push end before its proof, and another machine
// overwrite the file by a zip and put it back: it stays.
func TestPutBackForDead(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.dieAfterWrite(1, func() {})
	w.save(id, "a.md", fiveFiles["a.md"])
	w.save(id, "a.md", "ours")
	for range 2 {
		m.push(assetsync.PushOptions{})
		m.pull(assetsync.PullOptions{})
	}
	if live, here := w.live(id, 0)["a.md"], m.files()["a.md"]; live != "ours" || here != "ours" {
		t.Errorf("a.md is %q live and %q here, want ours", live, here)
	}
}
