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

func resolve(t testing.TB, w *Worktree, rev string) string {
	t.Helper()
	id, err := w.Resolve(t.Context(), rev)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestResolveAgreesWithGit asks random revisions of random histories.
func TestResolveAgreesWithGit(t *testing.T) {
	for seed := range uint64(2) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		r := newRepo(t)
		ids := randomHistory(t, r, rnd, 60, seed > 0)
		r.git("update-ref", "refs/heads/main", ids[len(ids)-1])
		r.git("update-ref", "refs/heads/feature/x", ids[40])
		r.git("tag", "-a", "-m", "x", "v1", ids[50])
		r.git("branch", "beef", ids[7]) // also the beginning of an id
		linked := r.at(filepath.Join(t.TempDir(), "linked"))
		r.git("worktree", "add", "-q", "--detach", "--no-checkout", linked.dir, ids[30])
		names := []string{"HEAD", "@", "main", "feature/x", "v1", "heads/main", "beef"}
		steps := []string{"^", "~", "^1", "^2", "^3", "^4", "~0", "~1", "~2", "~3", "^0", "^{commit}", "^{}", "~02", "^{tree}", "^{tag}", "^x", "~-1", "^{", "x", "@"}
		known := 0
		for _, dir := range []string{r.dir, linked.dir} {
			w, r := find(t, dir), r.at(dir)
			for range 120 {
				rev := names[rnd.IntN(len(names))]
				if rnd.IntN(3) == 0 {
					id := ids[rnd.IntN(len(ids))]
					rev = id[:4+rnd.IntN(37)]
				}
				for range rnd.IntN(5) {
					// Most that are known, some that are not.
					rev += steps[rnd.IntN(len(steps)-rnd.IntN(2)*7)]
				}
				want, wantErr := r.try("rev-parse", "--verify", "--quiet", rev)
				if strings.Contains(rev, "^{t") { // which git takes for a while
					wantErr = errors.New("no commit")
				} else if wantErr == nil {
					want, wantErr = r.try("rev-parse", "--verify", "--quiet", rev+"^{commit}")
				}
				got, err := w.Resolve(t.Context(), rev)
				if (err == nil) != (wantErr == nil) || err == nil && got != want {
					t.Errorf("%s: %s, %v, want %s, %v", rev, got, err, want, wantErr)
				}
				if err == nil {
					known++
				} else if !errors.Is(err, ErrNoRevision) && !errors.Is(err, ErrAmbiguousID) {
					t.Errorf("%s: %v", rev, err)
				}
			}
		}
		if known < 80 || known > 220 {
			t.Errorf("%d of 240 revisions are known: they test too little", known)
		}
	}
}

func TestResolveUnsupported(t *testing.T) {
	r := newRepo(t)
	r.commit("x", "1")
	r.commit("x", "2")
	w := find(t, r.dir)
	for _, rev := range []string{
		"HEAD@{1}", "@{u}", "@{-1}", "main@{yesterday}", ":/text", "HEAD^{/text}", "HEAD:x", ":x", ":0:x",
		"HEAD~..HEAD", "HEAD...main", "^HEAD", "HEAD^!", "HEAD^@", "HEAD^-", "HEAD^-1",
	} {
		if out, err := r.try("rev-parse", "--quiet", rev); err != nil && !strings.Contains(rev, "u}") && !strings.Contains(rev, "/text") && !strings.Contains(rev, "-1") {
			t.Errorf("%s is not even git's: %s", rev, out)
		}
		_, err := w.Resolve(t.Context(), rev)
		wantHint(t, err, ErrNoRevision, "then ~N or ^N")
		if err != nil && !strings.Contains(err.Error(), "not supported") {
			t.Errorf("%s: %v", rev, err)
		}
	}
	for _, rev := range []string{"", "~1", "none", "none~1", "HEAD^{tree}", "HEAD~2", "HEAD^2", "HEAD~99999999999", "~", "HEAD^{", "HEAD~1x", strings.Repeat("^", 1<<20), "-x", "123"} {
		_, err := w.Resolve(t.Context(), rev)
		if !errors.Is(err, ErrNoRevision) || strings.Contains(rev, "none") && strings.Contains(err.Error(), "not supported") {
			t.Errorf("%.40q: %v", rev, err)
		}
	}
}

// Objects whose ids begin alike: 4 digits of 400 commits do.
func TestResolveAmbiguous(t *testing.T) {
	r := newRepo(t)
	var s strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&s, "commit refs/heads/main\ncommitter c <c@localhost> %d +0000\ndata 1\nx\n", 1_700_000_000+i)
		fmt.Fprintf(&s, "M 100644 inline x\ndata %d\n%d\n", len(fmt.Sprint(i)), i)
	}
	r.fastImport(s.String(), true)
	ids := strings.Fields(r.git("rev-list", "main"))
	commits, others := map[string][]string{}, map[string]int{}
	for _, id := range ids {
		commits[id[:4]] = append(commits[id[:4]], id)
	}
	for _, id := range strings.Fields(r.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname)")) {
		others[id[:4]]++
	}
	w := find(t, r.dir)
	var twins, amongOthers, alone int
	for prefix, of := range commits {
		got, err := w.Resolve(t.Context(), strings.ToUpper(prefix))
		switch {
		case len(of) > 1:
			twins++
			wantHint(t, err, ErrAmbiguousID, "more digits")
			for _, id := range of {
				if err != nil && !strings.Contains(err.Error(), id) {
					t.Errorf("%s: %v does not name %s", prefix, err, id)
				}
				if got := resolve(t, w, id[:12]); got != id {
					t.Errorf("%s is %s", id[:12], got)
				}
			}
		case others[prefix] > 1:
			amongOthers++
			fallthrough
		default:
			alone++
			if err != nil || got != of[0] {
				t.Errorf("%s: %s, %v, want %s", prefix, got, err, of[0])
			}
		}
		if twins > 3 && amongOthers > 3 && alone > 20 {
			break
		}
	}
	if twins == 0 || amongOthers == 0 {
		t.Errorf("%d prefixes of several commits, %d of a commit and others: they test too little", twins, amongOthers)
	}
	tree := r.git("rev-parse", "main^{tree}")
	if _, err := w.Resolve(t.Context(), tree[:20]); err == nil || !strings.Contains(err.Error(), "a tree, not a commit") {
		t.Errorf("a tree: %v", err)
	}
}

// A commit made after the packs were listed is found by its beginning.
func TestResolveAbbreviatedAfterGC(t *testing.T) {
	origin := newRepo(t)
	origin.commit("x", "0")
	r := origin.at(filepath.Join(t.TempDir(), "borrower"))
	origin.git("clone", "-q", "--shared", origin.dir, r.dir)
	w := find(t, r.dir)
	for i := range 3 {
		for _, in := range []repo{r, origin} {
			id := in.commit("x", fmt.Sprint(i, in.dir))
			if i > 0 {
				in.git("gc", "-q")
			}
			if got := resolve(t, w, id[:10]); got != id {
				t.Errorf("%s is %s", id, got)
			}
		}
	}
}

func TestResolveShallow(t *testing.T) {
	origin := newRepo(t)
	for i := range 5 {
		origin.commit("x", fmt.Sprint(i))
	}
	r := origin.at(filepath.Join(t.TempDir(), "clone"))
	origin.git("clone", "-q", "--depth", "3", "file://"+origin.dir, r.dir)
	w := find(t, r.dir)
	if got, want := resolve(t, w, "HEAD~2"), r.git("rev-parse", "HEAD~2"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, rev := range []string{"HEAD~3", "HEAD~2^"} {
		_, err := w.Resolve(t.Context(), rev)
		wantHint(t, err, ErrShallow, "fetch-depth: 0")
	}
	// The parent is there by another way, and is cut off all the same, as to git.
	r.git("fetch", "-q", "--depth", "1", "origin", origin.git("rev-parse", "HEAD~3"))
	if _, err := w.Resolve(t.Context(), "HEAD~3"); err != nil && !errors.Is(err, ErrShallow) {
		t.Error(err)
	}
}

func TestResolveSHA256(t *testing.T) {
	r := newRepo(t, "--object-format=sha256")
	id := r.commit("x", "1")
	for _, rev := range []string{"HEAD", id, id[:10], "HEAD~1"} {
		if _, err := find(t, r.dir).Resolve(t.Context(), rev); !errors.Is(err, ErrObjectFormat) {
			t.Errorf("%s: %v", rev, err)
		}
	}
}

func TestParseRevision(t *testing.T) {
	for rev, want := range map[string]string{
		"HEAD": "HEAD []", "@": "HEAD []", "@~2^2": "HEAD [{1 2} {2 1}]", "main~~": "main [{1 1} {1 1}]", "a^^{commit}^0~0": "a [{1 1}]",
		"v1^{}~3": "v1 [{1 3}]", "x~2147483647": "x [{1 2147483647}]", "": " []",
	} {
		name, steps, err := parseRevision(rev)
		if d := cmp.Diff(want, fmt.Sprint(name, " ", steps)); d != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", rev, err, d)
		}
	}
}

func FuzzParseRevision(f *testing.F) {
	for _, rev := range []string{"HEAD~3", "@^2", "main~2^", "a^{commit}", "v1^{}", "a..b", ":/x", "@{1}", "^a", "a^!", "a^-", "1234", "~", "a~99999999999", "a^{tree}", "a^{", "a\x00^"} {
		f.Add(rev)
	}
	f.Fuzz(func(t *testing.T, rev string) {
		name, steps, err := parseRevision(rev)
		if err != nil {
			if !errors.Is(err, ErrNoRevision) {
				t.Errorf("%q: %v", rev, err)
			}
			return
		}
		if strings.ContainsAny(name, "^~:") || strings.Contains(name, "@{") || strings.Contains(name, "..") || name != "HEAD" && !strings.HasPrefix(rev, name) {
			t.Errorf("%q: name %q", rev, name)
		}
		// Written out, it is read as the same.
		again := name
		for _, s := range steps {
			if s.times < 1 || s.parent < 1 || s.parent > 1 && s.times > 1 {
				t.Fatalf("%q: step %+v", rev, s)
			}
			if s.parent == 1 {
				again += fmt.Sprintf("~%d", s.times)
			} else {
				again += fmt.Sprintf("^%d", s.parent)
			}
		}
		name2, steps2, err := parseRevision(again)
		if err != nil || name2 != name || fmt.Sprint(steps2) != fmt.Sprint(steps) {
			t.Errorf("%q: %v, then %q: %v, %v", rev, steps, again, steps2, err)
		}
	})
}
