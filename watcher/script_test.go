package watcher

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestScripts does what editors and tools do and compares the batches, with
// events and with polling.
func TestScripts(t *testing.T) {
	start := map[string]string{"f": "old", "g": "old", "d/a": "a", "d/e/b": "b"}
	for _, test := range []struct {
		name string
		do   func(r *rig)
		want string
	}{
		{"write in place", func(r *rig) { r.write("f", "new!") }, "*f"},
		{"new file", func(r *rig) { r.write("n", "new") }, "+n"},
		{"empty directory", func(r *rig) { r.mkdir("n/m") }, ""},
		{"remove", func(r *rig) { r.remove("f") }, "-f"},
		{"made and removed", func(r *rig) { r.write("n", "new"); r.remove("n") }, ""},
		{"removed and made", func(r *rig) { r.remove("f"); r.write("f", "new!") }, "*f"},
		{"vim with backupcopy=no", func(r *rig) {
			r.write(".f.swp", "swap")
			r.write("4913", "")
			r.remove("4913")
			r.rename("f", "f~")
			r.write("f", "new!")
			r.chmod("f", 0o644)
			r.remove("f~")
			r.remove(".f.swp")
		}, "*f"},
		{"vim with backupcopy=yes", func(r *rig) {
			r.write(".f.swp", "swap")
			r.write("f~", "old")
			r.write("f", "new!")
			r.remove("f~")
			r.remove(".f.swp")
		}, "*f"},
		{"emacs", func(r *rig) {
			r.link("user@host.1:2", ".#f")
			r.write("#f#", "auto-save")
			r.rename("f", "f~")
			r.write("f", "new!")
			r.remove("#f#")
			r.remove(".#f")
		}, "*f"},
		{"VS Code in place", func(r *rig) {
			file, err := os.OpenFile(r.path("f"), os.O_WRONLY|os.O_TRUNC, 0)
			r.must(err)
			_, err = file.WriteString("new!")
			r.must(err)
			r.must(file.Close())
		}, "*f"},
		{"VS Code atomic", func(r *rig) { r.write("f.vsctmp", "new!"); r.rename("f.vsctmp", "f") }, "*f"},
		{"JetBrains", func(r *rig) {
			r.write("f___jb_tmp___", "new!")
			r.rename("f", "f___jb_old___")
			r.rename("f___jb_tmp___", "f")
			r.remove("f___jb_old___")
		}, "*f"},
		{"sed -i", func(r *rig) { r.write("sedx1y2z3", "new!"); r.rename("sedx1y2z3", "f") }, "*f"},
		{"rename over", func(r *rig) { r.rename("g", "f") }, "*f -g"},
		{"rename", func(r *rig) { r.rename("f", "h") }, "-f +h"},
		{"chmod", func(r *rig) {
			if r.h.Health().Mode == Native {
				r.chmod("f", 0o755)
			}
		}, ""},
		{"mv of a tree in", func(r *rig) {
			other := *r
			other.dir = tempDir(r.T)
			other.write("x/y/z", "z")
			other.write("x/w", "w")
			r.must(os.Rename(other.path("x"), r.path("x")))
		}, "+x/w +x/y/z"},
		{"mv of a tree out", func(r *rig) { r.must(os.Rename(r.path("d"), tempDir(r.T)+"/d")) }, "-d/a -d/e/b"},
		{"mv of a tree within", func(r *rig) { r.rename("d", "c") }, "+c/a +c/e/b -d/a -d/e/b"},
		{"mv of a tree and a save under the new name", func(r *rig) {
			r.rename("d", "c")
			r.write("c/e/n", "new")
		}, "+c/a +c/e/b +c/e/n -d/a -d/e/b"},
		{"a tree swapped for another", func(r *rig) {
			r.write("n/a", "other")
			r.rename("d", "o")
			r.rename("n", "d")
			r.removeAll("o")
		}, "*d/a -d/e/b"},
		{"rm -rf", func(r *rig) { r.removeAll("d") }, "-d/a -d/e/b"},
		{"rm -rf and made again", func(r *rig) {
			r.removeAll("d")
			r.write("d/a", "again")
			r.write("d/c", "c")
		}, "*d/a +d/c -d/e/b"},
		{"mkdir -p and a write at once", func(r *rig) { r.write("1/2/3/4/5/6/7/8/n", "new") }, "+1/2/3/4/5/6/7/8/n"},
		{"cp -r", func(r *rig) {
			for _, name := range []string{"a", "e/b", "e/c", "z"} {
				r.write("copy/"+name, name)
			}
		}, "+copy/a +copy/e/b +copy/e/c +copy/z"},
		{"a file where a directory was", func(r *rig) { r.removeAll("d"); r.write("d", "file") }, "+d -d/a -d/e/b"},
		{"a directory where a file was", func(r *rig) { r.remove("f"); r.write("f/n", "new") }, "-f +f/n"},
		{"a name with a line end", func(r *rig) { r.write("a\nb", "odd") }, "+a\nb"},
		{"ignored", func(r *rig) { r.write(".idea/x", "x"); r.write(".git/HEAD", "x"); r.write("f.swp", "x") }, ""},
	} {
		for _, mode := range []Mode{Native, Poll} {
			t.Run(test.name+"/"+string(mode), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, start, Root{Mode: mode})
				test.do(r)
				want := []string{test.want}
				if test.want == "" {
					want = nil
				}
				r.wantBatches(r.h, want...)
				if mode == Native {
					// The watches are right afterwards: a new file anywhere is seen.
					r.write("d2/late", "late")
					r.wantBatches(r.h, "+d2/late")
				}
			})
		}
	}
}

// TestGitCheckout goes to another branch and back with a real git.
func TestGitCheckout(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	for _, mode := range []Mode{Native, Poll} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			dir := tempDir(t)
			git := func(args ...string) {
				t.Helper()
				cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=n", "-c", "user.email=e", "-c", "core.hooksPath=/dev/null"}, args...)...)
				cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
				}
			}
			files := rig{T: t, dir: dir}
			git("init", "-q", "-b", "main")
			files.write("same", "same")
			files.write("changes", "1")
			files.write("gone/deep/file", "1")
			git("add", ".")
			git("commit", "-qm", "1")
			git("checkout", "-qb", "other")
			files.write("changes", "22")
			files.write("new/deep/file", "2")
			files.removeAll("gone")
			git("add", ".")
			git("commit", "-qm", "2")
			r := newRig(t, nil, Root{Dir: dir, Mode: mode})
			git("checkout", "-q", "main")
			r.wantBatches(r.h, "*changes +gone/deep/file -new/deep/file")
			git("checkout", "-q", "other")
			r.wantBatches(r.h, "*changes -gone/deep/file +new/deep/file")
			if mode == Native {
				r.wantWatched(".", "new", "new/deep")
			}
		})
	}
}
