package sync_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"assetsync/manifest"
	assetsync "assetsync/sync"
)

var (
	storySeed = flag.Uint64("story-seed", 0, "tell only the random story of this `SEED`")
	stories   = flag.Int("stories", 4, "how many random stories to tell")
)

// TestRandomStories tells stories of two machines and the web, each with files
// of its own, so that no two ever mean the same path. Whatever the quirks,
// faults and deaths: at the end the last content of each file is live and on
// both machines.
func TestRandomStories(t *testing.T) {
	first, last := uint64(1), uint64(*stories)
	if *storySeed > 0 {
		first, last = *storySeed, *storySeed
	}
	for n := first; n <= last; n++ {
		for _, mode := range []string{"plain", "faults", "kills", "text", "undo", "answers", "both"} {
			t.Run(fmt.Sprint(mode, " seed ", n), func(t *testing.T) {
				t.Parallel()
				newRandomStory(t, mode, rand.New(rand.NewPCG(n, 7))).tell()
			})
		}
	}
}

// The writers of a story. A machine's number is its index.
const (
	web       = 2
	writers   = 3
	filesEach = 5
)

// randomStory is one random sequence of events.
type randomStory struct {
	t        *testing.T
	mode     string // "plain", "faults", "kills", "text": with any line ends, published with LF, "undo": going back, "answers": those of a probe are known, or "both": ways, with kills
	rnd      *rand.Rand
	world    *world
	machines [2]*machine
	id       string
	quirks   []string

	last  map[string]string // what each file holds at the end; "" when it was deleted
	edits int
	depth int      // of pushes inside pushes
	told  []string // what people were told of losses and conflicts
	log   []string // shown when the story ends badly
}

func newRandomStory(t *testing.T, mode string, rnd *rand.Rand) *randomStory {
	s := &randomStory{t: t, mode: mode, rnd: rnd, last: map[string]string{}}
	s.quirks = s.chooseQuirks()
	s.world = newWorld(t, s.quirks...)
	for writer := range writers {
		for i := range filesEach {
			p := s.path(writer, i)
			s.last[p] = p
		}
	}
	s.machines[0] = s.world.machine(skill(s.last))
	s.id = s.machines[0].mustPush(assetsync.Created).AssetID
	s.machines[1] = s.world.machine(nil)
	s.machines[1].target.AssetID = s.id
	s.machines[1].mustPull(assetsync.CheckedOut)
	for _, m := range s.machines {
		m.target.MaxDeletePercent, m.target.MaxDeletes = 100, 100
		switch mode {
		case "text":
			m.target.Text = manifest.TextLF
		case "both":
			// What is overwritten is put back at once, or after the next push of who
			// died: in less time than it is waited for.
			m.target.Direction, s.world.step = assetsync.BothWays, 10*time.Millisecond
		}
		if mode == "answers" { // the last may not be true
			m.tell(slices.Concat(safeCreates, []string{s.pick("file-delete-version=bump", "file-delete-version=keep")})...)
		}
	}
	return s
}

func (s *randomStory) chooseQuirks() []string {
	return []string{
		s.pick("file-delete-version=bump", "file-delete-version=keep"),
		s.pick("file-version=last-change", "file-version=asset"),
		s.pick("timestamps=fraction", "timestamps=seconds", "timestamps=frozen"),
		s.pick("rewrite=off", "rewrite=frontmatter", "rewrite=extra-version"),
		s.pick("version-step=0", "version-step=3"),
		s.pick("update-missing=not-found", "update-missing=create"),
		s.pick("text-readback=text", "text-readback=bytes"),
		s.pick("page-size=0", "page-size=1"),
		s.pick("empty-pages=off", "empty-pages=on"),
		s.pick("list-lag=0", "list-lag=5"),
		s.pick("read-zip=rebuilt", "read-zip=uploaded"),
	}
}

func (s *randomStory) pick(choices ...string) string { return choices[s.rnd.IntN(len(choices))] }

// path is the name of the ith file of a writer.
func (s *randomStory) path(writer, i int) string { return fmt.Sprintf("%c%d.md", "xyw"[writer], i) }

func (s *randomStory) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// tell lets things happen, then lets everybody get in step.
func (s *randomStory) tell() {
	for range 8 {
		for range s.rnd.IntN(6) {
			s.edit(s.rnd.IntN(2))
		}
		if s.rnd.IntN(2) == 0 {
			s.edit(web)
		}
		s.push(s.rnd.IntN(2))
		if s.rnd.IntN(3) == 0 {
			i := s.rnd.IntN(2)
			s.see(i, "pull", s.machines[i].pull(assetsync.PullOptions{}))
		}
		if s.mode == "undo" {
			s.goBack(s.rnd.IntN(2))
		}
	}
	for range 45 { // requests, by which late writes come to their effect
		s.world.asset(s.id)
	}
	for range 3 {
		for i, m := range s.machines {
			s.see(i, "push", m.push(assetsync.PushOptions{}))
			s.see(i, "pull", m.pull(assetsync.PullOptions{}))
		}
	}
	s.check()
}

// goBack takes back what a machine did to its files. What they hold then is what
// counts: no push may bring back what was undone.
func (s *randomStory) goBack(i int) {
	m := s.machines[i]
	res := m.push(assetsync.PushOptions{})
	if s.see(i, "push", res); res.Error != nil {
		return
	}
	var own []manifest.Path
	for n := range filesEach {
		own = append(own, manifest.Path(s.path(i, n)))
	}
	switch s.rnd.IntN(3) {
	case 0:
		res = m.restore(1, assetsync.BackOptions{}, own...)
	case 1:
		s.see(i, "undo", m.undo(assetsync.BackOptions{}))
		fallthrough
	default:
		res = m.undo(assetsync.BackOptions{})
	}
	s.see(i, "going back", res)
	live, here := s.world.live(s.id, 0), m.files()
	for _, p := range own {
		if live[string(p)] != here[string(p)] && res.Error == nil {
			s.t.Errorf("%s: live %q, here %q after going back", p, live[string(p)], here[string(p)])
		}
		s.last[string(p)] = live[string(p)]
	}
}

// edit changes or deletes a file of a writer.
func (s *randomStory) edit(writer int) {
	s.edits++
	path := s.path(writer, s.rnd.IntN(filesEach))
	content := fmt.Sprintf("%s edit %d", path, s.edits)
	if s.mode == "text" {
		content = s.anyLineEnds(path, content)
	}
	if s.rnd.IntN(4) == 0 && s.last[path] != "" {
		content = ""
	}
	s.note("edit %s=%q", path, content)
	switch {
	case writer == web && content == "":
		s.world.remove(s.id, path)
	case writer == web:
		s.world.save(s.id, path, content)
	case content == "":
		s.machines[writer].rm(path)
	default:
		s.machines[writer].write(path, content)
	}
	s.last[path] = content
}

// anyLineEnds returns content with some line ends; sometimes it is the old
// content with others.
func (s *randomStory) anyLineEnds(path, content string) string {
	content = strings.ReplaceAll(content, " ", "\n") + "\n"
	if old := s.last[path]; old != "" && s.rnd.IntN(3) == 0 {
		content = s.form(old)
	}
	for i := len(content) - 1; i >= 0; i-- {
		if content[i] == '\n' && s.rnd.IntN(2) == 0 {
			content = content[:i] + "\r" + content[i:]
		}
	}
	return content
}

// form is what of a content counts.
func (s *randomStory) form(content string) string {
	return string(s.machines[0].target.Text.Canonical([]byte(content)))
}

// see takes note of a result.
func (s *randomStory) see(i int, verb string, res assetsync.Result) {
	s.note("machine %d %s: %s v%d->%d by %s | %s", i, verb, res.Outcome, res.ObservedVersion, res.Version, res.Published,
		strings.ReplaceAll(describe(res), "\n", " / "))
	if res.Error != nil && (strings.Contains(res.Error.Message, "lost") || res.Error.Kind == assetsync.KindConflict) {
		s.told = append(s.told, res.Error.Message)
	}
	for _, n := range res.Notes {
		if strings.Contains(n, "lost") {
			s.told = append(s.told, n)
		}
	}
}

// mishaps are what befalls one push, by the number of its call or write.
type mishaps struct {
	meets      map[int]bool // calls before which somebody else writes
	dies       int          // call at which the process dies; 0: none
	diesAfter  bool         // after the call had its effect
	fault      string       // rule
	faultWrite int          // write that it befalls; 0: none
}

func (s *randomStory) chooseMishaps() mishaps {
	h := mishaps{meets: map[int]bool{}}
	for range s.rnd.IntN(3) {
		h.meets[1+s.rnd.IntN(10)] = true
	}
	if (s.mode == "kills" || s.mode == "both") && s.rnd.IntN(4) == 0 {
		h.dies = 1 + s.rnd.IntN(14)
	}
	if s.mode == "faults" && s.rnd.IntN(4) == 0 && s.depth == 1 {
		h.fault = "op=*,kind=" + s.pick("reset-before", "reset-after", "500", "truncate", "not-json", "late:9", "throttle")
		h.faultWrite = 1 + s.rnd.IntN(3)
	}
	h.diesAfter = s.rnd.IntN(2) == 0
	return h
}

// push pushes from a machine while others write.
func (s *randomStory) push(i int) {
	s.depth++
	defer func() { s.depth-- }()
	h := s.chooseMishaps()
	calls, writes := 0, 0
	res, alive := s.machines[i].mortalPush(func(r *http.Request) (*http.Response, error) {
		calls++
		if calls == h.dies && !h.diesAfter {
			runtime.Goexit()
		}
		if h.meets[calls] {
			s.interrupt(i, calls, r)
		}
		if r.Method != http.MethodGet {
			if writes++; writes == h.faultWrite {
				s.note("  fault %s", h.fault)
				s.world.fault(h.fault)
			}
		}
		resp, err := s.world.Do(r)
		if r.Method != http.MethodGet {
			s.note("  [%d] %s %s %v", i, r.Method, r.URL.Path, err)
		}
		if calls == h.dies {
			runtime.Goexit()
		}
		return resp, err
	})
	if !alive {
		s.note("machine %d push: killed at call %d", i, calls)
		return
	}
	s.see(i, "push", res)
}

// interrupt lets the web or the other machine write inside a push.
func (s *randomStory) interrupt(i, call int, r *http.Request) {
	if s.depth == 1 && s.rnd.IntN(3) == 0 {
		s.note("  (inside call %d of %d: the other machine pushes)", call, i)
		s.push(1 - i)
		return
	}
	s.note("  (inside call %d of %d: %s %s)", call, i, r.Method, r.URL.Path)
	s.edit(web)
}

// check wants the last content of each file everywhere.
func (s *randomStory) check() {
	live := s.world.live(s.id, 0)
	for path, want := range s.last {
		if s.form(live[path]) != s.form(want) {
			s.t.Errorf("%s: live %q, want %q", path, live[path], want)
		}
		for i, m := range s.machines {
			if got := m.files()[path]; s.form(got) != s.form(want) {
				s.t.Errorf("%s: machine %d has %q, want %q", path, i, got, want)
			}
		}
	}
	if s.t.Failed() {
		s.t.Logf("quirks %q\ntold %q\n%s", s.quirks, s.told, strings.Join(s.log, "\n"))
	}
}
