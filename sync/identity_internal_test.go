package sync

import (
	"os"
	"path/filepath"
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

// TestLocalIdentity believes what is kept of a main file only while the file is as it was
// kept: what is planted shows when that is. Only systems that tell enough of a file
// believe anything.
func TestLocalIdentity(t *testing.T) {
	kind, _ := assettype.Lookup("skill")
	write := func(t *testing.T, file, name string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("---\nname: "+name+"\ndescription: Look.\n---\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	later := time.Now().Add(time.Hour)
	tests := []struct {
		name   string
		opened time.Time
		change func(t *testing.T, e *Engine, file string)
		want   string
	}{
		{"nothing changed", later, func(*testing.T, *Engine, string) {}, "planted"},
		{"another content", later, func(t *testing.T, _ *Engine, file string) { write(t, file, "two") }, "two"},
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
			write(t, file, "one")
			kept := &keptFiles{map[string][]byte{}, tt.opened}
			target := Target{Path: dir, Type: kind.Name}
			d := newDirectory(target, kind, remote.Edition20260608())
			d.kept = kept
			e := &Engine{Options: Options{Target: target}, kind: kind, source: d}
			if got := e.localIdentity(t.Context()); got != "one" {
				t.Fatalf("identity %q", got)
			}
			known, ok := e.identityKept()
			if !ok || known.identity != "one" || (known.state != "") != (tt.opened == later && d.mainState() != "") {
				t.Fatalf("kept %+v, %t", known, ok)
			}
			known.identity = "planted"
			if known.state == "" {
				known.id = manifest.ID{1} // of no content: it is not asked by its id
				if tt.want == "planted" {
					t.Skip("the system does not tell enough of a file")
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
