package sync_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"assetsync/remote/emulator"
)

// simStory is what happens in one simulation. It is data: the same story goes
// the same way each time, and one without some of its steps is a story too.
type simStory struct {
	kind   simKind
	probed bool     // the machines know how the service behaves
	text   bool     // files have any line ends and are published with LF
	git    bool     // a developer commits, and pipelines publish the commits
	ahead  bool     // reads that need no other's answer go out in any order
	quirks []string // "name=reading"
	steps  []simStep
}

// simKind is what writers share.
type simKind string

const (
	together simKind = "together" // everybody writes all files
	apart    simKind = "apart"    // every writer has files of its own
	byLine   simKind = "lines"    // every writer has lines of its own in each file
)

// simStep is one thing that somebody does. What it chooses and what befalls it
// is drawn from its own seed, so that it does not depend on the steps before.
type simStep struct {
	wait time.Duration // after the step before
	who  string        // "one", "two", "web", "dev" or "ci"
	what string        // a simAction of who
	seed uint64
}

func (s simStep) String() string { return fmt.Sprintf("%v %s %s %d", s.wait, s.who, s.what, s.seed) }

// String is the story in lines, as parseStory reads it.
func (s simStory) String() string {
	kind := []string{string(s.kind), "exact", "plain", "unprobed"}
	if s.text {
		kind[1] = "text"
	}
	if s.git {
		kind[2] = "git"
	}
	if s.probed {
		kind[3] = "probed"
	}
	if s.ahead {
		kind = append(kind, "ahead")
	}
	all := []string{strings.Join(append(kind, s.quirks...), " ")}
	for _, step := range s.steps {
		all = append(all, step.String())
	}
	return strings.Join(all, "\n")
}

// parseStory reads what String wrote.
func parseStory(text string) (s simStory, err error) {
	all := strings.Split(strings.TrimSpace(text), "\n")
	kind := strings.Fields(all[0])
	if len(kind) < 4 {
		return s, fmt.Errorf("read story: %q: want apart, lines or together, exact or text, git or plain, probed or unprobed, ahead or not, and quirks", all[0])
	}
	s.kind, s.text, s.git, s.probed, s.quirks = simKind(kind[0]), kind[1] == "text", kind[2] == "git", kind[3] == "probed", kind[4:]
	if s.ahead = len(s.quirks) > 0 && s.quirks[0] == "ahead"; s.ahead {
		s.quirks = s.quirks[1:]
	}
	for _, line := range all[1:] {
		fields := strings.Fields(line)
		if len(fields) != 4 {
			return s, fmt.Errorf("read story: %q: want a pause, who, what, and a seed", line)
		}
		step := simStep{who: fields[1], what: fields[2]}
		var err1, err2 error
		step.wait, err1 = time.ParseDuration(fields[0])
		step.seed, err2 = strconv.ParseUint(fields[3], 10, 64)
		if err := cmp.Or(err1, err2); err != nil {
			return s, fmt.Errorf("read story: %q: %w", line, err)
		}
		s.steps = append(s.steps, step)
	}
	return s, nil
}

// drawStory makes the story of a seed.
func drawStory(seed uint64) simStory {
	rnd := rand.New(rand.NewPCG(seed, 7))
	s := simStory{kind: pick(rnd, together, together, apart, apart, byLine), text: rnd.IntN(6) == 0, git: rnd.IntN(4) == 0, probed: rnd.IntN(4) == 0}
	s.git = s.git && s.kind != byLine // a pipeline has nothing to merge with
	s.quirks = drawQuirks(rnd)
	actors := []string{"one", "one", "one", "two", "two", "two", "web", "web"}
	if s.git {
		actors = append(actors, "dev", "dev", "ci", "ci")
	}
	for range 8 + rnd.IntN(14) {
		who := pick(rnd, actors...)
		s.steps = append(s.steps, simStep{drawWait(rnd), who, drawAction(rnd, s, who), rnd.Uint64N(1e9)})
	}
	s.ahead = rnd.IntN(2) == 0
	return s
}

func pick[T any](rnd *rand.Rand, choices ...T) T { return choices[rnd.IntN(len(choices))] }

// drawWait draws a pause: often so short that a step falls into what somebody
// else is at, once in a while so long that a write in doubt is over.
func drawWait(rnd *rand.Rand) time.Duration {
	longest := pick(rnd, 100*time.Millisecond, 100*time.Millisecond, time.Second, time.Second, 10*time.Second, 20*time.Minute)
	return time.Millisecond * time.Duration(1+rnd.Int64N(longest.Milliseconds()))
}

// drawQuirks chooses a few readings that are not the default. What only does
// harm together is often chosen together.
func drawQuirks(rnd *rand.Rand) []string {
	var quirks []string
	if rnd.IntN(3) == 0 {
		quirks = append(quirks, pick(rnd,
			[]string{"create-existing=overwrite", "file-create-version=keep", "timestamps=frozen"},
			[]string{"file-create-version=keep", "file-delete-version=keep"},
			[]string{"rewrite=frontmatter", "file-delete-version=keep"},
			[]string{"rewrite=extra-version", "version-step=3"},
		)...)
	}
	for _, q := range emulator.AllQuirks() {
		given := slices.ContainsFunc(quirks, func(s string) bool { return strings.HasPrefix(s, q.Name+"=") })
		if given || rnd.IntN(4) > 0 {
			continue
		}
		if readings := q.Readings; len(readings) > 0 {
			quirks = append(quirks, q.Name+"="+pick(rnd, readings[1:]...))
			continue
		}
		number := map[string][]int{"page-size": {1, 2}, "list-lag": {1, 9}, "version-step": {2, 5}, "prune-versions": {3, 8}}[q.Name]
		quirks = append(quirks, q.Name+"="+strconv.Itoa(pick(rnd, number...)))
	}
	slices.Sort(quirks)
	return quirks
}

// drawAction chooses what somebody does. Where a file that was replaced in place is
// listed as before, that is done more often, and so is what carries it on.
func drawAction(rnd *rand.Rand, s simStory, who string) string {
	unseen := s.has("create-existing=overwrite") && s.has("file-create-version=keep") && s.has("timestamps=frozen")
	var names []string
	for _, a := range simActions() {
		if !a.can(s, who) {
			continue
		}
		weight := a.weight
		if unseen && (a.name == "create-in-place" || a.name == "edit-many") {
			weight *= 5
		}
		names = append(names, slices.Repeat([]string{a.name}, weight)...)
	}
	return pick(rnd, names...)
}
