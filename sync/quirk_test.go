package sync_test

import (
	"fmt"
	"maps"
	"testing"

	"assetsync/remote/emulator"
	assetsync "assetsync/sync"
)

// TestQuirks walks one story under every reading of every item that nobody
// knows, alone and together with the most awkward ones: two machines and a
// person in the web app edit, add, delete; nothing of anybody's is lost and
// all end in step.
func TestQuirks(t *testing.T) {
	worlds := [][]string{nil}
	for _, q := range emulator.AllQuirks() {
		readings := q.Readings
		if len(readings) == 0 {
			readings = []string{"1", "2", "7"}
		}
		for _, reading := range readings {
			worlds = append(worlds, []string{q.Name + "=" + reading})
		}
	}
	worlds = append(worlds,
		[]string{"file-version=asset", "timestamps=seconds", "text-readback=bytes", "list-order=random", "page-size=1", "empty-pages=on"},
		[]string{"file-delete-version=keep", "file-create-version=keep", "timestamps=seconds", "create-existing=overwrite", "update-missing=create", "delete-missing=ok"},
		[]string{"version-step=5", "rewrite=extra-version", "list-lag=9", "version-order=oldest"},
		[]string{"file-delete-version=keep", "rewrite=frontmatter", "timestamps=frozen"},
		[]string{"read-zip=uploaded", "page-size=2", "version-step=2"},
		[]string{"missing-version=validation", "prune-versions=2", "file-create-version=keep"},
	)
	for _, quirks := range worlds {
		t.Run(fmt.Sprint(quirks), func(t *testing.T) {
			t.Parallel()
			story(t, quirks)
		})
	}
}

func story(t *testing.T, quirks []string) { storyWith(t, quirks, nil) }

// storyWith is story with answers of a probe on both machines.
func storyWith(t *testing.T, quirks, answers []string) { storyIn(t, newWorld(t, quirks...), answers) }

// storyIn is storyWith in a world that is new.
func storyIn(t *testing.T, w *world, answers []string) {
	one := w.machine(skill(map[string]string{"a.md": "a", "b.md": "b", "dir/c.md": "c", "d.md": "d", "e.md": "e", "f.md": "f", "g.md": "g"}))
	id := one.mustPush(assetsync.Created).AssetID
	one.wantQuiet()
	two := w.machine(nil)
	two.target.AssetID = id
	if answers != nil {
		one.tell(answers...)
		two.tell(answers...)
	}
	two.mustPull(assetsync.CheckedOut)
	two.wantQuiet()

	one.write("a.md", "one edits")
	one.mustPush(assetsync.Published)
	one.rm("b.md")
	one.mustPush(assetsync.Published)
	one.wantQuiet()
	two.mustPull(assetsync.CheckedOut)
	two.rm("g.md")
	two.write("new.md", "two adds")
	two.mustPush(assetsync.Published)
	w.save(id, "web.md", "the web adds")
	one.mustPull(assetsync.CheckedOut)
	for _, p := range []string{"a.md", "d.md", "e.md", "f.md"} {
		one.write(p, "one rewrites "+p)
	}
	w.save(id, "dir/c.md", "the web edits")
	res := one.mustPush(assetsync.Published)
	if res.Published != assetsync.ByZip {
		t.Errorf("published by %s\n%s", res.Published, describe(res))
	}
	one.mustPull(assetsync.CheckedOut)
	two.mustPull(assetsync.CheckedOut)
	one.wantQuiet()
	two.wantQuiet()

	want := map[string]string{
		"a.md": "one rewrites a.md", "d.md": "one rewrites d.md", "e.md": "one rewrites e.md", "f.md": "one rewrites f.md",
		"dir/c.md": "the web edits", "new.md": "two adds", "web.md": "the web adds",
	}
	for name, got := range map[string]map[string]string{"remote": w.live(id, 0), "one": one.files(), "two": two.files()} {
		got = maps.Clone(got)
		if got["SKILL.md"] == "" {
			t.Errorf("%s lost SKILL.md", name)
		}
		delete(got, "SKILL.md") // the service may rewrite it
		if !maps.Equal(got, want) {
			t.Errorf("%s holds %v, want %v", name, got, want)
		}
	}
}
