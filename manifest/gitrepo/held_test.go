package gitrepo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
)

// TestHeld looks for trees and files that commits have, had, and never had.
func TestHeld(t *testing.T) {
	r := newRepo(t)
	r.write("skills/one/SKILL.md", "one")
	r.write("skills/two/SKILL.md", "two")
	r.git("add", "-A")
	r.git("commit", "-qm", "first")
	first := strings.TrimSpace(r.git("rev-parse", "HEAD"))
	old := r.idOf("HEAD:skills/one")
	r.write("skills/one/SKILL.md", "one, changed")
	r.git("rm", "-q", "-r", "skills/two")
	r.git("add", "-A")
	r.git("commit", "-qm", "second")
	second := strings.TrimSpace(r.git("rev-parse", "HEAD"))
	now, file, gone, never := r.idOf("HEAD:skills/one"), r.idOf("HEAD:skills/one/SKILL.md"), r.idOf(first+":skills/two"), manifest.BlobID([]byte("never"))
	w := find(t, r.dir)
	tests := map[string]struct {
		ids  []manifest.ID
		max  int
		want map[manifest.ID]string
	}{
		"now":        {[]manifest.ID{now, file}, 10, map[manifest.ID]string{now: second, file: second}},
		"before":     {[]manifest.ID{old, gone, now, never}, 10, map[manifest.ID]string{old: first, gone: first, now: second}},
		"too far":    {[]manifest.ID{old, now}, 1, map[manifest.ID]string{now: second}},
		"never":      {[]manifest.ID{never}, 10, map[manifest.ID]string{}},
		"of nothing": {nil, 10, map[manifest.ID]string{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := w.Held(t.Context(), "HEAD", test.ids, test.max)
			if d := cmp.Diff(test.want, got); d != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, d)
			}
		})
	}
	if _, err := w.Held(t.Context(), "nope", []manifest.ID{now}, 10); err == nil {
		t.Error("no error for a revision that is not there")
	}
}

// idOf is the id of what a revision names.
func (r repo) idOf(rev string) manifest.ID {
	r.t.Helper()
	id, err := manifest.ParseID(strings.TrimSpace(r.git("rev-parse", rev)))
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}
