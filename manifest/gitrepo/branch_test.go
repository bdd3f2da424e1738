package gitrepo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func onBranch(t testing.TB, w *Worktree, branch string) bool {
	t.Helper()
	on, err := w.OnBranch(t.Context(), state(t, w), branch)
	if err != nil {
		t.Fatal(err)
	}
	return on
}

func TestOnBranch(t *testing.T) {
	r := newRepo(t)
	w := find(t, r.dir)
	if !onBranch(t, w, "main") {
		t.Error("a branch without commits is not itself")
	}
	first := r.commit("x", "1")
	second := r.commit("x", "2")
	r.git("checkout", "-q", "-b", "feature")
	third := r.commit("x", "3")
	r.git("update-ref", "refs/remotes/origin/main", second)
	r.git("update-ref", "refs/remotes/up/stream/main", third) // no remote's main
	r.git("update-ref", "refs/remotes/fork/release", third)
	tests := []struct {
		name, head, branch string
		want               bool
	}{
		{"on it", "main", "main", true},
		{"ahead of it", "feature", "main", false},
		{"its tip, detached", second, "main", true},
		{"behind it, detached", first, "main", true},
		{"another branch, behind it", "main", "feature", true},
		{"only a remote has it", first, "release", true},
		{"the tip of a remote's", third, "release", true},
	}
	for _, packed := range []bool{false, true} {
		if packed {
			r.git("pack-refs", "--all")
			r.git("gc", "-q")
		}
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s, packed %v", tt.name, packed), func(t *testing.T) {
				r.git("checkout", "-q", tt.head)
				for range 2 { // the second answer is remembered
					if got := onBranch(t, w, tt.branch); got != tt.want {
						t.Errorf("on %s: %v", tt.branch, got)
					}
				}
			})
		}
	}
	// The remembered answer goes with the tips.
	r.git("checkout", "-q", "feature")
	if onBranch(t, w, "main") {
		t.Error("feature is on main")
	}
	r.git("update-ref", "refs/remotes/origin/main", third)
	if !onBranch(t, w, "main") {
		t.Error("feature is not on main after it was merged")
	}
	for _, branch := range []string{"mian", "../main", "", "a..b", "refs/heads/main"} {
		on, err := w.OnBranch(t.Context(), state(t, w), branch)
		if on || err == nil {
			t.Errorf("branch %q: %v, %v", branch, on, err)
		}
		if branch == "mian" {
			wantHint(t, err, ErrNoRevision, "git fetch origin mian")
		}
	}
}

func TestIsAncestor(t *testing.T) {
	r := newRepo(t)
	w := find(t, r.dir)
	first, second := r.commit("x", "1"), r.commit("x", "2")
	r.git("checkout", "-q", "-b", "feature", first)
	other := r.commit("x", "3")
	tests := []struct {
		commit, of string
		want       bool
	}{
		{first, first, true}, {first, second, true}, {first, other, true},
		{second, first, false}, {second, other, false}, {other, second, false},
	}
	for _, tt := range tests {
		if got, err := w.IsAncestor(t.Context(), tt.commit, tt.of); err != nil || got != tt.want {
			t.Errorf("%s of %s: %v, %v", tt.commit, tt.of, got, err)
		}
	}
	if _, err := w.IsAncestor(t.Context(), "HEAD", first); err == nil {
		t.Error("HEAD is no id")
	}
	if _, err := w.IsAncestor(t.Context(), strings.Repeat("1", 40), first); !errors.Is(err, ErrObjectMissing) {
		t.Errorf("a commit that is not there: %v", err)
	}
}

// wantHint checks an error that callers recognise and people can act upon.
func wantHint(t testing.TB, err, want error, hint string) {
	t.Helper()
	var hinted interface{ Hint() string }
	if !errors.Is(err, want) || !errors.As(err, &hinted) || !strings.Contains(hinted.Hint(), hint) {
		t.Errorf("error %v, want %v with a hint on %q", err, want, hint)
	}
}

// TestOnBranchAgreesWithGit asks of random histories, with clocks that run
// backwards, what git merge-base answers.
func TestOnBranchAgreesWithGit(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			r := newRepo(t)
			tree := r.git("write-tree")
			var ids []string
			for i := range 40 {
				args := []string{"commit-tree", tree, "-m", fmt.Sprint(i)}
				for range min(i, 1+rnd.IntN(2)) {
					args = append(args, "-p", ids[max(0, i-1-rnd.IntN(6))])
				}
				ids = append(ids, r.gitAt(1_700_000_000+rnd.IntN(5000), args...))
			}
			w := find(t, r.dir)
			yes := 0
			for range 60 {
				head, tip, other := ids[rnd.IntN(len(ids))], ids[rnd.IntN(len(ids))], ids[rnd.IntN(len(ids))]
				r.git("update-ref", "refs/heads/main", tip)
				r.git("update-ref", "refs/remotes/origin/main", other)
				_, err1 := r.try("merge-base", "--is-ancestor", head, tip)
				_, err2 := r.try("merge-base", "--is-ancestor", head, other)
				want := err1 == nil || err2 == nil
				got, err := w.OnBranch(t.Context(), State{Head: head}, "main")
				if err != nil || got != want {
					t.Fatalf("%s on %s, %s: %v, %v, want %v", head, tip, other, got, err, want)
				}
				if want {
					yes++
				}
			}
			if yes < 10 || yes > 50 {
				t.Errorf("%d of 60 are on the branch: the histories test too little", yes)
			}
		})
	}
}

func TestOnBranchShallow(t *testing.T) {
	origin := newRepo(t)
	for i := range 6 {
		origin.commit("x", fmt.Sprint(i))
	}
	origin.git("tag", "old", "HEAD~5")
	origin.git("tag", "near", "HEAD~1")
	clone := origin.at(filepath.Join(t.TempDir(), "clone"))
	origin.git("clone", "-q", "--depth", "3", "file://"+origin.dir, clone.dir)
	clone.git("fetch", "-q", "--depth", "1", "origin", "tag", "old")
	clone.git("fetch", "-q", "--depth", "3", "origin", "tag", "near")
	w := find(t, clone.dir)
	clone.git("checkout", "-q", "near")
	if !onBranch(t, w, "main") {
		t.Error("what is there does not tell")
	}
	clone.git("checkout", "-q", "old")
	on, err := w.OnBranch(t.Context(), state(t, w), "main")
	if on {
		t.Error("a guess")
	}
	wantHint(t, err, ErrShallow, "fetch-depth: 0")
	clone.git("fetch", "-q", "--unshallow")
	if !onBranch(t, w, "main") {
		t.Error("not on main although all is there")
	}
	// The history of one tip is cut where HEAD's is, that of another is whole.

	half := origin.at(filepath.Join(t.TempDir(), "half"))
	origin.git("clone", "-q", "--depth", "1", "file://"+origin.dir, half.dir)
	half.git("update-ref", "refs/remotes/other/main", half.gitAt(1000, "commit-tree", "-m", "x", "main^{tree}"))
	half.git("update-ref", "HEAD", half.gitAt(2_000_000_000, "commit-tree", "-m", "y", "-p", "main", "main^{tree}"))
	half.git("checkout", "-q", "--detach")
	half.git("update-ref", "refs/heads/main", "HEAD~")
	if onBranch(t, find(t, half.dir), "main") {
		t.Error("a commit ahead of all tips is on main")
	}
	// Ahead of a cut history: all that it could lead back to is behind.
	shallow := origin.at(filepath.Join(t.TempDir(), "shallow"))
	origin.git("clone", "-q", "--depth", "2", "file://"+origin.dir, shallow.dir)
	shallow.git("checkout", "-q", "-b", "feature")
	shallow.commit("x", "new")
	if onBranch(t, find(t, shallow.dir), "main") {
		t.Error("a commit ahead of main is on main")
	}
}

func TestOnBranchOfBorrowedObjects(t *testing.T) {
	origin := newRepo(t)
	first := origin.commit("x", "1")
	origin.commit("x", "2")
	dir := t.TempDir()
	one, two := origin.at(filepath.Join(dir, "one")), origin.at(filepath.Join(dir, "two"))
	origin.git("clone", "-q", "--shared", origin.dir, one.dir)
	one.commit("y", "1")
	one.git("clone", "-q", "--shared", one.dir, two.dir)
	two.git("checkout", "-q", "--detach", first)
	if !onBranch(t, find(t, two.dir), "main") {
		t.Error("not on main")
	}
	// A circle, and one by a relative path that go-git takes for absolute.
	for _, circle := range []string{filepath.Join(two.dir, ".git", "objects") + "\n# no path\n/none\n../objects\n", "objects\n"} {
		origin.write(".git/objects/info/alternates", circle)
		w := find(t, origin.dir)
		if on, err := w.OnBranch(t.Context(), State{Head: strings.Repeat("12", 20)}, "main"); on || !errors.Is(err, ErrObjectMissing) {
			t.Errorf("%q: %v, %v", circle, on, err)
		}
	}
}

// Files are open only while an object is read, or somebody holds them open.
func TestNoOpenFilesBetweenCalls(t *testing.T) {
	const fds = "/proc/self/fd"
	if _, err := os.Stat(fds); err != nil {
		t.Skip("only Linux tells")
	}
	r := newRepo(t)
	first := r.commit("x", "1")
	r.commit("x", "2")
	r.git("repack", "-q", "-a", "-d")
	w := find(t, r.dir)
	count := func() int {
		entries, err := os.ReadDir(fds)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range entries {
			if target, _ := os.Readlink(filepath.Join(fds, e.Name())); strings.HasPrefix(target, r.dir) {
				n++
			}
		}
		return n
	}
	ask := func(open bool) {
		t.Helper()
		w.ancestry = ancestryAnswer{}
		if on, err := w.OnBranch(t.Context(), State{Head: first}, "main"); !on || err != nil {
			t.Fatal(on, err)
		}
		if n := count(); n > 0 != open {
			t.Errorf("%d files are open", n)
		}
	}
	for range 3 {
		ask(false)
	}
	one, two := w.Hold(), w.Hold()
	ask(true)
	if err := one(); err != nil {
		t.Error(err)
	}
	ask(true)
	if err := two(); err != nil {
		t.Error(err)
	}
	if n := count(); n > 0 {
		t.Errorf("%d files are open", n)
	}
	ask(false)
}
