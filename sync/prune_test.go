package sync_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	assetsync "assetsync/sync"
)

// named is the same machine with an engine that names the asset, as for one that
// is no target's any more.
func (m *machine) named(id string) *machine {
	other := *m
	other.target.AssetID, other.target.Metadata = id, nil
	return &other
}

func (m *machine) standing() (s assetsync.Standing) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) {
		var res assetsync.Result
		if s, res = e.Standing(m.t.Context()); res.Error != nil {
			m.t.Fatal(describe(res))
		}
	})
	return s
}

func (m *machine) retire(c assetsync.Consent) (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { res = e.Retire(m.t.Context(), c) })
	return res
}

func (m *machine) drop(o assetsync.DropOptions) (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { res = e.Drop(m.t.Context(), o) })
	return res
}

func (w *world) gone(id string) bool {
	_, err := w.web().GetAsset(w.t.Context(), &remote.GetAssetInput{AgentSpaceId: &w.space.AgentSpace, AssetId: &id})
	return remote.IsKind(err, remote.KindNotFound)
}

// keptVersion returns the files of a version that history has.
func (m *machine) keptVersion(id string, version int) map[string]string {
	m.t.Helper()
	h, err := gitrepo.OpenHistory(filepath.Join(m.state, "history.git"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer h.Close()
	bundle, ok, err := h.Get(m.t.Context(), gitrepo.Key{Env: "default", Target: m.target.Name}, id, version)
	if err != nil || !ok {
		m.t.Fatalf("history has no version %d: %v", version, err)
	}
	files := map[string]string{}
	for p, data := range bundle.Files() {
		files[string(p)] = string(data)
	}
	return files
}

func TestStandingOfAsset(t *testing.T) {
	tests := map[string]struct {
		do            func(*world, *machine, string)
		ours, changed bool
		retired       bool
	}{
		"published":        {func(*world, *machine, string) {}, true, false, false},
		"changed since":    {func(w *world, _ *machine, id string) { w.save(id, "a.md", "theirs") }, false, true, false},
		"a file added":     {func(w *world, _ *machine, id string) { w.save(id, "new.md", "theirs") }, false, true, false},
		"a file gone":      {func(w *world, _ *machine, id string) { w.remove(id, "a.md") }, false, true, false},
		"gone back to":     {func(w *world, _ *machine, id string) { w.save(id, "a.md", "x"); w.save(id, "a.md", "a") }, true, false, false},
		"retired":          {func(_ *world, m *machine, id string) { m.want(m.retire(assetsync.Consent{}), assetsync.Published) }, true, false, true},
		"retired by other": {func(w *world, _ *machine, id string) { w.setMetadata(id, map[string]any{"status": "INACTIVE"}) }, true, false, false},
		"retired, and in use again": {func(w *world, m *machine, id string) {
			m.retire(assetsync.Consent{})
			w.setMetadata(id, map[string]any{"status": "ACTIVE"})
		}, true, false, false},
		"retired, and changed since": {func(w *world, m *machine, id string) {
			m.retire(assetsync.Consent{})
			w.save(id, "a.md", "theirs")
		}, false, true, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			n := m.named(id)
			test.do(w, n, id)
			s := n.standing()
			if s.Ours != test.ours || s.Changed != test.changed || s.Retired != test.retired {
				t.Errorf("ours %t, changed %t, retired %t", s.Ours, s.Changed, s.Retired)
			}
			if !s.Retired {
				res := n.drop(assetsync.DropOptions{Retired: true})
				n.want(res, assetsync.Conflict)
			}
		})
	}
}

// TestStandingOfOthers looks at an asset that this machine never wrote to.
func TestStandingOfOthers(t *testing.T) {
	w := newWorld(t)
	m, other := w.machine(skill(fiveFiles)), w.machine(skill(fiveFiles))
	id := other.mustPush(assetsync.Created).AssetID
	m.mustPush(assetsync.Unchanged)
	if s := m.named(id).standing(); s.Ours || s.Changed {
		t.Errorf("%+v", s)
	}
}

// TestRetireGuards stops where a push would.
func TestRetireGuards(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	n := m.named(id)
	n.target.Protected = true
	n.want(n.retire(assetsync.Consent{}), assetsync.Blocked)
	n.want(n.retire(assetsync.Consent{Protected: true}), assetsync.Published)
	w.wantLive(id, first)
	// A push of files alone does not bring it back to use.
	m.write("a.md", "more")
	m.mustPush(assetsync.Published)
	if got := w.metadata(id, "status"); got != "INACTIVE" {
		t.Errorf("status %v", got)
	}
}

// TestDropKeeps deletes an asset of several versions, some of them others': all
// are in history.
func TestDropKeeps(t *testing.T) {
	for _, q := range backQuirks[:6] {
		t.Run(q, func(t *testing.T) {
			w := worldWith(t, q)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			w.save(id, "a.md", "theirs 1")
			w.save(id, "a.md", "theirs 2")
			n := m.named(id)
			n.want(n.retire(assetsync.Consent{}), assetsync.Published)
			all := map[int]map[string]string{}
			list, err := w.web().ListAssetVersions(t.Context(), &remote.ListAssetVersionsInput{AgentSpaceId: &w.space.AgentSpace, AssetId: &id})
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range list.Items {
				all[int(*v.Version)] = w.live(id, *v.Version)
			}
			n.want(n.drop(assetsync.DropOptions{Retired: true, Forget: true}), assetsync.Deleted)
			if !w.gone(id) {
				t.Error("it is still there")
			}
			for v, want := range all {
				if got := m.keptVersion(id, v); !maps.Equal(got, want) {
					t.Errorf("version %d is kept as %v, want %v", v, got, want)
				}
			}
			// The target that was forgotten may be made anew.
			m.mustPush(assetsync.Created)
		})
	}
}

// TestDropUnread refuses where a version cannot be read, unless that is meant.
func TestDropUnread(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "theirs 1") // version 2, which history lacks
	w.save(id, "a.md", "theirs 2")
	refuse := doer(func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.RawQuery, "ersion=2") {
			r = r.Clone(r.Context())
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "ersion=2", "ersion=99", 1)
		}
		return w.Do(r)
	})
	n := m.named(id)
	drop := func(o assetsync.DropOptions) (res assetsync.Result) {
		n.engineWith(refuse, func(e *assetsync.Engine) { res = e.Drop(t.Context(), o) })
		return res
	}
	res := drop(assetsync.DropOptions{})
	n.want(res, assetsync.Blocked)
	if res.Guard != "unread" || !strings.Contains(res.Error.Hint, "--allow-unread") || w.gone(id) {
		t.Errorf("guard %q, gone %t\n%s", res.Guard, w.gone(id), describe(res))
	}
	n.want(drop(assetsync.DropOptions{Unread: true}), assetsync.Deleted)
}

// TestDropUnreadableNewest deletes, when that is meant, what cannot be read at
// all: the versions before it are kept.
func TestDropUnreadableNewest(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "two")
	m.mustPush(assetsync.Published)
	for _, file := range []string{"a", "b", "c", "d"} {
		w.save(id, file+".md", "theirs")
	}
	broken := doer(func(r *http.Request) (*http.Response, error) {
		resp, err := w.Do(r)
		if err == nil && strings.HasSuffix(r.URL.Path, "/content") && strings.Contains(r.URL.RawQuery, "=6") {
			body := `{"version": 6, "content": {"zipFile": "bm8gemlw"}}`
			resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			resp.Header.Set("Content-Length", fmt.Sprint(len(body)))
		}
		return resp, err
	})
	n := m.named(id)
	drop := func(o assetsync.DropOptions) (res assetsync.Result) {
		n.engineWith(broken, func(e *assetsync.Engine) { res = e.Drop(t.Context(), o) })
		return res
	}
	res := drop(assetsync.DropOptions{})
	n.want(res, assetsync.Blocked)
	if !strings.Contains(res.Error.Message, "version 6: ") || w.gone(id) {
		t.Errorf("gone %t\n%s", w.gone(id), describe(res))
	}
	n.want(drop(assetsync.DropOptions{Unread: true}), assetsync.Deleted)
	if m.keptVersion(id, 5)["a.md"] != "theirs" {
		t.Error("version 5 is not kept")
	}
}

// TestDropInterleaved lets somebody save at each call of a deletion but the last:
// what was not read is not deleted.
func TestDropInterleaved(t *testing.T) {
	for n := 1; ; n++ {
		w := newWorld(t)
		m := w.machine(skill(fiveFiles))
		id := m.mustPush(assetsync.Created).AssetID
		calls, deletes := 0, false
		w.before = func(r *http.Request) {
			if calls++; calls == n {
				if deletes = r.Method == http.MethodDelete; !deletes {
					w.before = nil
					w.save(id, "a.md", "theirs")
				}
			}
		}
		res := m.named(id).drop(assetsync.DropOptions{})
		w.before = nil
		if deletes {
			return // between the last look and the deletion nobody can help
		}
		if w.gone(id) && m.keptVersion(id, 2)["a.md"] != "theirs" {
			t.Errorf("call %d: deleted, and version 2 is not kept\n%s", n, describe(res))
		}
		if !w.gone(id) && res.Outcome == assetsync.Deleted {
			t.Errorf("call %d: it is said to be deleted", n)
		}
	}
}

// TestDropUnanswered deletes although the answer is lost, and does not say so
// when the call was lost as well.
func TestDropUnanswered(t *testing.T) {
	for rule, want := range map[string]assetsync.Outcome{
		"op=DeleteAsset,kind=reset-after":  assetsync.Deleted,
		"op=DeleteAsset,kind=reset-before": assetsync.Failed,
	} {
		w := newWorld(t)
		m := w.machine(skill(fiveFiles))
		id := m.mustPush(assetsync.Created).AssetID
		w.fault(rule)
		if res := m.named(id).drop(assetsync.DropOptions{}); res.Outcome != want || w.gone(id) != (want == assetsync.Deleted) {
			t.Errorf("%s: %s, gone %t\n%s", rule, res.Outcome, w.gone(id), describe(res))
		}
	}
}

// TestPruneKilled kills making INACTIVE and deleting at each call: the command
// repeated ends with the asset deleted, and every version kept.
func TestPruneKilled(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n, died := 1, true; died; n++ {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.write("a.md", "two")
			m.mustPush(assetsync.Published)
			x := m.named(id)
			died = x.dieAt(n, after, func(e *assetsync.Engine) {
				e.Retire(t.Context(), assetsync.Consent{})
				e.Drop(t.Context(), assetsync.DropOptions{Retired: true, Forget: true})
			})
			if !w.gone(id) {
				x.retire(assetsync.Consent{})
				if s := x.standing(); !s.Retired {
					t.Fatalf("call %d, after %t: %+v", n, after, s)
				}
				x.want(x.drop(assetsync.DropOptions{Retired: true, Forget: true}), assetsync.Deleted)
			}
			if m.keptVersion(id, 1)["a.md"] != "a" || m.keptVersion(id, 2)["a.md"] != "two" {
				t.Errorf("call %d, after %t: not every version is kept", n, after)
			}
		}
	}
}
