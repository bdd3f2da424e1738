package daemon

import (
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	assetsync "assetsync/sync"
)

// TestFold saves a target whose budget is spent: nothing is published until it
// is not, then one version holds all of it, and everybody is told.
func TestFold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		spent := time.Now().Add(40 * time.Minute)
		e.edit(func(e *fakeEngine) {
			e.budget = func() time.Time {
				if time.Now().Before(spent) {
					return spent
				}
				return time.Time{}
			}
		})
		for n := 1; n <= 3; n++ {
			r.save("a")
			r.wantState("a", Held)
			if v := r.view("a"); v.Folded != n || !v.NextTry.Equal(spent) {
				t.Errorf("after %d saves %d are folded until %s, want %s", n, v.Folded, v.NextTry, spent)
			}
			r.sleep(time.Minute)
		}
		at := spent.Local().Format(time.TimeOnly)
		want := "3 saves folded into v2, which may go at " + at + " (publish.max_versions_per_hour)"
		if v := r.view("a"); v.Reason != want {
			t.Errorf("it waits because of %q, want %q", v.Reason, want)
		}
		if notes := r.status("a").Notes; len(notes) != 1 || notes[0] != "the daemon waits: "+want {
			t.Errorf("status notes %q", notes)
		}
		if n := r.remote.version("ki-a"); n != 1 {
			t.Errorf("version %d before the budget allows one", n)
		}
		r.sleep(time.Until(spent) + time.Second)
		r.wantState("a", InStep)
		if n, v := r.remote.version("ki-a"), r.view("a"); n != 2 || v.Folded != 0 || r.remote.assets["ki-a"].content != 3 {
			t.Errorf("version %d, %d saves folded, want all three saves in version 2", n, v.Folded)
		}
		var told any
		for _, entry := range r.logs.FilterMessage("published").All() {
			told = entry.ContextMap()["folded"]
		}
		if told != "3 saves folded into v2" {
			t.Errorf("the log of the publish says %v", told)
		}
		r.save("a")
		if entry := r.logs.FilterMessage("published").All(); entry[len(entry)-1].ContextMap()["folded"] != nil {
			t.Error("a save that was not put off is told as one that was")
		}
		if n := len(r.lines(zapcore.WarnLevel)); n > 0 {
			t.Errorf("that is no trouble: %q", r.lines(zapcore.WarnLevel))
		}
	})
}

// TestFoldGoesBack undoes a save that was put off: there is nothing to publish.
func TestFoldGoesBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		e.edit(func(e *fakeEngine) { e.budget = func() time.Time { return time.Now().Add(time.Hour) } })
		r.save("a")
		r.wantState("a", Held)
		locked(&r.remote.mu, func() { e.local -= 2 })
		r.save("a") // makes it what is live
		r.wantState("a", InStep)
		if v := r.view("a"); v.Folded != 0 {
			t.Errorf("%d saves are folded", v.Folded)
		}
	})
}

// TestFoldSeesTheRemote looks at what others publish while saves are folded.
func TestFoldSeesTheRemote(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		e.edit(func(e *fakeEngine) { e.budget = func() time.Time { return time.Now().Add(time.Hour) } })
		r.save("a")
		e.did()
		r.hint("a", 9)
		if did := e.did(); len(did) == 0 {
			t.Error("nobody looked")
		}
	})
}

// A push that somebody asks for is not put off; what it publishes ends the
// folding.
func TestFoldEndsWithAPush(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		e.edit(func(e *fakeEngine) { e.budget = func() time.Time { return time.Now().Add(time.Hour) } })
		r.save("a")
		r.wantState("a", Held)
		e.edit(func(e *fakeEngine) { e.budget = nil }) // as the engine does for a push that is not budgeted
		lines := r.answers(t.Context(), r.d.servePush, request{Args: []string{"a"}})
		if res := lines[len(lines)-1].Results[0]; res.Outcome != assetsync.Published {
			t.Errorf("the push came to %+v", res)
		}
		r.wantState("a", InStep)
	})
}
