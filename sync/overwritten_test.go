package sync_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	assetsync "assetsync/sync"
)

// TestKilledBetweenZipAndProof lets a process die between its zip and the
// proof, with an edit of somebody else in between: the next push puts the
// edit back, or tells of it.
func TestKilledBetweenZipAndProof(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	m.dieAfterWrite(1, func() { w.save(id, "b.md", "theirs") })
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" && (res.Error == nil) {
		t.Errorf("theirs is gone (b.md=%q) and the next push says %s, no word of it\n%s", got, res.Outcome, describe(res))
	}
}

// TestPullAfterADeathForgetsNothing lets a pull come between such a death
// and the next push: what was overwritten is still known.
func TestPullAfterADeathForgetsNothing(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	m.dieAfterWrite(1, func() { w.save(id, "b.md", "theirs") })
	pull := m.pull(assetsync.PullOptions{})
	push := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" && pull.Error == nil && push.Error == nil {
		t.Errorf("b.md=%q; pull %s\n%s push %s\n%s", got, pull.Outcome, describe(pull), push.Outcome, describe(push))
	}
}

// TestOldIntentIsAccountedFor lets an hour pass after such a death: age
// alone ends no intent.
func TestOldIntentIsAccountedFor(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	m.dieAfterWrite(1, func() { w.save(id, "b.md", "theirs") })
	w.now = w.now.Add(3600e9)
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" && res.Error == nil {
		t.Errorf("b.md=%q; %s\n%s", got, res.Outcome, describe(res))
	}
}

// TestFailureOfTheAccountForgetsNothing lets a call of the account fail:
// the next push does it again.
func TestFailureOfTheAccountForgetsNothing(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	m.dieAfterWrite(1, func() { w.save(id, "b.md", "theirs") })
	w.fault("op=GetAsset,nth=2,kind=throttle")
	first := m.push(assetsync.PushOptions{})
	second := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" && second.Error == nil {
		t.Errorf("b.md=%q; first %s\n%s second %s\n%s", got, first.Outcome, describe(first), second.Outcome, describe(second))
	}
}

// TestPrunedVersionIsTold cannot read the version that a dead push had
// observed: the loss that is possible is told.
func TestPrunedVersionIsTold(t *testing.T) {
	w := newWorld(t, "prune-versions=1")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	m.dieAfterWrite(1, func() { w.save(id, "b.md", "theirs") })
	res := m.push(assetsync.PushOptions{})
	if res.Error == nil {
		t.Errorf("b.md=%q; %s\n%s", w.live(id, 0)["b.md"], res.Outcome, describe(res))
	}
}

// TestFaultWhileRepairing lets the write fail that puts somebody's edit
// back: the next push does it.
func TestFaultWhileRepairing(t *testing.T) {
	for _, kind := range []string{"reset-before", "500", "throttle", "denied"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			changeFour(m)
			w.beforeWrite(func() { w.save(id, "b.md", "theirs") })
			w.fault("op=UpdateAssetFile,kind=" + kind)
			res := m.push(assetsync.PushOptions{})
			again := m.push(assetsync.PushOptions{})
			if got := w.live(id, 0)["b.md"]; got != "theirs" {
				t.Errorf("b.md=%q; first push: %s\n%s second push: %s\n%s", got, res.Outcome, describe(res), again.Outcome, describe(again))
			}
		})
	}
}

// TestEveryRoundIsInterleaved writes before each of our writes: the last
// edit is live, or its loss is told.
func TestEveryRoundIsInterleaved(t *testing.T) {
	for n := range 7 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			changeFour(m)
			i := 0
			w.before = func(r *http.Request) {
				if r.Method != http.MethodGet && i < n {
					i++
					w.save(id, "b.md", fmt.Sprintf("theirs %d", i))
				}
			}
			res := m.push(assetsync.PushOptions{})
			w.before = nil
			if got := w.live(id, 0)["b.md"]; n > 0 && got != fmt.Sprintf("theirs %d", i) && res.Error == nil {
				t.Errorf("b.md=%q after %d edits; %s\n%s", got, i, res.Outcome, describe(res))
			}
		})
	}
}

// TestLateZipOverForeignEdit lets a zip that was given up take effect late,
// over an edit made since: the edit comes back, or its loss is told.
func TestLateZipOverForeignEdit(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	w.fault("op=UpdateAsset,kind=late:60")
	m.mustPush(assetsync.Published)
	w.save(id, "b.md", "theirs")
	for range 80 {
		w.asset(id)
	}
	res := m.push(assetsync.PushOptions{})
	again := m.pull(assetsync.PullOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" && res.Error == nil && again.Error == nil {
		t.Errorf("b.md=%q; push %s\n%s pull %s\n%s", got, res.Outcome, describe(res), again.Outcome, describe(again))
	}
}

// TestSilentDeleteHidesNothing deletes by a call that makes no version: an
// edit of another file, made between our look and our write, is not taken
// for the version of the deletion.
func TestSilentDeleteHidesNothing(t *testing.T) {
	w := newWorld(t, "file-delete-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.rm("c.md")
	w.beforeWrite(func() { w.save(id, "a.md", "theirs") })
	res := m.push(assetsync.PushOptions{})
	if len(res.Conflicts) == 0 {
		t.Errorf("a.md=%q, no conflict: %s versions %v\n%s", w.live(id, 0)["a.md"], res.Outcome, res.Versions, describe(res))
	}
}

// TestReadBackIsCompared overwrites in place what we just sent, before we
// read it back: it is not taken for a form that the service gave it.
func TestReadBackIsCompared(t *testing.T) {
	w := newWorld(t, "create-existing=overwrite", "file-create-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	w.afterWrite(1, func() { w.createFile(id, "a.md", "theirs") })
	res := m.push(assetsync.PushOptions{})
	m.write("a.md", "ours 2")
	again := m.push(assetsync.PushOptions{})
	if len(res.Conflicts)+len(again.Conflicts)+len(res.Pending) == 0 {
		t.Errorf("theirs was overwritten without a word: a.md=%q\nfirst %s\n%ssecond %s\n%s", w.live(id, 0)["a.md"], res.Outcome, describe(res), again.Outcome, describe(again))
	}
}

// TestTheirUndoStands changes the file after our write and changes it back
// before we read it: what they gave up is not published again.
func TestTheirUndoStands(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	w.afterWrite(1, func() { w.save(id, "a.md", "oops"); w.save(id, "a.md", "ours") })
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["a.md"]; got != "ours" {
		t.Errorf("a.md=%q: their abandoned state was published\n%s", got, describe(res))
	}
}

// TestTheirUndoOfMetadataStands does the same with a key of the metadata.
func TestTheirUndoOfMetadataStands(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(nil))
	id := m.mustPush(assetsync.Created).AssetID
	m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}}
	w.afterWrite(1, func() {
		w.setMetadata(id, map[string]any{"agent_types": []any{"PREVENTION"}})
		w.setMetadata(id, map[string]any{"agent_types": []any{"CHAT"}})
	})
	res := m.push(assetsync.PushOptions{})
	md, _ := w.asset(id).Metadata.Map()
	if got := md["agent_types"].([]any)[0]; got != "CHAT" {
		t.Errorf("agent_types %v: %s\n%s", got, res.Outcome, describe(res))
	}
}

// TestInPlaceDeletionStays edits a file before our write and deletes it in
// place after that: it is not brought back.
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

// TestZipLeavesDescription changes the description in the web app: a zip,
// from which the service derives it, does not undo that unsaid.
func TestZipLeavesDescription(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.setMetadata(id, map[string]any{"description": "Written by a person in the web app."})
	changeFour(m)
	res := m.push(assetsync.PushOptions{})
	md, _ := w.asset(id).Metadata.Map()
	if md["description"] != "Written by a person in the web app." && res.Error == nil && len(res.MetadataChanges) == 0 {
		t.Errorf("description is %q: %s\n%s", md["description"], res.Outcome, describe(res))
	}
}

// TestConflictOfProofHasACopy meets a conflict only in the proof: their
// bytes are kept beside the state all the same.
func TestConflictOfProofHasACopy(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	w.beforeWrite(func() { w.save(id, "a.md", "theirs") })
	res := m.push(assetsync.PushOptions{})
	if len(res.Conflicts) != 1 || res.Conflicts[0].Copy == "" {
		t.Errorf("%s", describe(res))
	}
}

// TestDeletionOfWhatIsGone deletes in place, after our look, the file that
// we delete, and has no history to take its bytes from.
func TestDeletionOfWhatIsGone(t *testing.T) {
	w := newWorld(t, "file-delete-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	if err := os.RemoveAll(filepath.Join(m.state, "history.git")); err != nil {
		t.Fatal(err)
	}
	m.rm("a.md")
	gets := 0
	w.before = func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/files") {
			gets++
			return
		}
		if gets == 1 {
			w.before = nil
			w.remove(id, "a.md")
		}
	}
	res := m.push(assetsync.PushOptions{})
	if res.Error != nil {
		t.Errorf("%s\n%s", res.Outcome, describe(res))
	}
}

// TestFileIsGoneMeanwhile deletes the file that we change or delete, under
// each reading of calls on what is missing.
func TestFileIsGoneMeanwhile(t *testing.T) {
	for _, q := range []string{"update-missing=validation", "update-missing=create", "update-missing=not-found"} {
		t.Run(q, func(t *testing.T) {
			w := newWorld(t, q)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.write("a.md", "ours")
			w.beforeWrite(func() { w.remove(id, "a.md") })
			res := m.push(assetsync.PushOptions{})
			if res.Outcome != assetsync.Published {
				t.Errorf("%s\n%s", res.Outcome, describe(res))
			}
		})
	}
	for _, q := range []string{"delete-missing=validation", "delete-missing=ok", "delete-missing=not-found"} {
		t.Run(q, func(t *testing.T) {
			w := newWorld(t, q)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.rm("a.md")
			w.beforeWrite(func() { w.remove(id, "a.md") })
			res := m.push(assetsync.PushOptions{})
			if res.Error != nil {
				t.Errorf("%s\n%s", res.Outcome, describe(res))
			}
		})
	}
}

// TestEditRightAfterCreate edits the asset between its creation and the
// proof.
func TestEditRightAfterCreate(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	made := false
	w.before = func(r *http.Request) {
		if r.Method == http.MethodPost {
			made = true
			return
		}
		if made && strings.Contains(r.URL.Path, "/assets/") {
			w.before = nil
			id := strings.Split(r.URL.Path, "/")[5]
			w.save(id, "b.md", "theirs")
		}
	}
	res := m.push(assetsync.PushOptions{})
	if res.Outcome != assetsync.Created || len(res.Conflicts) > 0 {
		t.Errorf("%s\n%s", res.Outcome, describe(res))
	}
}

// TestPutBackMeetsThird lets somebody write a file just before what a zip
// overwrote of somebody else's is put back there: the later one is live, and
// the earlier one is in a copy, for it is in no directory.
func TestPutBackMeetsThird(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	w.beforeWrite(func() {
		w.save(id, "theirs.md", "first")
		w.beforeWrite(func() { w.save(id, "theirs.md", "second") })
	})
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["theirs.md"]; got != "second" {
		t.Errorf("theirs.md is %q", got)
	}
	if len(res.Conflicts) != 1 || res.Conflicts[0].Path != "theirs.md" || res.Conflicts[0].Copy == "" {
		t.Fatalf("outcome %s\n%s", res.Outcome, describe(res))
	}
	if got, err := os.ReadFile(res.Conflicts[0].Copy); err != nil || string(got) != "first" {
		t.Errorf("the copy holds %q, %v", got, err)
	}
}

// TestClockThatWasAhead publishes while the clock is a day ahead and is put right
// afterwards. What somebody else changes then, to what the file was before, is
// believed as soon as at any other time, and not a day later.
func TestClockThatWasAhead(t *testing.T) {
	for _, ahead := range []time.Duration{0, 24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			w := newWorld(t)
			w.step = time.Millisecond
			m, id := twoWay(w, fiveFiles)
			w.now = w.now.Add(ahead)
			m.write("a.md", "first")
			m.mustSync(assetsync.Published)
			w.now = w.now.Add(-ahead + time.Minute)
			w.save(id, "a.md", fiveFiles["a.md"])
			m.sync()
			w.now = w.now.Add(time.Minute)
			m.sync()
			if got := m.files()["a.md"]; got != fiveFiles["a.md"] {
				t.Errorf("two minutes later a.md is still %q here, %q there", got, fiveFiles["a.md"])
			}
		})
	}
}

// TestDeletedByBoth deletes a file that somebody else deletes and makes anew
// between our look and our write: of the two deletions ours is the later one,
// and an edit wins over it.
func TestDeletedByBoth(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.rm("c.md")
	w.beforeWrite(func() {
		w.remove(id, "c.md")
		w.save(id, "c.md", "theirs")
	})
	res := m.push(assetsync.PushOptions{Consent: assetsync.Consent{Deletes: 1}})
	if got := w.live(id, 0)["c.md"]; got != "theirs" {
		t.Errorf("c.md=%q, deleted over an edit: %s versions %v\n%s", got, res.Outcome, res.Versions, describe(res))
	}
}

// TestCarriedOnAndDeletedAgain deletes a file in a run that fails before it sends
// anything, and again. What a stale zip of somebody else's carries on, and who
// deletes it once more, brings nothing back.
func TestCarriedOnAndDeletedAgain(t *testing.T) {
	for step := 1; ; step++ {
		w := newWorld(t)
		m := w.machine(skill(fiveFiles))
		id := m.mustPush(assetsync.Created).AssetID
		m.rm("c.md")
		push := func(e *assetsync.Engine) {
			e.Push(t.Context(), assetsync.PushOptions{Consent: assetsync.Consent{Deletes: 1}})
		}
		at := heard
		at.step = step
		reached := m.interrupted(at, push)
		m.engine(push)
		w.save(id, "c.md", "c")
		w.remove(id, "c.md")
		for range 2 {
			m.engine(push)
		}
		if got, live := w.live(id, 0)["c.md"]; live {
			t.Errorf("step %d: c.md=%q is live again", step, got)
		}
		if !reached {
			return
		}
	}
}
