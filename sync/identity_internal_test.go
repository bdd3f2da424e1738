package sync

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

// keptFiles is a [fileKeeper] in memory, opened at a time.
type keptFiles struct {
	files  map[string][]byte
	opened time.Time
}

func (k *keptFiles) Files(dir string) []byte           { return k.files[dir] }
func (k *keptFiles) KeepFiles(dir string, data []byte) { k.files[dir] = data }
func (k *keptFiles) Opened() time.Time                 { return k.opened }

func writeSkill(t *testing.T, file, name string) {
	t.Helper()
	if err := os.WriteFile(file, []byte("---\nname: "+name+"\ndescription: Look.\n---\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestLocalIdentity believes what is kept of a main file only while the file is as it was
// kept: what is planted shows when that is. Only systems that tell enough of a file
// believe anything.
func TestLocalIdentity(t *testing.T) {
	kind, _ := assettype.Lookup("skill")
	later := time.Now().Add(time.Hour)
	tests := []struct {
		name   string
		opened time.Time
		change func(t *testing.T, e *Engine, file string)
		want   string
	}{
		{"nothing changed", later, func(*testing.T, *Engine, string) {}, "planted"},
		{"another content", later, func(t *testing.T, _ *Engine, file string) { writeSkill(t, file, "two") }, "two"},
		{"a young file", time.Now(), func(*testing.T, *Engine, string) {}, "one"},
		{"no time is known", time.Time{}, func(*testing.T, *Engine, string) {}, "one"},
		{"line ends", later, func(_ *testing.T, e *Engine, _ string) {
			d := e.source.(directory)
			d.opts.Text = manifest.TextLF
			e.source = d
		}, "one"},
		{"another name in the config", later, func(_ *testing.T, e *Engine, _ string) {
			e.Target.Metadata = map[string]any{"name": "given"}
		}, "one"},
		{"no file", later, func(t *testing.T, _ *Engine, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "SKILL.md")
			writeSkill(t, file, "one")
			kept := &keptFiles{map[string][]byte{}, tt.opened}
			target := Target{Path: dir, Type: kind.Name}
			d := newDirectory(target, kind, remote.Edition20260608())
			d.kept = kept
			e := &Engine{Options: Options{Target: target}, kind: kind, source: d}
			if got := e.localIdentity(t.Context()); got != "one" {
				t.Fatalf("identity %q", got)
			}
			known, ok := e.identityKept()
			if !ok || known.identity != "one" || (known.state != "") != (tt.opened == later && stateIn(t, d) != "") {
				t.Fatalf("kept %+v, %t", known, ok)
			}
			known.identity = "planted"
			if known.state == "" {
				known.id = manifest.ID{1} // of no content: it is not asked by its id
				if tt.want == "planted" {
					if runtime.GOOS != "windows" {
						t.Fatal("the state of the file was not kept")
					}
					t.Skip("Windows does not tell enough of a file")
				}
			}
			e.keepIdentity(known)
			tt.change(t, e, file)
			if got := e.localIdentity(t.Context()); got != tt.want {
				t.Errorf("identity %q, want %q", got, tt.want)
			}
		})
	}
}

func stateIn(t *testing.T, d directory) string {
	t.Helper()
	root, err := d.open()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	return d.mainState(root)
}

// skipOnWindows ends a test that cannot be had there.
func skipOnWindows(t *testing.T, err error) {
	t.Helper()
	if runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// turning is a [keptFiles] that does something when it is asked for the first time, which
// is between the look at the main file and the reading of it.
type turning struct {
	keptFiles
	turn func()
}

func (k *turning) Files(name string) []byte {
	if turn := k.turn; turn != nil {
		k.turn = nil
		turn()
	}
	return k.keptFiles.Files(name)
}

// TestIdentityOfTurnedFile puts another main file in the place of the one that was looked
// at while it is read, and then takes it back.
func TestIdentityOfTurnedFile(t *testing.T) {
	kind, _ := assettype.Lookup("skill")
	tests := []struct {
		name              string
		begin, turn, back [][2]string // what is renamed, or with "->" before it linked to
	}{
		{"a link", [][2]string{{"->one.md", "a/SKILL.md"}}, [][2]string{{"->two.md", "a/SKILL.md"}}, [][2]string{{"->one.md", "a/SKILL.md"}}},
		{"the directory", [][2]string{{"a/one.md", "a/SKILL.md"}, {"b/two.md", "b/SKILL.md"}},
			[][2]string{{"a", "c"}, {"b", "a"}}, [][2]string{{"a", "b"}, {"c", "a"}}},
		{"the file", [][2]string{{"a/one.md", "a/SKILL.md"}},
			[][2]string{{"a/SKILL.md", "a/one.md"}, {"a/two.md", "a/SKILL.md"}}, [][2]string{{"a/SKILL.md", "a/two.md"}, {"a/one.md", "a/SKILL.md"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			top := t.TempDir()
			move := func(steps [][2]string) {
				for _, step := range steps {
					from, to := filepath.Join(top, step[0]), filepath.Join(top, step[1])
					if target, link := strings.CutPrefix(step[0], "->"); link {
						from = to + ".new"
						if err := os.Symlink(target, from); err != nil {
							skipOnWindows(t, err) // where not everybody may make links
						}
					}
					if err := os.Rename(from, to); err != nil {
						skipOnWindows(t, err) // where an open directory stays
					}
				}
			}
			for _, dir := range []string{"a", "b"} {
				if err := os.Mkdir(filepath.Join(top, dir), 0o755); err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{"one", "two"} {
					writeSkill(t, filepath.Join(top, dir, name+".md"), name)
				}
			}
			move(tt.begin)
			kept := &turning{keptFiles{map[string][]byte{}, time.Now().Add(time.Hour)}, func() { move(tt.turn) }}
			target := Target{Path: filepath.Join(top, "a"), Type: kind.Name}
			d := newDirectory(target, kind, remote.Edition20260608())
			d.kept = kept
			e := &Engine{Options: Options{Target: target}, kind: kind, source: d}
			first := e.localIdentity(t.Context())
			move(tt.back)
			if got := e.localIdentity(t.Context()); got != "one" {
				t.Errorf("identity %q at first, then %q, want one", first, got)
			}
		})
	}
}
