package sync_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// probed are answers of a probe, "quirk=reading".
func probed(answers ...string) state.Endpoint {
	p := state.Probe{AgentSpace: "sp-1"}
	for _, a := range answers {
		name, reading, _ := strings.Cut(a, "=")
		p.Answers = append(p.Answers, state.ProbeAnswer{Quirk: name, Reading: reading})
	}
	return state.NewEndpoint(p)
}

// changeState runs change on the machine's state.
func (m *machine) changeState(change func(*state.DB) error) {
	m.t.Helper()
	db, err := state.Open(filepath.Join(m.state, "state.db"), state.Owner{})
	if err != nil {
		m.t.Fatal(err)
	}
	if err := change(db); err != nil {
		m.t.Error(err)
	}
	if err := db.Close(); err != nil {
		m.t.Fatal(err)
	}
}

// tell puts the answers of a probe on record.
func (m *machine) tell(answers ...string) {
	m.t.Helper()
	m.changeState(func(db *state.DB) error {
		return db.Update(func(tx state.Tx) error { return tx.PutEndpoint(m.space, probed(answers...)) })
	})
}

// forgotten are the answers that were seen to be wrong.
func (m *machine) forgotten() (quirks []string) {
	m.t.Helper()
	m.changeState(func(db *state.DB) error {
		e, err := db.Endpoint(m.space)
		quirks = e.Forgotten()
		return err
	})
	return quirks
}

func wantNote(t *testing.T, res assetsync.Result, part string) {
	t.Helper()
	if !slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, part) }) {
		t.Errorf("no note says %q\n%s", part, describe(res))
	}
}

// safeCreates are the answers with which new files go by CreateAssetFile.
var safeCreates = []string{"file-create-version=bump", "create-existing=conflict"}

// TestCallsByAnswers looks at which calls publish a new and a deleted file,
// with and without answers.
func TestCallsByAnswers(t *testing.T) {
	const zip, update, create, del = "UpdateAsset", "UpdateAsset", "CreateAssetFile new.md", "DeleteAssetFile a.md"
	for _, c := range []struct {
		name    string
		quirks  []string // of the service
		answers []string
		add     []string // calls that publish new.md
		remove  []string // calls that delete a.md, the first deletion
	}{
		{"nothing is known", nil, nil, []string{update}, []string{del}},
		{"all is as wished", nil, append([]string{"file-delete-version=bump"}, safeCreates...), []string{create}, []string{del}},
		{"existing paths are refused as not valid", []string{"create-existing=validation"}, []string{"file-create-version=bump", "create-existing=validation"}, []string{create}, []string{del}},
		{"creation makes no version", []string{"file-create-version=keep"}, []string{"file-create-version=keep", "create-existing=conflict"}, []string{update}, []string{del}},
		{"creation overwrites", []string{"create-existing=overwrite"}, []string{"file-create-version=bump", "create-existing=overwrite"}, []string{update}, []string{del}},
		{"half of it is known", nil, []string{"file-create-version=bump"}, []string{update}, []string{del}},
		{"deletion makes no version", []string{"file-delete-version=keep"}, []string{"file-delete-version=keep"}, []string{update}, []string{zip}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.quirks...)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.tell(c.answers...)

			since := w.wrote()
			m.write("new.md", "new")
			m.mustPush(assetsync.Published)
			if d := cmp.Diff(c.add, w.writes(since)); d != "" {
				t.Errorf("calls for a new file (-want +got):\n%s", d)
			}
			since = w.wrote()
			m.rm("a.md")
			m.mustPush(assetsync.Published)
			if d := cmp.Diff(c.remove, w.writes(since)); d != "" {
				t.Errorf("calls for a deleted file (-want +got):\n%s", d)
			}
			if got := w.live(id, 0); got["new.md"] != "new" || got["a.md"] != "" {
				t.Errorf("live: %v", got)
			}
			m.wantQuiet()
			if got := m.forgotten(); got != nil {
				t.Errorf("forgotten: %v", got)
			}
		})
	}
}

// TestCreateMeetsAnother lets somebody else make the same file between our
// look and our call: with answers that call is refused, and theirs was never
// gone.
func TestCreateMeetsAnother(t *testing.T) {
	for _, c := range []struct {
		theirs string
		want   assetsync.Outcome
	}{{"theirs", assetsync.Conflict}, {"ours", assetsync.Unchanged}} {
		t.Run(c.theirs, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.tell(safeCreates...)
			m.write("new.md", "ours")
			since := w.wrote()
			w.beforeWrite(func() { w.createFile(id, "new.md", c.theirs) })
			m.want(m.push(assetsync.PushOptions{}), c.want)
			if d := cmp.Diff([]string{"CreateAssetFile new.md"}, w.writes(since)); d != "" {
				t.Errorf("writes of both (-want +got):\n%s", d)
			}
			if got := w.live(id, 0)["new.md"]; got != c.theirs {
				t.Errorf("new.md is %q", got)
			}
			if got := m.forgotten(); got != nil {
				t.Errorf("forgotten: %v", got)
			}
		})
	}
}

// TestCreateNotAllowed has a policy from before the probe.
func TestCreateNotAllowed(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.tell(safeCreates...)
	w.fault("op=CreateAssetFile,count=all,kind=denied")
	m.write("new.md", "new")
	m.write("more.md", "more")
	res := m.mustPush(assetsync.Published)
	wantNote(t, res, "aidevops:CreateAssetFile is not allowed")
	if res.Calls["CreateAssetFile"] != 1 {
		t.Errorf("calls: %v", res.Calls)
	}
	if got := w.live(id, 0); got["new.md"] != "new" || got["more.md"] != "more" {
		t.Errorf("live: %v", got)
	}
	m.wantQuiet()
}

// TestLies tells answers that the service does not keep to: nothing is lost,
// what is seen to be wrong is forgotten and said, and the next push does
// without it.
func TestLies(t *testing.T) {
	t.Run("creation makes no version after all", func(t *testing.T) {
		w := newWorld(t, "file-create-version=keep")
		m := w.machine(skill(fiveFiles))
		id := m.mustPush(assetsync.Created).AssetID
		m.tell(safeCreates...)
		for p, content := range map[string]string{"new.md": "new", "more.md": "more", "a.md": "edited"} {
			m.write(p, content)
		}
		since := w.wrote()
		res := m.mustPush(assetsync.Published)
		wantNote(t, res, "CreateAssetFile made no version of more.md")
		if d := cmp.Diff([]string{"UpdateAssetFile a.md", "CreateAssetFile more.md", "UpdateAsset"}, w.writes(since)); d != "" {
			t.Errorf("writes (-want +got):\n%s", d)
		}
		w.wantLive(id, m.files())
		if d := cmp.Diff([]string{"file-create-version"}, m.forgotten()); d != "" {
			t.Errorf("forgotten (-want +got):\n%s", d)
		}
		m.wantQuiet()
		since = w.wrote()
		m.write("third.md", "third")
		m.mustPush(assetsync.Published)
		if d := cmp.Diff([]string{"UpdateAsset"}, w.writes(since)); d != "" {
			t.Errorf("writes afterwards (-want +got):\n%s", d)
		}
	})
	t.Run("creation overwrites after all", func(t *testing.T) {
		w := newWorld(t, "create-existing=overwrite")
		m := w.machine(skill(fiveFiles))
		id := m.mustPush(assetsync.Created).AssetID
		m.tell(safeCreates...)
		m.write("new.md", "ours")
		w.beforeWrite(func() { w.save(id, "new.md", "theirs") })
		res := m.push(assetsync.PushOptions{})
		m.want(res, assetsync.Conflict)
		wantNote(t, res, "CreateAssetFile replaced new.md")
		if got := w.live(id, 0)["new.md"]; got != "theirs" {
			t.Errorf("new.md is %q\n%s", got, describe(res))
		}
		if d := cmp.Diff([]string{"create-existing"}, m.forgotten()); d != "" {
			t.Errorf("forgotten (-want +got):\n%s", d)
		}
	})
	for _, more := range []bool{false, true} {
		t.Run(fmt.Sprintf("deletion makes no version after all, with an edit: %t", more), func(t *testing.T) {
			w := newWorld(t, "file-delete-version=keep")
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.tell("file-delete-version=bump")
			m.rm("a.md")
			if more {
				m.write("b.md", "edited")
			}
			wantNote(t, m.mustPush(assetsync.Published), "a deletion made no version, although it was known to make one")
			w.wantLive(id, m.files())
			if d := cmp.Diff([]string{"file-delete-version"}, m.forgotten()); d != "" {
				t.Errorf("forgotten (-want +got):\n%s", d)
			}
			m.wantQuiet()
		})
	}
	t.Run("deletion makes a version after all", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(skill(fiveFiles))
		id := m.mustPush(assetsync.Created).AssetID
		m.tell("file-delete-version=keep")
		m.rm("a.md")
		since := w.wrote()
		m.mustPush(assetsync.Published)
		if d := cmp.Diff([]string{"UpdateAsset"}, w.writes(since)); d != "" {
			t.Errorf("writes (-want +got):\n%s", d)
		}
		w.wantLive(id, m.files())
	})
}

// TestStoriesWithAnswers walks the story of TestQuirks with answers: with those
// that are true of the world, and with the most trusting ones, true or not.
func TestStoriesWithAnswers(t *testing.T) {
	for _, creates := range []string{"bump", "keep"} {
		for _, deletes := range []string{"bump", "keep"} {
			for _, existing := range []string{"conflict", "validation", "overwrite"} {
				quirks := []string{"file-create-version=" + creates, "file-delete-version=" + deletes, "create-existing=" + existing}
				for name, answers := range map[string][]string{
					"true":     quirks,
					"trusting": append([]string{"file-delete-version=bump"}, safeCreates...),
				} {
					t.Run(fmt.Sprint(quirks, name), func(t *testing.T) {
						t.Parallel()
						storyWith(t, quirks, answers)
					})
				}
			}
		}
	}
}

// TestLessonsAreAppliedToTheRecord lets a probe end while a push is at work:
// what the push has learned does not undo what the probe has put on record.
func TestLessonsAreAppliedToTheRecord(t *testing.T) {
	w := newWorld(t, "file-delete-version=keep")
	m := w.machine(skill(fiveFiles))
	m.mustPush(assetsync.Created)
	m.rm("a.md")
	m.engine(func(e *assetsync.Engine) {
		w.beforeWrite(func() {
			err := e.State.Update(func(tx state.Tx) error { return tx.PutEndpoint(m.space, probed(safeCreates...)) })
			if err != nil {
				t.Error(err)
			}
		})
		m.want(e.Push(t.Context(), assetsync.PushOptions{}), assetsync.Published)
	})
	m.changeState(func(db *state.DB) error {
		e, err := db.Endpoint(m.space)
		want := state.Endpoint{DeleteRaisesVersion: state.No, CreateRaisesVersion: state.Yes, CreateRefusesExisting: state.Yes, Probe: e.Probe}
		if e != want || e.Probe.Reading("create-existing") != "conflict" {
			t.Errorf("on record: %+v", e)
		}
		return err
	})
}
