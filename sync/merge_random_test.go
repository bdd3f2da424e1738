package sync_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

var mergeStories = flag.Int("merge-stories", 12, "how many stories of merges are told")

// TestMergeStories lets two machines and a person in the web app write lines
// into one file at random places, also between the look and the write of a
// push, while machines die. Nobody takes a line out again, so in the end each
// must be there, once, on all sides.
func TestMergeStories(t *testing.T) {
	for seed := range uint64(*mergeStories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			newMergeStory(t, seed).tell(14)
		})
	}
}

type mergeStory struct {
	*world
	random   *rand.Rand
	id       string
	machines []*machine
	written  []string // lines
	log      []string
}

func newMergeStory(t *testing.T, seed uint64) *mergeStory {
	quirks := [][]string{nil, {"rewrite=frontmatter"}, {"file-version=asset", "timestamps=seconds"}, {"version-step=2"}, {"rewrite=extra-version"}}
	w := newWorld(t, quirks[seed%uint64(len(quirks))]...)
	s := &mergeStory{world: w, random: rand.New(rand.NewPCG(seed, 1))}
	one := w.machine(skill(map[string]string{"a.md": lines(), "b.md": lines()}))
	s.id = one.mustPush(assetsync.Created).AssetID
	two := w.machine(nil)
	two.target.AssetID = s.id
	two.mustPull(assetsync.CheckedOut)
	s.machines = []*machine{one, two}
	return s
}

// insert writes a new line into a text, at a random place.
func (s *mergeStory) insert(who, text string) string {
	all := strings.SplitAfter(text, "\n")
	line := fmt.Sprintf("%s %d\n", who, len(s.written))
	s.written = append(s.written, line)
	return strings.Join(slices.Insert(all, s.random.IntN(len(all)), line), "")
}

func (s *mergeStory) file() string { return []string{"a.md", "b.md"}[s.random.IntN(2)] }

func (s *mergeStory) web() {
	p := s.file()
	s.log = append(s.log, "web edits "+p)
	s.save(s.id, p, s.insert("web", s.live(s.id, 0)[p]))
}

func (s *mergeStory) tell(steps int) {
	for range steps {
		i := s.random.IntN(len(s.machines))
		m := s.machines[i]
		switch s.random.IntN(7) {
		case 0:
			s.web()
		case 1, 2:
			p := s.file()
			s.log = append(s.log, fmt.Sprintf("%d edits %s", i, p))
			m.write(p, s.insert(fmt.Sprint("machine ", i), m.files()[p]))
		case 3:
			s.log = append(s.log, fmt.Sprintf("%d pulls", i))
			s.settle(m, m.pull(assetsync.PullOptions{}))
		case 4:
			n, after := 1+s.random.IntN(8), s.random.IntN(2) == 0
			s.log = append(s.log, fmt.Sprintf("%d pushes and dies at call %d, after its effect: %v", i, n, after))
			m.pushAndDie(n, after)
		case 5:
			s.log = append(s.log, fmt.Sprintf("%d pushes, the web slips in", i))
			s.beforeWrite(s.web)
			s.settle(m, m.push(assetsync.PushOptions{}))
			s.before = nil
		default:
			s.log = append(s.log, fmt.Sprintf("%d pushes", i))
			s.settle(m, m.push(assetsync.PushOptions{}))
		}
	}
	for range 3 {
		for _, m := range s.machines {
			s.settle(m, m.pull(assetsync.PullOptions{}))
			s.settle(m, m.push(assetsync.PushOptions{}))
		}
	}
	for i, m := range s.machines {
		s.compare(fmt.Sprint("machine ", i), m.files())
		m.wantQuiet()
	}
	s.compare("the asset", s.live(s.id, 0))
	if s.t.Failed() {
		s.t.Log(strings.Join(s.log, "\n"))
	}
}

// settle makes one text of both sides of each conflict, as people do.
func (s *mergeStory) settle(m *machine, res assetsync.Result) {
	s.t.Helper()
	if res.Error != nil && res.Error.Kind != assetsync.KindConflict {
		s.t.Fatalf("%s\n%s", describe(res), strings.Join(s.log, "\n"))
	}
	for _, c := range m.status().Conflicts {
		p := string(c.Path)
		s.log = append(s.log, "a conflict of "+p+" is settled")
		text, theirs := m.files()[p], s.live(s.id, 0)[p]
		for line := range strings.Lines(text) {
			if slices.Contains(s.written, line) && !strings.Contains(theirs, line) {
				theirs += line
			}
		}
		m.write(p, theirs)
		m.engine(func(e *assetsync.Engine) {
			if res := e.Resolve(s.t.Context(), assetsync.ResolveOptions{Take: assetsync.Merged}); res.Error != nil {
				s.t.Fatal(describe(res))
			}
		})
	}
}

func (s *mergeStory) compare(who string, files map[string]string) {
	s.t.Helper()
	all := files["a.md"] + files["b.md"]
	for _, line := range s.written {
		if n := strings.Count(all, line); n != 1 {
			s.t.Errorf("%s holds line %q %d times", who, line, n)
		}
	}
}
