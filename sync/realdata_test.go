package sync_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

// realSkills is a git bundle of published skills, which lies beside the
// checkout where there is one.
const realSkills = "../../shared/realdata/aws-sample-skills.bundle"

// realSkillsClone clones the real skills, or skips the test.
func realSkillsClone(t *testing.T) string {
	t.Helper()
	bundle, err := filepath.Abs(realSkills)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(bundle); err != nil {
		t.Skip("no real skills beside the checkout")
	}
	clone := filepath.Join(t.TempDir(), "skills")
	if out, err := exec.Command("git", "clone", "-q", bundle, clone).CombinedOutput(); err != nil {
		t.Fatalf("clone: %v\n%s", err, out)
	}
	return clone
}

// TestRealSkills pushes each real skill, pushes again, deletes one reference,
// and brings each version back.
func TestRealSkills(t *testing.T) {
	clone := realSkillsClone(t)
	mains, err := fs.Glob(os.DirFS(clone), "*/SKILL.md")
	if err != nil {
		t.Fatal(err)
	}
	nested, err := fs.Glob(os.DirFS(clone), "*/*/SKILL.md")
	if err != nil {
		t.Fatal(err)
	}
	mains = append(mains, nested...)
	if len(mains) < 12 {
		t.Fatalf("found %d skills, want 12 or more", len(mains))
	}
	w := newWorld(t)
	for _, main := range mains {
		dir := filepath.Dir(main)
		t.Run(dir, func(t *testing.T) {
			w.t = t
			m := w.machine(nil)
			m.dir = filepath.Join(clone, dir)
			m.target.Name, m.target.Path, m.target.ConfigDir = dir, m.dir, clone
			id := m.mustPush(assetsync.Created).AssetID
			versions := []map[string]string{m.files()}
			w.wantLive(id, versions[0])
			m.wantQuiet()
			if reference := oneReference(m.files()); reference != "" {
				m.rm(reference)
				before := w.wrote()
				m.mustPush(assetsync.Published)
				if got := fmt.Sprint(w.writes(before)); got != "[DeleteAssetFile "+reference+"]" {
					t.Errorf("deleting %s took %s", reference, got)
				}
				versions = append(versions, m.files())
			}
			for i, want := range versions {
				out := &machine{world: w, dir: filepath.Join(t.TempDir(), "out")}
				m.engine(func(e *assetsync.Engine) {
					if res := e.Export(t.Context(), int32(i+1), out.dir); res.Error != nil {
						t.Fatal(describe(res))
					}
				})
				if got := out.files(); !maps.Equal(got, want) {
					t.Errorf("version %d comes back with %d files, want %d equal ones", i+1, len(got), len(want))
				}
			}
		})
	}
}

func oneReference(files map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(name, "references/") {
			return name
		}
	}
	return ""
}
