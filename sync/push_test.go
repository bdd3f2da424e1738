package sync_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/diff"
	assetsync "assetsync/sync"
)

func TestPushCreatesOnceAndThenRests(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"references/a.md": "a", "assets/b.png": "\x89PNG\x00"}))
	res := m.mustPush(assetsync.Created)
	if res.Version != 1 || res.Published != assetsync.ByZip || len(res.Changes) != 3 {
		t.Errorf("created: version %d by %s, %s", res.Version, res.Published, paths(res.Changes))
	}
	w.wantLive(res.AssetID, m.files())

	before := w.wrote()
	again := m.mustPush(assetsync.Unchanged)
	if w.wrote() != before {
		t.Error("an unchanged push wrote")
	}
	if want := map[string]int{"GetAsset": 1, "ListAssetFiles": 1}; !maps.Equal(again.Calls, want) {
		t.Errorf("calls of an unchanged push: %v, want %v", again.Calls, want)
	}
}

func TestPushChoosesItsCalls(t *testing.T) {
	tests := []struct {
		name   string
		change func(*machine)
		opts   assetsync.PushOptions
		want   []string
		by     assetsync.Means
	}{
		{"one changed file", func(m *machine) { m.write("references/a.md", "A") }, assetsync.PushOptions{}, []string{"UpdateAssetFile references/a.md"}, assetsync.ByFiles},
		{"one new file", func(m *machine) { m.write("new.md", "n") }, assetsync.PushOptions{}, []string{"UpdateAsset"}, assetsync.ByFiles},
		{"one deleted file", func(m *machine) { m.rm("references/a.md") }, assetsync.PushOptions{}, []string{"DeleteAssetFile references/a.md"}, assetsync.ByFiles},
		{"changed, new, main, deleted in this order", func(m *machine) {
			m.target.MaxFileCalls = 4
			m.rm("references/a.md")
			m.write("SKILL.md", skillMain+"more")
			m.write("new.md", "n")
			m.write("references/b.md", "B")
		}, assetsync.PushOptions{}, []string{"UpdateAssetFile references/b.md", "UpdateAsset", "UpdateAssetFile SKILL.md", "DeleteAssetFile references/a.md"}, assetsync.ByFiles},
		{"more than max_file_calls", func(m *machine) {
			for i := range 4 {
				m.write(fmt.Sprintf("references/n%d.md", i), "n")
			}
		}, assetsync.PushOptions{}, []string{"UpdateAsset"}, assetsync.ByZip},
		{"atomic", func(m *machine) { m.write("references/a.md", "A"); m.write("references/b.md", "B") }, assetsync.PushOptions{Atomic: true}, []string{"UpdateAsset"}, assetsync.ByZip},
		{"atomic with one change", func(m *machine) { m.write("references/a.md", "A") }, assetsync.PushOptions{Atomic: true}, []string{"UpdateAssetFile references/a.md"}, assetsync.ByFiles},
		{"changed frontmatter", func(m *machine) { m.write("SKILL.md", strings.Replace(skillMain, "Look at", "Study", 1)) }, assetsync.PushOptions{}, []string{"UpdateAsset"}, assetsync.ByZip},
		{"changed body of the main file", func(m *machine) { m.write("SKILL.md", skillMain+"more") }, assetsync.PushOptions{}, []string{"UpdateAssetFile SKILL.md"}, assetsync.ByFiles},
		{"metadata alone", func(m *machine) { m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}} }, assetsync.PushOptions{}, []string{"UpdateAsset"}, assetsync.ByMetadata},
		{"metadata with a file", func(m *machine) {
			m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}}
			m.write("references/a.md", "A")
		}, assetsync.PushOptions{}, []string{"UpdateAsset"}, assetsync.ByZip},
		{"mode and time alone", func(m *machine) {
			name := filepath.Join(m.dir, "references/a.md")
			if err := os.Chmod(name, 0o755); err != nil {
				m.t.Fatal(err)
			}
			m.write("references/b.md", "b")
		}, assetsync.PushOptions{}, nil, assetsync.ByNothing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"references/a.md": "a", "references/b.md": "b", "references/c.md": "c", "d.md": "d"}))
			id := m.mustPush(assetsync.Created).AssetID
			before := w.wrote()
			tt.change(m)
			res := m.push(tt.opts)
			if got := w.writes(before); !slices.Equal(got, tt.want) {
				t.Errorf("writes %q, want %q\n%s", got, tt.want, describe(res))
			}
			if res.Published != tt.by {
				t.Errorf("published by %s, want %s", res.Published, tt.by)
			}
			w.wantLive(id, m.files())
			m.wantQuiet()
		})
	}
}

func TestPushKeepsWhatOthersDid(t *testing.T) {
	many := map[string]string{"a.md": "a", "b.md": "b", "c.md": "c", "d.md": "d", "e.md": "e"}
	tests := []struct {
		name      string
		foreign   func(w *world, id string)
		local     func(m *machine)
		live      map[string]string // over the local files
		gone      []string          // not live, whatever is local
		pending   string
		conflicts int
		outcome   assetsync.Outcome
	}{
		{"their edit of another file survives a file call", func(w *world, id string) { w.save(id, "b.md", "theirs") },
			func(m *machine) { m.write("a.md", "ours") }, map[string]string{"b.md": "theirs"}, nil, "update b.md", 0, assetsync.Published},
		{"their edit of another file survives a zip", func(w *world, id string) { w.save(id, "b.md", "theirs") },
			func(m *machine) {
				for _, p := range []string{"a.md", "c.md", "d.md", "e.md"} {
					m.write(p, "ours")
				}
			}, map[string]string{"b.md": "theirs"}, nil, "update b.md", 0, assetsync.Published},
		{"their new file survives a zip", func(w *world, id string) { w.save(id, "new.md", "theirs") },
			func(m *machine) {
				for _, p := range []string{"a.md", "c.md", "d.md", "e.md"} {
					m.write(p, "ours")
				}
			}, map[string]string{"new.md": "theirs"}, nil, "create new.md", 0, assetsync.Published},
		{"their deletion is not undone", func(w *world, id string) { w.remove(id, "b.md") },
			func(m *machine) { m.write("a.md", "ours") }, nil, []string{"b.md"}, "delete b.md", 0, assetsync.Published},
		{"the same file on both sides is a conflict, the others go on", func(w *world, id string) { w.save(id, "b.md", "theirs") },
			func(m *machine) { m.write("a.md", "ours"); m.write("b.md", "ours") }, map[string]string{"b.md": "theirs"}, nil, "", 1, assetsync.Conflict},
		{"the same edit on both sides is none", func(w *world, id string) { w.save(id, "b.md", "same") },
			func(m *machine) { m.write("b.md", "same") }, nil, nil, "", 0, assetsync.Unchanged},
		{"our edit wins over their deletion", func(w *world, id string) { w.remove(id, "b.md") },
			func(m *machine) { m.write("b.md", "ours") }, nil, nil, "", 0, assetsync.Published},
		{"their edit wins over our deletion", func(w *world, id string) { w.save(id, "b.md", "theirs") },
			func(m *machine) { m.rm("b.md") }, map[string]string{"b.md": "theirs"}, nil, "update b.md", 0, assetsync.Unchanged},
		{"an ignored remote file is carried", func(w *world, id string) { w.save(id, "notes.md", "unmanaged") },
			func(m *machine) {
				m.target.Ignore = []string{"notes.md"}
				for _, p := range []string{"a.md", "c.md", "d.md", "e.md"} {
					m.write(p, "ours")
				}
			}, map[string]string{"notes.md": "unmanaged"}, nil, "", 0, assetsync.Published},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(many))
			id := m.mustPush(assetsync.Created).AssetID
			tt.foreign(w, id)
			tt.local(m)
			res := m.push(assetsync.PushOptions{})
			m.want(res, tt.outcome)
			want := m.files()
			maps.Copy(want, tt.live)
			for _, p := range tt.gone {
				delete(want, p)
			}
			w.wantLive(id, want)
			if got := paths(res.Pending); got != tt.pending {
				t.Errorf("pending %q, want %q", got, tt.pending)
			}
			if len(res.Conflicts) != tt.conflicts {
				t.Errorf("conflicts %v, want %d", res.Conflicts, tt.conflicts)
			}
			for _, c := range res.Conflicts {
				if got, err := os.ReadFile(c.Copy); err != nil || string(got) != "theirs" {
					t.Errorf("conflict copy %s: %q, %v", c.Copy, got, err)
				}
			}
			// Nothing more is done by doing it again.
			before := w.wrote()
			if again := m.push(assetsync.PushOptions{}); w.wrote() != before || paths(again.Pending) != tt.pending {
				t.Errorf("a second push: %d writes\n%s", w.wrote()-before, describe(again))
			}
		})
	}
}

func TestPreferDecidesAConflict(t *testing.T) {
	for prefer, want := range map[diff.Prefer]string{diff.Local: "ours", diff.Remote: "theirs"} {
		w := newWorld(t)
		m := w.machine(skill(map[string]string{"a.md": "a"}))
		id := m.mustPush(assetsync.Created).AssetID
		w.save(id, "a.md", "theirs")
		m.write("a.md", "ours")
		if res := m.push(assetsync.PushOptions{Prefer: prefer}); res.Error != nil {
			t.Errorf("prefer %d: %v", prefer, res.Error)
		}
		if got := w.live(id, 0)["a.md"]; got != want {
			t.Errorf("prefer %d: live %q, want %q", prefer, got, want)
		}
	}
}

// TestInterleavedWriter lets somebody write between our look and our write,
// which nothing on the service prevents.
func TestInterleavedWriter(t *testing.T) {
	base := map[string]string{"a.md": "a", "b.md": "b", "c.md": "c", "d.md": "d", "e.md": "e"}
	zip := func(m *machine) {
		for _, p := range []string{"a.md", "c.md", "d.md", "e.md"} {
			m.write(p, "ours")
		}
	}
	tests := []struct {
		name      string
		quirks    []string
		local     func(*machine)
		foreign   func(w *world, id string)
		live      map[string]string
		gone      []string
		conflicts []string
	}{
		{"edit of a carried file", nil, zip, func(w *world, id string) { w.save(id, "b.md", "theirs") }, map[string]string{"b.md": "theirs"}, nil, nil},
		{"new file", nil, zip, func(w *world, id string) { w.save(id, "new.md", "theirs") }, map[string]string{"new.md": "theirs"}, nil, nil},
		{"deletion of a carried file", nil, zip, func(w *world, id string) { w.remove(id, "b.md") }, nil, []string{"b.md"}, nil},
		{"two versions", nil, zip, func(w *world, id string) { w.save(id, "b.md", "first"); w.save(id, "b.md", "second") }, map[string]string{"b.md": "second"}, nil, nil},
		{"edit of the same file", nil, zip, func(w *world, id string) { w.save(id, "a.md", "theirs") }, map[string]string{"a.md": "theirs"}, nil, []string{"a.md"}},
		{"the same edit", nil, zip, func(w *world, id string) { w.save(id, "a.md", "ours") }, nil, nil, nil},
		{"edit of the same file, by a file call", nil, func(m *machine) { m.write("a.md", "ours") }, func(w *world, id string) { w.save(id, "a.md", "theirs") }, map[string]string{"a.md": "theirs"}, nil, []string{"a.md"}},
		{"edit of another file, by a file call", nil, func(m *machine) { m.write("a.md", "ours") }, func(w *world, id string) { w.save(id, "b.md", "theirs") }, map[string]string{"b.md": "theirs"}, nil, nil},
		{"deletion in place, which makes no version", []string{"file-delete-version=keep"}, zip, func(w *world, id string) { w.remove(id, "b.md") }, nil, []string{"b.md"}, nil},
		{"edit while we delete another file", nil, func(m *machine) { m.rm("a.md") }, func(w *world, id string) { w.save(id, "b.md", "theirs") }, map[string]string{"b.md": "theirs"}, nil, nil},
		{"with skipped numbers", []string{"version-step=3"}, zip, func(w *world, id string) { w.save(id, "b.md", "theirs") }, map[string]string{"b.md": "theirs"}, nil, nil},
		{"with the asset's version on every file", []string{"file-version=asset"}, zip, func(w *world, id string) { w.save(id, "b.md", "theirs") }, map[string]string{"b.md": "theirs"}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.quirks...)
			m := w.machine(skill(base))
			id := m.mustPush(assetsync.Created).AssetID
			tt.local(m)
			w.beforeWrite(func() { tt.foreign(w, id) })
			res := m.push(assetsync.PushOptions{})
			want := m.files()
			maps.Copy(want, tt.live)
			for _, p := range tt.gone {
				delete(want, p)
			}
			w.wantLive(id, want)
			var conflicts []string
			for _, c := range res.Conflicts {
				conflicts = append(conflicts, string(c.Path))
			}
			if !slices.Equal(conflicts, tt.conflicts) {
				t.Errorf("conflicts %v, want %v\n%s", conflicts, tt.conflicts, describe(res))
			}
			if (res.Error != nil) != (len(tt.conflicts) > 0) {
				t.Errorf("error %v with conflicts %v", res.Error, tt.conflicts)
			}
			before := w.wrote()
			again := m.push(assetsync.PushOptions{})
			if w.wrote() != before {
				t.Errorf("the next push wrote %q\n%s", w.writes(before), describe(again))
			}
			if len(again.Conflicts) != len(tt.conflicts) {
				t.Errorf("the next push sees conflicts %v, want %v", again.Conflicts, tt.conflicts)
			}
		})
	}
}

// TestDoubt loses answers in every way the emulator can.
func TestDoubt(t *testing.T) {
	changes := map[string]func(*machine){
		"file": func(m *machine) { m.write("a.md", "ours") },
		"new":  func(m *machine) { m.write("new.md", "ours") },
		"delete": func(m *machine) {
			m.rm("a.md")
		},
		"zip": func(m *machine) {
			for _, p := range []string{"a.md", "b.md", "c.md", "d.md"} {
				m.write(p, "ours")
			}
		},
		"metadata": func(m *machine) { m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}} },
	}
	ops := map[string]string{"file": "UpdateAssetFile", "new": "UpdateAsset", "delete": "DeleteAssetFile", "zip": "UpdateAsset", "metadata": "UpdateAsset"}
	for _, kind := range []string{"reset-before", "reset-after", "truncate", "not-json", "500", "late:3", "late:40"} {
		for name, change := range changes {
			t.Run(kind+" "+name, func(t *testing.T) {
				w := newWorld(t)
				m := w.machine(skill(map[string]string{"a.md": "a", "b.md": "b", "c.md": "c", "d.md": "d", "e.md": "e"}))
				id := m.mustPush(assetsync.Created).AssetID
				change(m)
				before := w.wrote()
				w.fault("op=" + ops[name] + ",kind=" + kind)
				m.mustPush(assetsync.Published)
				w.wantLive(id, m.files())
				if n := w.wrote() - before; n > 2 {
					t.Errorf("%d writes for one change and one doubt: %q", n, w.writes(before))
				}
				for range 60 { // let what is late come
					w.asset(id)
				}
				w.wantLive(id, m.files())
				m.wantQuiet()
			})
		}
	}
}

// TestLateEffectIsOurEcho lets a write that was given up come after newer
// local work was published.
func TestLateEffectIsOurEcho(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a"}))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "first")
	w.fault("op=UpdateAssetFile,kind=late:40")
	m.mustPush(assetsync.Published)
	m.write("a.md", "second")
	m.mustPush(assetsync.Published)
	for range 60 {
		w.asset(id)
	}
	if got := w.live(id, 0)["a.md"]; got != "first" {
		t.Fatalf("the late write has not come: %q", got)
	}
	res := m.mustPush(assetsync.Published)
	if len(res.Conflicts) > 0 {
		t.Errorf("our own echo is a conflict: %v", res.Conflicts)
	}
	w.wantLive(id, m.files())
}

func TestCreateIsNotRepeated(t *testing.T) {
	for _, kind := range []string{"reset-before", "reset-after", "truncate", "500", "late:2"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a"}))
			w.fault("op=CreateAsset,kind=" + kind)
			res := m.mustPush(assetsync.Created)
			w.wantLive(res.AssetID, m.files())
			for range 5 {
				w.asset(res.AssetID)
			}
			if got := strings.Count(strings.Join(w.writes(0), "\n"), "CreateAsset"); got != 1 {
				t.Errorf("%d assets were created", got)
			}
			m.wantQuiet()
		})
	}
}

// TestKilled ends a push at each of its calls, as a killed process does, and
// wants the next one to end in step with nothing written twice.
func TestKilled(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		for n := 1; ; n++ {
			done := false
			t.Run(fmt.Sprintf("%s call %d", when, n), func(t *testing.T) {
				w := newWorld(t)
				m := w.machine(skill(map[string]string{"a.md": "a", "b.md": "b", "c.md": "c", "d.md": "d", "e.md": "e", "f.md": "f"}))
				id := m.mustPush(assetsync.Created).AssetID
				m.write("a.md", "ours")
				m.write("new.md", "ours")
				m.rm("b.md")
				before := w.wrote()
				reached := m.pushAndDie(n, when == "after")
				done = !reached
				m.write("c.md", "later work")
				m.push(assetsync.PushOptions{})
				w.wantLive(id, m.files())
				if got := len(w.writes(before)); got > 4 {
					t.Errorf("%d writes for 4 changes: %q", got, w.writes(before))
				}
				m.wantQuiet()
				if diff := cmp.Diff(0, len(m.status().Conflicts)); diff != "" {
					t.Errorf("conflicts after a crash: %s", diff)
				}
			})
			if done || t.Failed() {
				break
			}
		}
	}
}

// TestOneVersion makes one version of what was saved together.
func TestOneVersion(t *testing.T) {
	tests := map[string]struct {
		change func(*machine)
		one    bool
		want   assetsync.Means
		made   int
	}{
		"two files, by calls":     {func(m *machine) { m.write("a.md", "2"); m.write("b.md", "2") }, false, assetsync.ByFiles, 2},
		"two files, one version":  {func(m *machine) { m.write("a.md", "2"); m.write("b.md", "2") }, true, assetsync.ByZip, 1},
		"one file":                {func(m *machine) { m.write("a.md", "2") }, true, assetsync.ByFiles, 1},
		"one comes, another goes": {func(m *machine) { m.write("c.md", "2"); m.rm("a.md") }, true, assetsync.ByZip, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "1", "b.md": "1", "x.md": "1", "y.md": "1"}))
			m.push(assetsync.PushOptions{})
			tt.change(m)
			res := m.push(assetsync.PushOptions{OneVersion: tt.one})
			if res.Published != tt.want || len(res.Versions) != tt.made {
				t.Errorf("published by %s in versions %v, want by %s in %d: %+v", res.Published, res.Versions, tt.want, tt.made, res.Error)
			}
		})
	}
}
