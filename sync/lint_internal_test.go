package sync

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

// keeper is a [fileKeeper] in memory.
type keeper map[string][]byte

func (k keeper) Files(name string) []byte           { return k[name] }
func (k keeper) KeepFiles(name string, data []byte) { k[name] = data }
func (k keeper) Opened() time.Time                  { return time.Time{} }

// TestLintReadsWhatChanged takes a file away that was looked at before: it is missed only
// where what is kept is damaged.
func TestLintReadsWhatChanged(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"SKILL.md": "---\nname: a\ndescription: b\n---\n[b](b.md#one)\n", "b.md": "# One\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kind, _ := assettype.Lookup(assettype.Skill)
	kept := keeper{}
	source := newDirectory(Target{Path: dir}, kind, remote.Edition20260608())
	source.kept = kept
	snap, err := source.scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lint := func() error {
		r := &run{Engine: &Engine{Options: Options{Target: Target{Metadata: map[string]any{"agent_types": []any{"GENERIC"}}}}, kind: kind, source: source}}
		return r.lint(t.Context(), snap)
	}
	if err := lint(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "b.md")); err != nil {
		t.Fatal(err)
	}
	if err := lint(); err != nil {
		t.Errorf("a file that did not change is read: %v", err)
	}
	for name := range kept {
		if _, err := os.Lstat(name); err != nil {
			t.Errorf("what is kept of the directory goes: %v", err)
		}
		kept[name] = append([]byte{0}, kept[name]...)
	}
	if err := lint(); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, manifest.ErrChanged) {
		t.Errorf("what is damaged is believed: %v", err)
	}
}
