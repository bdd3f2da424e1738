package sync_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"assetsync/remote"
	"assetsync/remote/emulator"
)

var (
	simSeed  = flag.Uint64("seed", 0, "simulate only the story of this `SEED`, and print what happens")
	simSeeds = flag.Int("seeds", 20, "how many stories to simulate")
	simFrom  = flag.Uint64("from", 1, "the first seed")
	simOnce  = flag.Bool("once", false, "end at the first violation")
	simShort = flag.Bool("shrink", true, "look for the shortest story of the first violation")
)

// simProgress is after how many stories, half a minute or more, the run says how far it is.
const simProgress = 1000

// TestSim simulates several machines, pipelines without state and a person in
// the web app, with faults and quirks that are drawn from a seed, and holds
// what happened against the promises of docs/guarantees.md.
func TestSim(t *testing.T) {
	if raced {
		t.Skip("a simulated machine hears of another only by the time: make sim runs it without the race detector")
	}
	if *simSeed > 0 {
		out := tellStory(t, drawStory(*simSeed))
		if len(out.violations) > 0 && *simShort {
			out = tellStory(t, shrink(t, out.story))
		}
		t.Logf("seed %d\n%s\n\n%s", *simSeed, out.story, strings.Join(out.log, "\n"))
		for _, v := range out.violations {
			t.Error(v)
		}
		return
	}
	var next atomic.Uint64
	next.Store(*simFrom - 1)
	last := *simFrom - 1 + uint64(*simSeeds)
	var mu sync.Mutex
	var failed []uint64
	var told int
	var totals simTotals
	coverage := map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		for worker := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(worker), func(t *testing.T) {
				t.Parallel()
				for {
					seed := next.Add(1)
					if seed > last {
						return
					}
					out := tellStory(t, drawStory(seed))
					mu.Lock()
					totals.add(out.totals)
					for _, q := range out.story.quirks {
						coverage[q]++
					}
					if len(out.violations) > 0 {
						failed = append(failed, seed)
						fmt.Printf("seed %d: %s\n", seed, strings.Join(out.violations, "\n\t"))
						if *simOnce {
							next.Store(last)
						}
					}
					if told++; told%simProgress == 0 && told < *simSeeds {
						fmt.Printf("%d of %d seeds, %d violations\n", told, *simSeeds, len(failed))
					}
					mu.Unlock()
				}
			})
		}
	})
	fmt.Printf("%d seeds, %d violations\n", *simSeeds, len(failed))
	fmt.Printf("%d edits, %d versions, %d faults, %d crashes, %d conflicts, %d merges\n",
		totals.edits, totals.versions, totals.faults, totals.crashes, totals.conflicts, totals.merges)
	fmt.Printf("%s; %d times what a reading forbids to promise\n", quirkCoverage(coverage), totals.exempted)
	for i, seed := range failed {
		t.Errorf("seed %d breaks a promise; go test ./sync -run Sim -seed %d -v repeats it", seed, seed)
		if i == 0 && *simShort {
			t.Logf("the shortest story of it:\n%s", shrink(t, drawStory(seed)))
		}
	}
}

// quirkCoverage says how many of the readings were met.
func quirkCoverage(coverage map[string]int) string {
	all, met := 0, map[string]bool{}
	least, name := -1, ""
	for _, q := range emulator.AllQuirks() {
		all += max(0, len(q.Readings)-1)
		for _, r := range q.Readings[min(1, len(q.Readings)):] {
			if n := coverage[q.Name+"="+r]; least < 0 || n < least {
				least, name = n, q.Name+"="+r
			}
		}
	}
	readings := 0
	for _, q := range slices.Sorted(maps.Keys(coverage)) {
		base, value, _ := strings.Cut(q, "=")
		met[base] = true
		if strings.Trim(value, "0123456789") != "" {
			readings++
		}
	}
	return fmt.Sprintf("%d of %d quirks, %d of %d readings, the least met: %s, %d times", len(met), len(emulator.AllQuirks()), readings, all, name, least)
}

// told is what came of a story.
type told struct {
	story      simStory
	log        []string
	violations []string
	totals     simTotals
}

// tellStory lets a story happen, in a directory in memory where there is one.
func tellStory(t *testing.T, story simStory) (out told) {
	t.Helper()
	dir, err := os.MkdirTemp(simDir(), "assetsync-sim-")
	must(err)
	synctest.Test(t, func(*testing.T) {
		s := newSim(story, dir)
		defer s.close()
		s.begin()
		for _, step := range story.steps {
			s.step(step)
		}
		s.finish()
		out = told{story, s.log, s.violations, s.totals}
	})
	return out
}

// simDir is a directory in memory, or "" for the usual one.
func simDir() string {
	const memory = "/dev/shm"
	if f, err := os.CreateTemp(memory, "assetsync-sim-"); err == nil {
		must(f.Close())
		must(os.Remove(f.Name()))
		return memory
	}
	return ""
}

// begin makes an asset that two machines have, and a developer's repository.
func (s *sim) begin() {
	files := map[string]string{}
	for _, who := range s.writers() {
		paths := s.paths(who)
		if s.story.kind != byLine {
			paths = append(paths[:len(paths)-2:len(paths)-2], "SKILL.md")
		}
		for _, p := range paths {
			switch _, ok := files[p]; {
			case s.story.kind == byLine:
				m := s.ledger.newMark(who, p, "", false)
				files[p] = s.withLine(p, files[p], m)
				s.ledger.meant(who, m)
			case !ok:
				m := s.ledger.newMark("begin", p, "", false)
				files[p] = s.content(who, p, m, "")
				s.ledger.meant(who, m)
			}
		}
	}
	one := s.worker("one")
	for p, content := range files {
		one.put(p, &content)
		one.changed[p] = true
	}
	if s.story.git {
		s.origin = s.newOrigin(files)
	}
	s.calm(one, "push")
	two := s.worker("two")
	s.calm(two, "pull")
	one.target.AssetID = s.asset
	if s.story.probed {
		one.tellAnswers()
		two.tellAnswers()
	}
}

// step lets one thing happen.
func (s *sim) step(step simStep) {
	s.nap(0, step.wait)
	for _, a := range simActions() {
		if a.name == step.what && slices.Contains(a.who, step.who) {
			a.do(s, step.who, step, rand.New(rand.NewPCG(step.seed, 3)))
			return
		}
	}
	panic("no such step: " + step.String())
}

// shrink leaves out what a story breaks its promise without.
func shrink(t *testing.T, story simStory) simStory {
	promise := func(violation string) string { return strings.SplitN(violation, ":", 2)[0] }
	want := promise(tellStory(t, story).violations[0])
	breaks := func(s simStory) bool {
		return slices.ContainsFunc(tellStory(t, s).violations, func(v string) bool { return promise(v) == want })
	}
	without := func(list []string, i int) []string { return slices.Delete(slices.Clone(list), i, i+1) }
	for shrunk := true; shrunk; {
		shrunk = false
		for i := len(story.steps) - 1; i >= 0; i-- {
			less := story
			less.steps = slices.Delete(slices.Clone(story.steps), i, i+1)
			if breaks(less) {
				story, shrunk = less, true
			}
		}
		for i := len(story.quirks) - 1; i >= 0; i-- {
			less := story
			less.quirks = without(story.quirks, i)
			if breaks(less) {
				story, shrunk = less, true
			}
		}
	}
	return story
}

// TestSimRepeats wants a seed to go the same way each time.
func TestSimRepeats(t *testing.T) {
	if raced {
		t.Skip("a simulated machine hears of another only by the time: make sim runs it without the race detector")
	}
	for seed := range uint64(10) {
		first, again := tellStory(t, drawStory(seed+1)), tellStory(t, drawStory(seed+1))
		if !slices.Equal(first.log, again.log) {
			t.Fatalf("seed %d goes two ways:\n%s", seed+1, diffLogs(first.log, again.log))
		}
	}
}

// TestSimStoryText reads what stories are written as.
func TestSimStoryText(t *testing.T) {
	for seed := range uint64(50) {
		story := drawStory(seed)
		again, err := parseStory(story.String())
		if err != nil || again.String() != story.String() {
			t.Errorf("seed %d: %v\n%s\nis read as\n%s", seed, err, story, again)
		}
	}
}

func getAsset(s *sim) *remote.GetAssetInput {
	return &remote.GetAssetInput{AgentSpaceId: &s.space.AgentSpace, AssetId: &s.asset}
}
