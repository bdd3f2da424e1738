package gitrepo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"assetsync/manifest"
)

// TestLineFollowsMoves follows what lies at "new/one" of the last commit back
// to where it came from.
func TestLineFollowsMoves(t *testing.T) {
	files := func(r repo, dir, main string) {
		r.write(dir+"/SKILL.md", main)
		r.write(dir+"/a.md", "a")
		r.write(dir+"/ref/b.md", "b")
	}
	tests := map[string]struct {
		story func(repo)
		path  string   // default new/one
		want  []string // the paths of the points, newest first
	}{
		"moved": {
			story: func(r repo) {
				files(r, "old/one", "1")
				r.commit("x", "1")
				r.write("new/keep", "")
				r.git("add", "-A")
				r.git("mv", "old/one", "new/one")
				r.commit("x", "2")
			},
			want: []string{"new/one", "old/one"},
		},
		"moved with what it lies in": {
			story: func(r repo) {
				files(r, "old/one", "1")
				r.commit("x", "1")
				r.git("mv", "old", "new")
				r.commit("x", "2")
			},
			want: []string{"new/one", "old/one"},
		},
		"copied, and removed later": {
			story: func(r repo) {
				files(r, "one", "1")
				r.commit("x", "1")
				files(r, "one", "2")
				r.commit("x", "2")
				files(r, "new/one", "2")
				r.commit("x", "3")
				r.git("rm", "-r", "-q", "one")
				r.commit("x", "4")
			},
			want: []string{"new/one", "one", "one"},
		},
		"moved and changed a little": {
			story: func(r repo) {
				files(r, "old/two", "1")
				r.commit("x", "1")
				r.git("mv", "old", "new")
				r.git("mv", "new/two", "new/one")
				r.write("new/one/SKILL.md", "2")
				r.commit("x", "2")
			},
			want: []string{"new/one", "old/two"},
		},
		"moved and mostly changed": {
			story: func(r repo) {
				files(r, "old/one", "1")
				r.commit("x", "1")
				r.git("mv", "old", "new")
				r.write("new/one/SKILL.md", "2")
				r.write("new/one/a.md", "2")
				r.commit("x", "2")
			},
			want: []string{"new/one", "new/one"},
		},
		"made of a copy that was changed": {
			story: func(r repo) {
				files(r, "old/one", "1")
				r.commit("x", "1")
				files(r, "new/one", "2")
				r.commit("x", "2")
			},
			want: []string{"new/one", "new/one"},
		},
		"the one that is gone, of two alike": {
			story: func(r repo) {
				files(r, "a/one", "1")
				files(r, "z/other", "1")
				r.commit("x", "1")
				r.git("mv", "z", "new")
				r.git("mv", "new/other", "new/one")
				r.commit("x", "2")
			},
			want: []string{"new/one", "z/other"},
		},
		"the one of the same name, of two alike": {
			story: func(r repo) {
				files(r, "a/other", "1")
				files(r, "z/one", "1")
				r.commit("x", "1")
				files(r, "new/one", "1")
				r.commit("x", "2")
			},
			want: []string{"new/one", "z/one"},
		},
		"away and back": {
			story: func(r repo) {
				files(r, "new/one", "1")
				r.commit("x", "1")
				r.git("mv", "new", "old")
				r.commit("x", "2")
				r.git("mv", "old", "new")
				r.commit("x", "3")
			},
			want: []string{"new/one", "old/one", "new/one"},
		},
		"out of the top directory": {
			story: func(r repo) {
				r.write("SKILL.md", "1")
				r.write("a.md", "a")
				r.git("add", "-A")
				r.git("commit", "-q", "-m", "x")
				r.write("new/keep", "")
				r.git("mv", "SKILL.md", "a.md", "new")
				r.git("mv", "new", "one")
				_ = os.Remove(filepath.Join(r.dir, "one/keep"))
				r.git("add", "-A")
				r.git("commit", "-q", "-m", "x")
			},
			path: "one",
			want: []string{"one", "."},
		},
		"a file": {
			story: func(r repo) {
				r.write("old.md", "text")
				r.write("same.md", "text")
				r.commit("x", "1")
				r.git("mv", "old.md", "new.md")
				r.commit("x", "2")
			},
			path: "new.md",
			want: []string{"new.md", "old.md"},
		},
		"a file that is like another by chance": {
			story: func(r repo) {
				r.write("old.md", "text")
				r.commit("x", "1")
				r.write("new.md", "text")
				r.commit("x", "2")
			},
			path: "new.md",
			want: []string{"new.md", "new.md"},
		},
		"a link is no directory": {
			story: func(r repo) {
				r.write("x", "1")
				if err := os.Symlink("nowhere", filepath.Join(r.dir, "old")); err != nil {
					r.t.Fatal(err)
				}
				r.commit("x", "1")
				files(r, "new/one", "1")
				r.commit("x", "2")
			},
			want: []string{"new/one", "new/one"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			tt.story(r)
			if tt.path == "" {
				tt.path = "new/one"
			}
			l := line(t, find(t, r.dir), "HEAD", tt.path, 0)
			var got []string
			for _, p := range l.Points {
				got = append(got, p.Path)
				if is := r.gitObjects([]string{p.Newest}, strings.TrimPrefix(p.Path, "."))[0]; is != p.Object {
					t.Errorf("%+v: git says %q", p, is)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("went along %q, want %q", got, tt.want)
			}
			if !l.Complete {
				t.Error("not complete")
			}
		})
	}
}

// TestLineMovesAreBounded goes on without an answer where there is too much to
// look into.
func TestLineMovesAreBounded(t *testing.T) {
	r := newRepo(t)
	for i := range 20 {
		r.write(fmt.Sprintf("many/d%02d/x", i), fmt.Sprint(i))
	}
	r.write("old/x", "1")
	r.commit("x", "1")
	r.git("mv", "old", "new")
	head := r.commit("x", "2")
	w := find(t, r.dir)
	for left, want := range map[int]int{5: 2, maxMoveTrees: 2} {
		err := w.withObjects(func(o *objects) error {
			id, err := parseObjectID(head)
			if err != nil {
				return err
			}
			walk := lineWalk{objects: o, path: "new", moves: moves{objects: o, left: left}}
			for range 2 {
				c, err := o.commit(id)
				if err == nil {
					err = walk.step(t.Context(), id, c)
				}
				if err != nil {
					return err
				}
				if len(c.parents) > 0 {
					id = c.parents[0]
				}
			}
			found := walk.line.Points[1].Path == "old"
			if len(walk.line.Points) != want || found != (left == maxMoveTrees) {
				t.Errorf("%d left: %+v", left, walk.line.Points)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLineOfRealMove follows a skill that was copied in one commit and removed
// at its old place in a later one.
func TestLineOfRealMove(t *testing.T) {
	bundle, err := filepath.Abs("../../../shared/realdata/aws-sample-skills.bundle")
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
	l := line(t, find(t, clone), "HEAD", "devops-agent-cn-management/china-incident-rca", 0)
	var paths []string
	for _, p := range l.Points {
		if p.Object != "" {
			paths = append(paths, p.Path)
		}
	}
	if want := []string{"devops-agent-cn-management/china-incident-rca", "china-incident-rca"}; !slices.Equal(paths, want) {
		t.Errorf("went along %q, want %q", paths, want)
	}
}

// TestPast reads commits of a clone without files: ids are enough, except of
// what decides which files there are.
func TestPast(t *testing.T) {
	origin := newRepo(t)
	origin.git("config", "uploadpack.allowFilter", "true")
	origin.write("s/SKILL.md", "1")
	first := origin.commit("s/a.md", "1")
	origin.write("s/ref/.assetsyncignore", "old.md\n")
	origin.write("s/ref/b.md", "1")
	if err := os.Symlink("ref/b.md", filepath.Join(origin.dir, "s/link.md")); err != nil {
		t.Fatal(err)
	}
	second := origin.commit("s/a.md", "2")
	r := origin.at(filepath.Join(t.TempDir(), "clone"))
	origin.git("clone", "-q", "--no-checkout", "--filter=blob:none", "file://"+origin.dir, r.dir)
	w := find(t, r.dir)
	past, whole := w.Past(), find(t, origin.dir).Past()
	for range 2 { // from the repository, and as remembered
		dir, fullDir := filepath.Join(r.dir, "s"), filepath.Join(origin.dir, "s")
		got, err := past.Commit(t.Context(), first, dir, manifest.ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want, err := whole.Commit(t.Context(), first, fullDir, manifest.ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Unknown) > 0 || !got.Tree.Equal(want.Tree) || want.Tree.Len() != 2 {
			t.Errorf("%v, unknown %v; want %v", got.Tree, got.Unknown, want.Tree)
		}
		for e := range got.Tree.All() {
			if e.Size != UnknownSize {
				t.Errorf("%s has size %d", e.Path, e.Size)
			}
		}
		got, err = past.Commit(t.Context(), second, dir, manifest.ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for path, unknown := range map[string]bool{"SKILL.md": false, "a.md": false, "link.md": true, "ref/b.md": true, "ref/c.md": true} {
			if got.Unknown.Has(manifest.Path(path)) != unknown {
				t.Errorf("%s is unknown: %v", path, !unknown)
			}
		}
	}
	// To be published there must be files.
	c, err := w.Commit(t.Context(), first, filepath.Join(r.dir, "s"), manifest.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Snapshot().Tree.Len() != 0 || len(c.Snapshot().Problems) != 2 {
		t.Errorf("%+v", c.Snapshot())
	}
}
