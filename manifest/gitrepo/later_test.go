package gitrepo

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func later(t testing.TB, w *Worktree, rev, path string, max int) []Point {
	t.Helper()
	points, err := w.Later(t.Context(), rev, filepath.Join(w.Top(), filepath.FromSlash(path)), max)
	if err != nil {
		t.Fatal(err)
	}
	return points
}

// TestLaterAgreesWithGit asks for the descendants of random commits.
func TestLaterAgreesWithGit(t *testing.T) {
	asked, joined, forked := 0, 0, 0
	for seed := range uint64(3) {
		rnd := rand.New(rand.NewPCG(seed, 6))
		r := newRepo(t)
		ids := randomHistory(t, r, rnd, 60, seed > 0)
		for i := range 6 {
			r.git("update-ref", []string{"refs/heads/", "refs/heads/f/", "refs/remotes/origin/"}[i%3]+fmt.Sprint(i), ids[30+rnd.IntN(30)])
		}
		r.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/2")
		r.git("symbolic-ref", "refs/remotes/gone/HEAD", "refs/remotes/gone/main")
		r.git("update-ref", "refs/tags/no-branch", ids[59])
		if seed > 1 {
			r.git("pack-refs", "--all")
			r.git("update-ref", "refs/heads/0", ids[59])
		}
		w := find(t, r.dir)
		for range 12 {
			rev := ids[rnd.IntN(50)]
			asked++
			joins, forks := checkLater(t, r, w, rev, []string{"s/eks", "s", "top"}[rnd.IntN(3)])
			joined, forked = joined+joins, forked+forks
		}
	}
	if joined < 20 || forked < 5 {
		t.Errorf("%d commits in a run with others, %d runs that fork, of %d questions: they test too little", joined, forked, asked)
	}
}

// checkLater compares with what git says of commits, one by one.
func checkLater(t *testing.T, r repo, w *Worktree, rev, path string) (joined, forked int) {
	t.Helper()
	onLine := map[string]bool{}
	for _, id := range strings.Fields(r.git("rev-list", "--first-parent", "--branches", "--remotes")) {
		onLine[id] = true
	}
	var commits []string
	at, first, parents := map[string]string{}, map[string]string{}, map[string][]string{}
	for line := range strings.Lines(r.git("rev-list", "--parents", "--timestamp", "--branches", "--remotes")) {
		f := strings.Fields(line)
		at[f[1]], parents[f[1]] = f[0], f[2:]
		if len(f) > 2 {
			first[f[1]] = f[2]
		}
	}
	for _, id := range strings.Fields(r.git("rev-list", "--ancestry-path", "--branches", "--remotes", "^"+rev)) {
		if onLine[id] {
			commits = append(commits, id)
		}
	}
	object := map[string]string{}
	if len(commits) > 0 {
		for i, o := range r.gitObjects(commits, path) {
			object[commits[i]] = o
		}
	}
	oldest := func(id string) string {
		for {
			before, ok := object[first[id]]
			if !ok || before != object[id] {
				return id
			}
			id = first[id]
		}
	}
	want, got := map[string]string{}, map[string]string{}
	hasChild := map[string]bool{} // in its run
	for _, id := range commits {
		want[oldest(id)] = object[id]
		if id != oldest(id) {
			joined++
			if hasChild[first[id]] {
				forked++
			}
			hasChild[first[id]] = true
		}
	}
	points := later(t, w, rev, path, 0)
	for i, p := range points {
		got[p.Commit] = p.Object
		if oldest(p.Newest) != p.Commit {
			t.Errorf("%s: the newest is of another run", p.Commit)
		}
		if want := at[p.Commit]; want != fmt.Sprint(p.At.Unix()) {
			t.Errorf("%s: at %v, want %s", p.Commit, p.At, want)
		}
		for _, after := range points[i+1:] {
			if reaches(parents, after.Newest, p.Newest) {
				t.Errorf("%s is before its descendant %s", p.Newest, after.Newest)
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" || len(points) != len(want) {
		t.Errorf("later than %s, %d points (-want +got):\n%s", rev, len(points), d)
	}
	return joined, forked
}

func reaches(parents map[string][]string, from, to string) bool {
	for _, p := range parents[from] {
		if p == to || reaches(parents, p, to) {
			return true
		}
	}
	return false
}

func TestLater(t *testing.T) {
	r := newRepo(t)
	one := r.commit("s/x", "1")
	two := r.commit("s/x", "2")
	same := r.commit("y", "2")
	r.git("checkout", "-q", "-b", "feature", one)
	feature := r.commit("s/x", "3")
	r.git("checkout", "-q", "main")
	r.git("merge", "-q", "-s", "ours", "feature", "-m", "merge")
	merge := r.git("rev-parse", "HEAD")
	w := find(t, r.dir)
	commits := func(points []Point) (ids []string) {
		for _, p := range points {
			ids = append(ids, p.Commit+" "+p.Newest)
		}
		return ids
	}
	for _, tt := range []struct {
		name, rev string
		max       int
		want      []string
	}{
		{"the tip", "main", 0, nil},
		{"before it", two, 0, []string{same + " " + merge}},
		{"at most one", one, 1, []string{merge + " " + merge}},
		{"only by the second parent", feature, 0, []string{merge + " " + merge}},
	} {
		if d := cmp.Diff(tt.want, commits(later(t, w, tt.rev, "s", tt.max))); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
	all := commits(later(t, w, one, "s", 0))
	if len(all) != 2 || all[0] != two+" "+merge || all[1] != feature+" "+feature {
		t.Errorf("of the first: %v", all)
	}
}

func TestLaterShallow(t *testing.T) {
	origin := newRepo(t)
	for i := range 8 {
		origin.commit("s/x", fmt.Sprint(i))
	}
	origin.git("branch", "side", "HEAD~1")
	r := origin.at(filepath.Join(t.TempDir(), "clone"))
	origin.git("clone", "-q", "--depth", "4", "--single-branch", "file://"+origin.dir, r.dir)
	w := find(t, r.dir)
	for rev, want := range map[string]int{"main": 0, "main~1": 1, "main~3": 3} {
		if got := later(t, w, rev, "s", 0); len(got) != want {
			t.Errorf("later than %s: %v, want %d", rev, got, want)
		}
	}
	// What is known is told, and that there may be more.
	old := origin.git("rev-parse", "main~6")
	r.git("fetch", "-q", "--depth", "1", "origin", old)
	points, err := w.Later(t.Context(), old, r.dir, 0)
	wantHint(t, err, ErrShallow, "fetch-depth: 0")
	if len(points) != 0 {
		t.Errorf("%v", points)
	}
	r.git("update-ref", "refs/heads/new", r.git("commit-tree", "-m", "x", "-p", old, "main^{tree}"))
	points, err = w.Later(t.Context(), old, r.dir, 0)
	if !errors.Is(err, ErrShallow) || len(points) != 1 || points[0].Commit != r.git("rev-parse", "new") {
		t.Errorf("%v, %v", points, err)
	}
	r.git("fetch", "-q", "--unshallow")
	if got := later(t, w, old, "s", 0); len(got) != 7 {
		t.Errorf("all is there: %v", got)
	}
}

func TestLaterOfDamagedRefs(t *testing.T) {
	r := newRepo(t)
	first := r.commit("s/x", "1")
	r.commit("s/x", "2")
	r.write(".git/refs/heads/main.lock", "")
	r.write(".git/refs/heads/.hidden", "rubbish")
	w := find(t, r.dir)
	if got := later(t, w, first, "s", 0); len(got) != 1 {
		t.Errorf("%v", got)
	}
	r.write(".git/refs/heads/missing", someID+"\n")
	if _, err := w.Later(t.Context(), first, r.dir, 0); !errors.Is(err, ErrObjectMissing) || !strings.Contains(err.Error(), "refs/heads/missing") {
		t.Error(err)
	}
}
