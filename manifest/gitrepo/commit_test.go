package gitrepo

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
)

func TestCommitSmoke(t *testing.T) {
	r := newRepo(t)
	r.write("skills/a/SKILL.md", "hello")
	r.write("skills/.gitignore", "*.log\n")
	r.write("skills/a/x.log", "hello")
	id := r.commit("y", "")
	w := find(t, r.dir)
	c, err := w.Commit(t.Context(), "HEAD", r.dir+"/skills/a", manifest.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := c.Snapshot().Tree.MarshalText()
	if d := cmp.Diff("100644 blob b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0 5\tSKILL.md\n", string(text)); d != "" || c.ID() != id {
		t.Error(d, c.ID())
	}
}
