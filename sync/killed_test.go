package sync_test

import (
	"net/http"
	"runtime"
	"testing"

	assetsync "assetsync/sync"
)

// killAfterWrite pushes and really dies when the nth write had its effect:
// the goroutine ends inside the transport, so that not even the state is
// written after it (pushAndDie lets the engine go on with an ambiguous error,
// which writes Doubt into the state: no dead process does).
func killAfterWrite(m *machine, n int, before func()) {
	writes := 0
	m.engineWith(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet {
			if writes++; writes == n {
				if before != nil {
					before()
				}
				if _, err := m.world.Do(r); err != nil {
					m.t.Error(err)
				}
				runtime.Goexit()
			}
		}
		return m.world.Do(r)
	}, func(e *assetsync.Engine) {
		died := make(chan struct{})
		go func() {
			defer close(died)
			e.Push(m.t.Context(), assetsync.PushOptions{})
		}()
		<-died
	})
}

// Settling drops the intent durably (begin) before the base that it
// settled is durable: a death and a failure make our own write foreign.
func TestSettledBaseIsDurable(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "first")
	killAfterWrite(m, 1, nil)
	m.write("a.md", "second")
	w.fault("op=UpdateAssetFile,kind=throttle")
	m.push(assetsync.PushOptions{})
	res := m.push(assetsync.PushOptions{})
	if res.Outcome != assetsync.Published {
		t.Errorf("a.md=%q: %s\n%s", w.live(id, 0)["a.md"], res.Outcome, describe(res))
	}
}

// Killed between the zip and its proof; the next verb is pull, which
// settles and forgets what push would have audited.
func TestPullLeavesTheAudit(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	killAfterWrite(m, 1, func() { w.save(id, "b.md", "theirs") })
	pull := m.pull(assetsync.PullOptions{})
	push := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" && pull.Error == nil && push.Error == nil {
		t.Errorf("b.md=%q; pull %s\n%s push %s\n%s", got, pull.Outcome, describe(pull), push.Outcome, describe(push))
	}
}

// They edit a file, we publish another one by a file call, they delete
// theirs in place (a deletion makes no version): we bring it back.
func TestInPlaceDeletionStays(t *testing.T) {
	w := newWorld(t, "file-delete-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	writes := 0
	w.before = func(r *http.Request) {
		switch {
		case r.Method != http.MethodGet:
			if writes++; writes == 1 {
				w.save(id, "b.md", "theirs")
			}
		case writes == 1:
			w.before = nil
			w.remove(id, "b.md")
		}
	}
	res := m.push(assetsync.PushOptions{})
	if got, live := w.live(id, 0)["b.md"]; live {
		t.Errorf("b.md=%q, they had deleted it: %s\n%s", got, res.Outcome, describe(res))
	}
}

// An intent older than its time is dropped by the audit's age, not by an
// account: killed, then nobody looks for an hour.
func TestAuditAfterAnHour(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	killAfterWrite(m, 1, func() { w.save(id, "b.md", "theirs") })
	w.now = w.now.Add(3600e9)
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" && res.Error == nil {
		t.Errorf("b.md=%q; %s\n%s", got, res.Outcome, describe(res))
	}
}

// Killed after the zip, and the local file it sent was changed since.
func TestAuditWithRewriteAndLocalEdit(t *testing.T) {
	for _, q := range []string{"rewrite=frontmatter", "rewrite=extra-version", "version-step=3"} {
		t.Run(q, func(t *testing.T) {
			w := newWorld(t, q)
			m := w.machine(skill(fiveFiles))
			m.mustPush(assetsync.Created)
			m.write("SKILL.md", skillMain+"one\n")
			m.write("a.md", "one")
			killAfterWrite(m, 2, nil)
			m.write("SKILL.md", skillMain+"two\n")
			res := m.push(assetsync.PushOptions{})
			if res.Outcome != assetsync.Published {
				t.Errorf("%s\n%s", res.Outcome, describe(res))
			}
		})
	}
}

// A dry run and a status after a death say nothing is in doubt and leave
// everything for the push.
func TestAuditIsNotRepeated(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "one")
	w.fault("op=UpdateAssetFile,kind=reset-before")
	m.mustPush(assetsync.Published)
	// the doubtful intent stays for 15 minutes; meanwhile others work
	for i := range 5 {
		w.save(id, "b.md", string(rune('A'+i)))
		w.save(id, "a.md", string(rune('A'+i)))
		m.pull(assetsync.PullOptions{})
		before := w.wrote()
		res := m.push(assetsync.PushOptions{})
		if w.wrote() != before || res.Error != nil {
			t.Errorf("round %d: wrote %q %s\n%s", i, w.writes(before), res.Outcome, describe(res))
		}
	}
}

// A passing failure while an earlier publishing is audited is noted as
// "can no longer be read"; then settling drops the intent and the loss with it.
func TestPassingFailureOfTheAudit(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	killAfterWrite(m, 1, func() { w.save(id, "b.md", "theirs") })
	w.fault("op=GetAsset,nth=2,kind=throttle")
	first := m.push(assetsync.PushOptions{})
	second := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" && second.Error == nil {
		t.Errorf("b.md=%q; first %s\n%s second %s\n%s", got, first.Outcome, describe(first), second.Outcome, describe(second))
	}
}

// The same with the observed version pruned: exit 0 instead of 3.
func TestAuditOfPrunedVersion(t *testing.T) {
	w := newWorld(t, "prune-versions=1")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	killAfterWrite(m, 1, func() { w.save(id, "b.md", "theirs") })
	res := m.push(assetsync.PushOptions{})
	if res.Error == nil {
		t.Errorf("b.md=%q; %s\n%s", w.live(id, 0)["b.md"], res.Outcome, describe(res))
	}
}
