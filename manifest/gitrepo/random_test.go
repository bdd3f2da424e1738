package gitrepo

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

// fastImport runs git fast-import, which writes no file of the worktree, and
// so follows no link that a test has made.
func (r repo) fastImport(stream string, packed bool) {
	r.t.Helper()
	limit := "fastimport.unpackLimit=1000000"
	if packed {
		limit = "fastimport.unpackLimit=1"
	}
	cmd := exec.CommandContext(r.t.Context(), "git", "-c", limit, "fast-import", "--quiet", "--force")
	cmd.Dir, cmd.Env, cmd.Stdin = r.dir, r.environment(), strings.NewReader(stream)
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("git fast-import: %v\n%s", err, out)
	}
}

// randomHistory makes commits 0 to n-1, at refs/test/<number>, with branches
// and merges of up to four parents, clocks that run backwards, and directories
// that are renamed, go and come back. It returns their ids.
func randomHistory(t testing.TB, r repo, rnd *rand.Rand, n int, packed bool) []string {
	t.Helper()
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, "commit refs/test/%d\ncommitter c <c@localhost> %d +0000\ndata 1\nx\n", i, 1_700_000_000+rnd.IntN(200*n))
		parents := map[int]bool{}
		if i > 0 && rnd.IntN(25) > 0 { // else one more root
			for range 1 + max(0, rnd.IntN(8)-4) {
				p := max(0, i-1-rnd.IntN(4))
				if !parents[p] {
					fmt.Fprintf(&s, "%s refs/test/%d\n", []string{"from", "merge"}[min(1, len(parents))], p)
				}
				parents[p] = true
			}
		}
		for range 1 + rnd.IntN(2) {
			s.WriteString(randomChange(rnd))
		}
		s.WriteByte('\n')
	}
	r.fastImport(s.String(), packed)
	return strings.Fields(r.git(append([]string{"rev-parse"}, testRefs(n)...)...))
}

func testRefs(n int) (refs []string) {
	for i := range n {
		refs = append(refs, fmt.Sprint("refs/test/", i))
	}
	return refs
}

// randomChange is a command of git fast-import. Contents are few, so that
// they come back. No link has a segment ".", which git follows in a checkout
// but not in git cat-file --follow-symlinks.
func randomChange(rnd *rand.Rand) string {
	files := []string{"s/eks/a", "s/eks/sub/b", "s/other", "top"}
	link := func(name, target string) string {
		return fmt.Sprintf("M 120000 inline %s\ndata %d\n%s\n", name, len(target), target)
	}
	switch rnd.IntN(12) {
	case 0:
		return "D s/eks\n"
	case 1:
		return "D s\n"
	case 2:
		return link("s/eks", []string{"other", "../top", "old/../old"}[rnd.IntN(3)])
	case 3:
		return link("link", []string{"s/eks", "s/old/../eks", "s", "../out", "/s", "link", "s/eks/a/..", "s/old/.."}[rnd.IntN(8)])
	case 4:
		return "M 100644 inline s/old/a\ndata 1\n1\n"
	case 5:
		return "M 100755 inline s/eks/a\ndata 1\n1\n"
	default:
		return fmt.Sprintf("M 100644 inline %s\ndata 1\n%d\n", files[rnd.IntN(len(files))], rnd.IntN(3))
	}
}
