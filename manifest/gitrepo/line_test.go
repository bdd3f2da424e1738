package gitrepo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// gitObjects asks git for what lies at a path of some commits, through links.
func (r repo) gitObjects(commits []string, path string) []string {
	r.t.Helper()
	var in strings.Builder
	for _, c := range commits {
		fmt.Fprintf(&in, "%s:%s\n", c, path)
	}
	cmd := exec.CommandContext(r.t.Context(), "git", "cat-file", "--batch-check=%(objectname)", "--follow-symlinks")
	cmd.Dir, cmd.Env, cmd.Stdin = r.dir, r.environment(), strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatal(err)
	}
	var ids []string
	for lines := bufio.NewReader(strings.NewReader(string(out))); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return ids
		}
		line = strings.TrimSuffix(line, "\n")
		kind, size, several := strings.Cut(line, " ")
		switch {
		case !several:
			ids = append(ids, line)
			continue
		case strings.HasSuffix(line, " missing"):
		case kind == "symlink" || kind == "dangling" || kind == "loop" || kind == "notdir":
			n, err := strconv.Atoi(size)
			if err != nil {
				r.t.Fatal(line)
			}
			if _, err := io.CopyN(io.Discard, lines, int64(n)+1); err != nil {
				r.t.Fatal(err)
			}
		default:
			r.t.Fatalf("git cat-file says %q", line)
		}
		ids = append(ids, "")
	}
}

// gitLine is what Line is to find, from git itself, without moves.
func (r repo) gitLine(rev, path string, max int) Line {
	r.t.Helper()
	args := []string{"rev-list", "--first-parent", "--timestamp"}
	if path == "" {
		path = "."
	}
	all := strings.Split(r.git(append(args, rev)...), "\n")
	l := Line{Complete: len(all) <= max && r.git("rev-parse", "--is-shallow-repository") == "false"}
	all = all[:min(len(all), max)]
	var commits []string
	var times []time.Time
	for _, line := range all {
		at, id, _ := strings.Cut(line, " ")
		seconds, _ := strconv.ParseInt(at, 10, 64)
		commits, times = append(commits, id), append(times, time.Unix(seconds, 0).UTC())
	}
	for i, object := range r.gitObjects(commits, strings.TrimPrefix(path, ".")) {
		if i == 0 || l.Points[len(l.Points)-1].Object != object {
			l.Points = append(l.Points, Point{Path: path, Newest: commits[i], Object: object})
		}
		p := &l.Points[len(l.Points)-1]
		p.Commit, p.At = commits[i], times[i]
	}
	return l
}

func line(t testing.TB, w *Worktree, rev, path string, max int) Line {
	t.Helper()
	l, err := w.Line(t.Context(), rev, filepath.Join(w.Top(), filepath.FromSlash(path)), max)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestLineAgreesWithGit follows paths through random histories, loose and
// packed, of linked worktrees, too.
func TestLineAgreesWithGit(t *testing.T) {
	points, absent, moves := 0, 0, 0
	for seed := range uint64(3) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		r := newRepo(t)
		ids := randomHistory(t, r, rnd, 120, seed > 0)
		r.git("update-ref", "refs/heads/main", ids[119])
		linked := r.at(filepath.Join(t.TempDir(), "linked"))
		r.git("worktree", "add", "-q", "--detach", "--no-checkout", linked.dir, ids[118])
		for _, dir := range []string{r.dir, linked.dir} {
			r, w := r.at(dir), find(t, dir)
			for _, path := range []string{"", "s", "s/eks", "s/eks/a", "s/eks/sub", "s/other", "link", "link/a", "none"} {
				for _, rev := range []string{"HEAD", ids[90+rnd.IntN(29)]} {
					max := []int{DefaultLine, 10}[rnd.IntN(2)]
					want, got := r.gitLine(rev, path, max), line(t, w, rev, path, max)
					moves += r.untilMove(&want, &got)
					if d := cmp.Diff(want, got); d != "" {
						t.Fatalf("seed %d, %s of %s (-want +got):\n%s", seed, path, rev, d)
					}
					points += len(got.Points)
					for _, p := range got.Points {
						if p.Object == "" {
							absent++
						}
					}
				}
			}
		}
	}
	if points < 400 || absent < 40 {
		t.Errorf("%d points, %d of them absent, %d moves: the histories test too little", points, absent, moves)
	}
	t.Logf("%d points, %d of them absent, %d moves", points, absent, moves)
}

// untilMove cuts both lines where got goes on along another path, which it
// must have reason for. It returns how often it did.
func (r repo) untilMove(want, got *Line) (moves int) {
	r.t.Helper()
	end := len(got.Points)
	for i := 1; i < len(got.Points); i++ {
		before, after := got.Points[i], got.Points[i-1]
		if before.Path == after.Path {
			continue
		}
		moves++
		end = min(end, i)
		if there := r.gitObjects([]string{before.Newest}, after.Path)[0]; there != "" || after.Object == "" {
			r.t.Errorf("%+v comes from %+v, where %q lies at the path", after, before, there)
		}
		if is := r.gitObjects([]string{before.Newest}, before.Path)[0]; is != before.Object {
			r.t.Errorf("%+v: %s lies there", before, is)
		}
	}
	if moves > 0 {
		want.Points, got.Points, want.Complete = want.Points[:end], got.Points[:end], got.Complete
	}
	return moves
}

// A directory that is away for a while and comes back as it was.
func TestLine(t *testing.T) {
	r := newRepo(t)
	r.write("skills/eks/SKILL.md", "1")
	one := r.commit("README", "1")
	two := r.commit("README", "2")
	r.git("rm", "-q", "-r", "skills/eks")
	gone := r.commit("README", "3")
	r.write("skills/eks/SKILL.md", "1")
	back := r.commit("README", "4")
	r.git("update-index", "--chmod=+x", "skills/eks/SKILL.md")
	r.git("commit", "-q", "-m", "mode")
	executable := r.git("rev-parse", "HEAD")
	w := find(t, r.dir)
	tree := r.git("rev-parse", one+":skills/eks")
	other := r.git("rev-parse", "HEAD:skills/eks")
	at := time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)
	const dir, main = "skills/eks", "skills/eks/SKILL.md"
	want := Line{Complete: true, Points: []Point{
		{dir, executable, executable, other, at}, {dir, back, back, tree, at}, {dir, gone, gone, "", at}, {dir, one, two, tree, at},
	}}
	if d := cmp.Diff(want, line(t, w, "HEAD", dir, 0)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	// A mode alone is no change of a file.
	file := r.git("rev-parse", "HEAD:skills/eks/SKILL.md")
	want.Points = []Point{{main, back, executable, file, at}, {main, gone, gone, "", at}, {main, one, two, file, at}}
	if d := cmp.Diff(want, line(t, w, "HEAD", main, 5)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	want = Line{Points: []Point{{main, back, executable, file, at}, {main, gone, gone, "", at}, {main, two, two, file, at}}}
	if d := cmp.Diff(want, line(t, w, "HEAD", main, 4)); d != "" {
		t.Errorf("with a maximum (-want +got):\n%s", d)
	}
	for _, path := range []string{filepath.Dir(r.dir), filepath.Join(r.dir, "..", "x")} {
		if _, err := w.Line(t.Context(), "HEAD", path, 0); err == nil {
			t.Errorf("%s is inside", path)
		}
	}
	if _, err := w.Line(t.Context(), "none", r.dir, 0); !errors.Is(err, ErrNoRevision) {
		t.Error(err)
	}
}

func TestLineShallow(t *testing.T) {
	origin := newRepo(t)
	for i := range 6 {
		origin.commit("s/x", fmt.Sprint(i/2))
	}
	r := origin.at(filepath.Join(t.TempDir(), "clone"))
	origin.git("clone", "-q", "--depth", "3", "file://"+origin.dir, r.dir)
	w := find(t, r.dir)
	if d := cmp.Diff(r.gitLine("HEAD", "s", 100), line(t, w, "HEAD", "s", 0)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	_, known, err := w.Ahead(t.Context(), "HEAD", "HEAD~1")
	if known {
		t.Error("known")
	}
	wantHint(t, err, ErrShallow, "fetch-depth: 0")
	if n, known, err := w.Ahead(t.Context(), "HEAD~2", "HEAD"); n != 2 || !known || err != nil {
		t.Error(n, known, err)
	}
	r.git("fetch", "-q", "--unshallow")
	if l := line(t, w, "HEAD", "s", 0); !l.Complete || len(l.Points) != 3 {
		t.Errorf("all is there: %+v", l)
	}
	if n, known, err := w.Ahead(t.Context(), "HEAD", "HEAD~1"); known || err != nil {
		t.Error(n, known, err)
	}
}

func TestLineOfPartialClone(t *testing.T) {
	origin := newRepo(t)
	origin.git("config", "uploadpack.allowFilter", "true")
	for i := range 4 {
		origin.commit("s/x", fmt.Sprint(i/2))
	}
	dir := t.TempDir()
	noBlobs, noTrees := origin.at(filepath.Join(dir, "blobs")), origin.at(filepath.Join(dir, "trees"))
	origin.git("clone", "-q", "--no-checkout", "--filter=blob:none", "file://"+origin.dir, noBlobs.dir)
	origin.git("clone", "-q", "--no-checkout", "--filter=tree:0", "file://"+origin.dir, noTrees.dir)
	for _, path := range []string{"s", "s/x"} {
		if d := cmp.Diff(origin.gitLine("HEAD", path, 100), line(t, find(t, noBlobs.dir), "HEAD", path, 0)); d != "" {
			t.Errorf("without blobs (-want +got):\n%s", d)
		}
		_, err := find(t, noTrees.dir).Line(t.Context(), "HEAD", filepath.Join(noTrees.dir, path), 0)
		wantHint(t, err, ErrObjectMissing, "--refetch")
	}
	if l := line(t, find(t, noTrees.dir), "HEAD", ".", 0); len(l.Points) != 2 || !l.Complete {
		t.Errorf("the top of commits without trees: %+v", l)
	}
}

// TestLineMissing looks for where a directory came from where a tree is missing in
// which that might have been.
func TestLineMissing(t *testing.T) {
	r := newRepo(t)
	for _, name := range []string{"a", "b", "c"} {
		r.write("old/"+name, name)
	}
	r.commit("x", "1")
	r.git("mv", "old", "new")
	r.write("new/a", "changed")
	r.commit("x", "2")
	if l := line(t, find(t, r.dir), "HEAD", "new", 0); l.Missing || len(l.Points) != 2 {
		t.Errorf("all is there: %+v", l)
	}
	tree := strings.TrimSpace(r.git("rev-parse", "HEAD~1:old"))
	if err := os.Remove(filepath.Join(r.dir, ".git", "objects", tree[:2], tree[2:])); err != nil {
		t.Fatal(err)
	}
	if l := line(t, find(t, r.dir), "HEAD", "new", 0); !l.Missing {
		t.Errorf("without that tree: %+v", l)
	}
}

func TestAheadAgreesWithGit(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 5))
	r := newRepo(t)
	ids := randomHistory(t, r, rnd, 60, true)
	w := find(t, r.dir)
	knownOnes := 0
	for range 10 {
		to := ids[rnd.IntN(len(ids))]
		lineage := strings.Fields(r.git("rev-list", "--first-parent", to))
		for range 30 {
			from := ids[rnd.IntN(len(ids))]
			if rnd.IntN(2) == 0 {
				from = lineage[rnd.IntN(len(lineage))]
			}
			want := -1
			for i, id := range lineage {
				if id == from {
					want = i
				}
			}
			n, known, err := w.Ahead(t.Context(), from, to)
			if err != nil || known != (want >= 0) || known && n != want {
				t.Errorf("%s to %s: %d, %v, %v, want %d", from, to, n, known, err, want)
			}
			if known {
				knownOnes++
			}
		}
	}
	if knownOnes < 100 || knownOnes > 280 {
		t.Errorf("%d of 300 are known: they test too little", knownOnes)
	}
}

// FuzzEntryOf compares the search for one name with the reading of a tree.
func FuzzEntryOf(f *testing.F) {
	id := strings.Repeat("\x01", 20)
	f.Add([]byte("100644 a\x00"+id+"40000 b\x00"+id+"120000 c\x00"+id), "b")
	f.Add([]byte("100644 a\x00"+id+"160000 c"), "c")
	f.Add([]byte("99 a\x00"+id), "a")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		e, err := entryOf(data, name)
		dir, dirErr := parseTree(data)
		if dirErr != nil {
			return
		}
		if want := dir.byName[name]; err != nil || e != want {
			t.Errorf("%q in %q: %+v, %v, want %+v", name, data, e, err, want)
		}
	})
}
