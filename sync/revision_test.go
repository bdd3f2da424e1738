package sync_test

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	assetsync "assetsync/sync"
)

// revision reads one, named as on a command line.
func (m *machine) revision(name string) (c assetsync.Contents, res assetsync.Result) {
	m.t.Helper()
	return m.revisionWith(m.Do, name)
}

func (m *machine) revisionWith(do doer, name string) (c assetsync.Contents, res assetsync.Result) {
	m.t.Helper()
	rev, ok, err := assetsync.ParseRevision(name)
	if !ok || err != nil {
		m.t.Fatalf("%q: %v, %v", name, ok, err)
	}
	m.engineWith(do, func(e *assetsync.Engine) { c, res = e.Revision(m.t.Context(), rev) })
	return c, res
}

func (m *machine) show(version int32) (v assetsync.ShownVersion, res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { v, res = e.Show(m.t.Context(), version) })
	return v, res
}

// bytesAt is a file of what a revision holds.
func bytesAt(c assetsync.Contents, path manifest.Path) string {
	data, _ := c.Bundle.Content(path)
	return string(data)
}

var errOffline = errors.New("offline")

func offline(*http.Request) (*http.Response, error) { return nil, errOffline }

// What history has is read there, with its metadata, and what it lacks once.
func TestVersionFromHistory(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a1"}))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "a2")
	w.save(id, "a.md", "a3")
	c, res := m.revision("2")
	if bytesAt(c, "a.md") != "a2" || res.Calls["GetAsset"] != 1 || c.Metadata["name"] == nil {
		t.Errorf("version 2: %q, %v, calls %v", bytesAt(c, "a.md"), c.Metadata, res.Calls)
	}
	for version, want := range map[string]string{"1": "a1", "v2": "a2"} {
		c, res := m.revisionWith(offline, version)
		if bytesAt(c, "a.md") != want || c.Metadata["name"] == nil || res.Error != nil || len(res.Calls) != 0 {
			t.Errorf("version %s: %q, %v, calls %v\n%s", version, bytesAt(c, "a.md"), c.Metadata, res.Calls, describe(res))
		}
	}
	if _, res := m.revisionWith(offline, "3"); res.Error == nil || res.Error.Kind != assetsync.KindUnavailable {
		t.Errorf("version 3 is in no history\n%s", describe(res))
	}
}

// A version that may have changed since it was read is read again.
func TestVersionThatGrows(t *testing.T) {
	for _, tt := range []struct {
		name     string
		learned  bool
		later    bool
		want     string // of b.md
		wantCall bool
	}{
		{"the newest", true, false, "", true},
		{"an older one", true, true, "b1", false},
		{"of a service that is not known to do so", false, false, "b1", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "file-delete-version=keep")
			m := w.machine(skill(map[string]string{"b.md": "b1"}))
			id := m.mustPush(assetsync.Created).AssetID
			if tt.learned {
				m.tell("file-delete-version=keep")
			}
			if tt.later {
				w.save(id, "a.md", "a2")
				m.revision("2")
			}
			w.remove(id, "b.md")
			c, res := m.revision("1")
			if got := bytesAt(c, "b.md"); got != tt.want || (len(res.Calls) > 0) != tt.wantCall {
				t.Errorf("b.md is %q, want %q; calls %v", got, tt.want, res.Calls)
			}
			c, res = m.revisionWith(offline, "1")
			if res.Error != nil || bytesAt(c, "b.md") != tt.want {
				t.Errorf("offline\n%s", describe(res))
			}
			if tt.wantCall {
				wantNote(t, res, "version 1 is as it was read last")
			}
		})
	}
}

// The service has it no more: history has.
func TestShowPrunedVersion(t *testing.T) {
	w := newWorld(t, "prune-versions=2")
	m := w.machine(skill(map[string]string{"a.md": "a1"}))
	id := m.mustPush(assetsync.Created).AssetID
	for _, text := range []string{"a2", "a3", "a4"} {
		w.save(id, "a.md", text)
	}
	v, res := m.show(1)
	if res.Error != nil || !v.Known || v.By != "this machine" || bytesAt(v.New, "a.md") != "a1" || v.Metadata["name"] == nil {
		t.Errorf("version 1: %+v\n%s", v, describe(res))
	}
	if _, res = m.show(2); res.Error == nil || res.Error.Kind != assetsync.KindUsage {
		t.Errorf("version 2 is nowhere\n%s", describe(res))
	}
	v, res = m.show(3)
	if v.Known || v.By != "somebody else" || bytesAt(v.Old, "a.md") != "" {
		t.Errorf("version 3: %+v", v)
	}
	wantNote(t, res, "what version 3 changed cannot be told")
	v, res = m.show(0)
	if v.Version != 4 || !v.Known || len(res.Changes) != 1 || res.Changes[0].Path != "a.md" || res.Version != 4 {
		t.Errorf("the newest: %+v\n%s", v, describe(res))
	}
}

// A commit is what a push of it publishes, with the metadata of its config.
func TestCommitRevision(t *testing.T) {
	w := newWorld(t)
	m := w.repository(skill(map[string]string{"a.md": "a1", configName: `{"agent_types": ["GENERIC"]}`, "notes.tmp": "no", ".gitignore": "*.tmp\n"}))
	first := m.git("rev-parse", "HEAD")
	m.write("a.md", "a2")
	m.write(configName, `{"agent_types": ["CHAT"]}`)
	m.git("commit", "-qam", "second")
	second := m.git("rev-parse", "HEAD")
	m.write("a.md", "a3")

	for rev, want := range map[string][2]string{first: {"a1", `["GENERIC"]`}, second: {"a2", `["CHAT"]`}} {
		c, res := m.revisionWith(offline, "rev:"+rev)
		if got := [2]string{bytesAt(c, "a.md"), string(c.Metadata["agent_types"])}; got != want || res.Error != nil || !c.Owned {
			t.Errorf("commit: %q, want %q\n%s", got, want, describe(res))
		}
		var paths []string
		for e := range c.Bundle.Tree().All() {
			paths = append(paths, string(e.Path))
		}
		if d := cmp.Diff([]string{"SKILL.md", "a.md"}, paths); d != "" {
			t.Errorf("files (-want +got):\n%s", d)
		}
	}
	c, _ := m.revisionWith(offline, "local")
	if bytesAt(c, "a.md") != "a3" || string(c.Metadata["agent_types"]) != `["CHAT"]` {
		t.Errorf("local: %q, %s", bytesAt(c, "a.md"), c.Metadata)
	}

	m.git("rm", "-rqf", "--cached", ".")
	m.git("commit", "-qm", "nothing")
	c, res := m.revisionWith(offline, "rev:"+m.git("rev-parse", "HEAD"))
	if res.Error != nil || c.Bundle.Tree().Len() != 0 || c.Metadata != nil {
		t.Errorf("a commit without it: %+v\n%s", c, describe(res))
	}
	if err := os.RemoveAll(filepath.Join(m.dir, ".git")); err != nil {
		t.Fatal(err)
	}
	if _, res := m.revision("rev:" + first); res.Error == nil || res.Error.Kind != assetsync.KindUsage {
		t.Errorf("outside of git\n%s", describe(res))
	}
}

// A log of paths goes back until it has as many versions as are asked for.
func TestLogOfPaths(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"d/a.md": "1", "b.md": "1"}))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "d/a.md", "2") // version 2
	for _, text := range []string{"2", "3", "4", "5"} {
		w.save(id, "b.md", text)
	}
	w.save(id, "d/a.md", "3") // version 7
	for _, tt := range []struct {
		limit int
		paths []manifest.Path
		want  string
	}{
		{10, []manifest.Path{"d"}, "7: d/a.md; 2: d/a.md; 1: d/a.md"},
		{2, []manifest.Path{"d/a.md"}, "7: d/a.md; 2: d/a.md"},
		{1, []manifest.Path{"b.md"}, "6: b.md"},
		{2, nil, "7: d/a.md; 6: b.md"},
		{5, []manifest.Path{"none"}, ""},
	} {
		var log []assetsync.VersionReport
		var res assetsync.Result
		m.engine(func(e *assetsync.Engine) {
			log, res = e.Log(t.Context(), assetsync.LogOptions{Limit: tt.limit, Paths: tt.paths, Contents: true})
		})
		var got []string
		for _, v := range log {
			text, _ := json.Marshal(v.Version)
			got = append(got, string(text)+": "+string(v.Changes[0].Path))
			if v.Version > 1 && bytesAt(v.Old, v.Changes[0].Path) == bytesAt(v.New, v.Changes[0].Path) {
				t.Errorf("version %d has not its contents", v.Version)
			}
		}
		if d := cmp.Diff(tt.want, strings.Join(got, "; ")); d != "" || res.Error != nil {
			t.Errorf("%d of %v (-want +got):\n%s\n%s", tt.limit, tt.paths, d, describe(res))
		}
	}
}

func TestCompareMetadata(t *testing.T) {
	of := func(owned bool, pairs string) assetsync.Contents {
		c := assetsync.Contents{Owned: owned}
		if pairs != "" {
			if err := json.Unmarshal([]byte(pairs), &c.Metadata); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	for _, tt := range []struct {
		name     string
		old, new assetsync.Contents
		want     map[string]string // action by key
	}{
		{"equal", of(true, `{"a": 1}`), of(true, `{"a": 1}`), nil},
		{"a list is a set", of(false, `{"a": ["x", "y"]}`), of(true, `{"a": ["y", "x"]}`), nil},
		{"owned and not", of(false, `{"a": 1, "b": 2}`), of(true, `{"a": 2}`), map[string]string{"a": "update"}},
		{"owned and absent", of(true, `{"a": 1, "c": 1}`), of(false, `{"b": 2}`), map[string]string{"a": "delete", "c": "delete"}},
		{"two versions", of(false, `{"a": 1, "b": 2}`), of(false, `{"b": 3, "c": 4}`), map[string]string{"a": "delete", "b": "update", "c": "create"}},
		{"two commits", of(true, `{"a": 1}`), of(true, `{"b": 1}`), map[string]string{"a": "delete", "b": "create"}},
		{"not known", of(false, ""), of(true, `{"a": 1}`), nil},
		{"nor there", of(true, `{"a": 1}`), of(false, ""), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := map[string]string{}
			var keys []string
			for _, c := range assetsync.CompareMetadata(tt.old, tt.new) {
				got[c.Key] = c.Action
				keys = append(keys, c.Key)
			}
			if !maps.Equal(got, tt.want) || !slices.IsSorted(keys) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseRevision(t *testing.T) {
	for text, want := range map[string]string{
		"local": "local", "base": "base", "remote": "remote", "live": "remote", "7": "v7", "v7": "v7", "007": "v7",
		"rev:HEAD~1": "rev:HEAD~1", "env:prod@3": "env:prod@3",
		"0": "error", "v0": "error", "2147483648": "error", "rev:": "error", "env:": "error",
		"": "no", "v": "no", "vv1": "no", "-1": "no", "main": "no", "Local": "no", "1.0": "no", "REV:x": "no",
	} {
		r, ok, err := assetsync.ParseRevision(text)
		got := r.String()
		if err != nil {
			got = "error"
		} else if !ok {
			got = "no"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}
