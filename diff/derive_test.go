package diff_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"assetsync/diff"
	"assetsync/manifest"
)

// histories reads sides that are divided by "|", oldest first. A commit is
// made at the minute of its place, a version at that of its place or at the
// one given in "@minute".
func histories(t testing.TB, commits, versions string) diff.Histories {
	t.Helper()
	start := time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)
	parts := func(s string) (sides []diff.Side, times []time.Time) {
		for i, part := range strings.Split(s, "|") {
			content, minute, given := strings.Cut(part, "@")
			at := i
			if given {
				at, _ = strconv.Atoi(strings.TrimSpace(minute))
			}
			sides, times = append(sides, side(t, content)), append(times, start.Add(time.Duration(at)*time.Minute))
		}
		return sides, times
	}
	var h diff.Histories
	local, made := parts(commits)
	for i := range local {
		h.Local = append(h.Local, diff.Committed{Tree: local[i].Tree, At: made[i]})
	}
	remote, made := parts(versions)
	for i := range remote {
		h.Remote = append(h.Remote, diff.Versioned{Side: remote[i], At: made[i].Add(time.Second)})
	}
	return h
}

// derived writes a base as the tables do.
func derived(d diff.Derived) string {
	var out []string
	names := map[manifest.ID]string{}
	for c := 'A'; c <= 'Z'; c++ {
		names[manifest.BlobID([]byte(string(c)))] = string(c)
	}
	for p, pair := range d.Base {
		name := "-"
		if pair.Local != nil {
			name = names[pair.Local.ID]
		}
		out = append(out, fmt.Sprintf("%s:%s", p, name))
	}
	for _, p := range d.Untold {
		out = append(out, fmt.Sprintf("%s:untold", p))
	}
	return sortedFields(out)
}

func TestDerive(t *testing.T) {
	tests := map[string]struct{ commits, versions, want string }{
		"equal":                              {"p:A", "p:A", "p:A"},
		"one commit ahead":                   {"p:A | p:B", "p:A", "p:A"},
		"many commits ahead":                 {"p:A | p:B | p:C | p:D", "p:A | p:B", "p:B"},
		"new here":                           {" | p:A", "", "p:-"},
		"new here in the first commit":       {"p:A", "", "p:untold"},
		"deleted here":                       {"p:A | ", "p:A", "p:A"},
		"reverted here":                      {"p:A | p:B | p:A", "p:A | p:B", "p:B"},
		"reverted there":                     {"p:A | p:B", "p:A | p:B | p:A", "p:B"},
		"reverted there, changed here":       {"p:A | p:B | p:C", "p:A | p:B | p:A", "p:B"},
		"reverted on both sides":             {"p:A | p:B | p:A", "p:A | p:B | p:A", "p:A"},
		"edited there":                       {"p:A", "p:A | p:X", "p:A"},
		"edited there, changed here":         {"p:A | p:B", "p:A | p:X", "p:A"},
		"edited there, then published again": {"p:A | p:B", "p:A | p:X | p:B", "p:B"},
		"deleted there":                      {"p:A", "p:A | ", "p:A"},
		"deleted here, made again there":     {"p:A | ", "p:A | | p:X", "p:-"},
		"made there":                         {"p:A", "p:A | p:A q:X", "p:A q:-"},
		"made there, all versions have it":   {"p:A", "p:A q:X", "p:A q:untold"},
		"no commit held it":                  {"p:A | p:B", "p:X", "p:untold"},
		"published out of order":             {"p:A | p:B | p:C", "p:A | p:C | p:B", "p:C"},
		"to and fro":                         {"p:A | p:B | p:A | p:B | p:A", "p:A | p:B | p:A | p:B", "p:B"},
		"to and fro, and back there":         {"p:A | p:B | p:A | p:B", "p:A | p:B @3 | p:A @4", "p:B"},
		"to and fro, one commit ahead":       {"p:A | p:B | p:A | p:B", "p:A | p:B | p:A @2", "p:A"},
		"published late, in two versions":    {" | p:A | ", " | @5 | p:A @5", "p:A"},
		"put back there what it once was":    {"p:A | p:B | p:A", "p:A | p:A @5 | p:B @6 | p:A @7 | p:B @8", "p:A"},
		"deleted there as a commit once was": {"p:A | | p:A", "p:A | p:A @5 | @6", "p:A"},
		"commits younger than the versions":  {"p:A @90 | p:B @91", "p:A", "p:A"},
		"paths are apart":                    {"p:A q:A | p:B q:A | p:B q:B", "p:A q:A | p:X q:A", "p:A q:A"},
		"a version that cannot be read":      {"p:A | p:B", "p:A | p:? | p:A", "p:A"},
		"the newest cannot be read":          {"p:A | p:B", "p:A | p:?", "p:A"},
		"nothing can be read":                {"p:A | p:B", "*:?", "p:untold"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := derived(diff.Derive(histories(t, tt.commits, tt.versions)))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("commits %s, versions %s (-want +got):\n%s", tt.commits, tt.versions, d)
			}
		})
	}
}

// story is what happened to one file: commits, some of them published, in
// order.
type story struct {
	diff.Histories
	now  time.Time
	base manifest.Tree // that was published last
}

func (s *story) commit(content string) {
	s.now = s.now.Add(time.Minute)
	s.Local = append(s.Local, diff.Committed{Tree: oneFile(content), At: s.now})
}

func (s *story) version(tree manifest.Tree) {
	s.now = s.now.Add(time.Second)
	s.Remote = append(s.Remote, diff.Versioned{Side: diff.Side{Tree: tree}, At: s.now})
}

func (s *story) publish() {
	s.base = s.Local[len(s.Local)-1].Tree
	if n := len(s.Remote); n == 0 || !s.Remote[n-1].Side.Tree.Equal(s.base) {
		s.version(s.base)
	}
}

// plan is what a push without state does.
func (s *story) plan() diff.Plan {
	return diff.Three(diff.Input{
		Base: diff.Derive(s.Histories).Base, Policy: diff.Policy{Direction: diff.Push},
		Local: diff.Side{Tree: s.Local[len(s.Local)-1].Tree}, Remote: s.Remote[len(s.Remote)-1].Side,
	})
}

// drawStory makes commits of a few contents and publishes them, each or some.
func drawStory(t *rapid.T, each bool) *story {
	s := &story{now: time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)}
	content := rapid.SampledFrom([]string{"A", "B", "C", "-"})
	s.commit(content.Draw(t, "commit"))
	s.publish()
	for range rapid.IntRange(0, 10).Draw(t, "commits") {
		s.commit(content.Draw(t, "commit"))
		if each || rapid.Bool().Draw(t, "publish") {
			s.publish()
		}
	}
	return s
}

// TestDeriveFollowsThePipeline publishes the newest commit where nobody else
// has been at work.
// TestDeriveInOneSecond has commits that are no older and no younger than the
// versions, as far as their times tell: a script commits and publishes.
func TestDeriveInOneSecond(t *testing.T) {
	h := histories(t, "p:A | p:B | p:A", "p:A | p:B | p:X")
	at := h.Local[0].At
	for i := range h.Local {
		h.Local[i].At = at
	}
	for i := range h.Remote {
		h.Remote[i].At = at.Add(time.Duration(i+1) * 200 * time.Millisecond)
	}
	if got := derived(diff.Derive(h)); got != "p:B" {
		t.Errorf("base %s, want p:B, from which the commit that goes back is a change", got)
	}
}

func TestDeriveFollowsThePipeline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStory(t, false)
		head, live := s.Local[len(s.Local)-1].Tree, s.Remote[len(s.Remote)-1].Side.Tree
		if got, want := s.plan().Publish, diff.Two(live, head); len(got) != len(want) {
			t.Errorf("publishes %v, want %v", got, want)
		}
	})
}

// TestDeriveKeepsEdits leaves alone what was written in the web app, and says
// so where a commit changed the file as well.
func TestDeriveKeepsEdits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStory(t, false)
		s.version(oneFile("X"))
		changed := !s.Local[len(s.Local)-1].Tree.Equal(s.base)
		p := s.plan()
		if len(p.Publish) > 0 || len(p.Pending)+len(p.Conflicts) != 1 || len(p.Conflicts) > 0 && !changed {
			t.Errorf("changed here: %t; publishes %v, pending %v, conflicts %v", changed, p.Publish, p.Pending, p.Conflicts)
		}
	})
}

// TestDeriveKeepsRollbacks leaves alone what somebody in the web app went back
// to, when a job of the commit that was live before runs again.
func TestDeriveKeepsRollbacks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStory(t, true)
		older := s.Remote[rapid.IntRange(0, len(s.Remote)-1).Draw(t, "back to")].Side.Tree
		if older.Equal(s.base) {
			return
		}
		s.version(older)
		if p := s.plan(); len(p.Publish) > 0 {
			t.Errorf("publishes %v", p.Publish)
		}
	})
}

// TestDeriveFromSomeCommits leaves the oldest commits out: what is not unsure is
// what all of them tell.
func TestDeriveFromSomeCommits(t *testing.T) {
	sure, unsure := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistories(t)
		all := diff.Derive(h)
		if len(all.Unsure) > 0 {
			t.Fatalf("unsure of %v with all there is", all.Unsure)
		}
		for n := range len(h.Local) {
			some := h
			some.Local, some.LocalMore = h.Local[n:], true
			got := diff.Derive(some)
			for _, p := range []manifest.Path{"p", "q"} {
				if slices.Contains(got.Unsure, p) {
					unsure++
					continue
				}
				sure++
				want, told := all.Base[p]
				is, known := got.Base[p]
				if !known && !slices.Contains(got.Untold, p) {
					continue // no commit or version that is left holds it
				}
				if told != known || told && !sameContent(want.Local, is.Local) {
					t.Errorf("without the oldest %d commits %s is %v (%t), with all %v (%t)", n, p, is.Local, known, want.Local, told)
				}
			}
		}
	})
	if sure < 100 || unsure < 100 {
		t.Errorf("%d sure, %d unsure: it tests too little", sure, unsure)
	}
}

// TestDeriveUnsureOfNewContent: what no version had before, and no commit that is
// there, may come from an earlier one, from which the version before came as well.
func TestDeriveUnsureOfNewContent(t *testing.T) {
	start := time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)
	var h diff.Histories
	for i, content := range []string{"A", "B", "A", "-"} {
		h.Local = append(h.Local, diff.Committed{Tree: oneFile(content), At: start.Add(time.Duration(2*i) * time.Minute)})
	}
	for i, content := range []string{"A", "B"} {
		h.Remote = append(h.Remote, diff.Versioned{Number: int32(i + 1), Side: diff.Side{Tree: oneFile(content)}, At: start.Add(time.Duration(10+i) * time.Minute)})
	}
	if got := derived(diff.Derive(h)); got != "p:B" {
		t.Errorf("base %s with all commits, want p:B", got)
	}
	h.Local, h.LocalMore = h.Local[1:], true
	if got := diff.Derive(h); !slices.Contains(got.Unsure, "p") {
		t.Errorf("sure that the base is %s, without the commit from which both versions may come", derived(got))
	}
}

func sameContent(a, b *manifest.Entry) bool {
	return a == nil && b == nil || a != nil && b != nil && a.ID == b.ID
}

// drawHistories draws sides at any times, in part unknown.
func drawHistories(t *rapid.T) (h diff.Histories) {
	start := time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)
	tree := func(label string) manifest.Tree {
		var entries []manifest.Entry
		for _, p := range []manifest.Path{"p", "q"} {
			if e := entry(p, rapid.SampledFrom([]string{"-", "A", "B", "C"}).Draw(t, label)); e != nil {
				entries = append(entries, *e)
			}
		}
		made, err := manifest.NewTree(entries...)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	unknown := func(label string) manifest.UnknownSet {
		if rapid.IntRange(0, 4).Draw(t, label) > 0 {
			return nil
		}
		return manifest.UnknownSet{{Path: "p"}}
	}
	at := func(label string, minute int) time.Time {
		return start.Add(time.Duration(minute+rapid.IntRange(-3, 3).Draw(t, label)) * time.Minute)
	}
	for i := range rapid.IntRange(1, 8).Draw(t, "commits") {
		h.Local = append(h.Local, diff.Committed{Tree: tree("commit"), Unknown: unknown("unknown here"), At: at("committed", 2*i)})
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "versions") {
		h.Remote = append(h.Remote, diff.Versioned{Side: diff.Side{Tree: tree("version"), Unknown: unknown("unknown there")}, At: at("made", 3*i)})
	}
	h.LocalCut, h.RemoteCut = rapid.Bool().Draw(t, "local cut"), rapid.Bool().Draw(t, "remote cut")
	return h
}

func oneFile(content string) manifest.Tree {
	e := entry("p", content)
	if e == nil {
		return manifest.Tree{}
	}
	tree, err := manifest.NewTree(*e)
	if err != nil {
		panic(err)
	}
	return tree
}

func sortedFields(fields []string) string {
	slices.Sort(fields)
	return strings.Join(fields, " ")
}
