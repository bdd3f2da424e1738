//go:build unix

package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/remote"
)

var (
	tortureProgram = flag.String("torture.program", "", "the `program` to kill; the one under test without it")
	tortureKills   = flag.Int("torture.kills", 2, "kill each verb so many `times`")
	tortureSeed    = flag.Uint64("torture.seed", 0, "repeat what was sampled with this `seed`; 0 takes another each time")
)

// TestTorture kills push, pull and watch at sampled points: at a call, before
// or after the service has done it, at a change of a file, or after a time.
// Each time the next run ends in step, and nothing is lost.
func TestTorture(t *testing.T) {
	seed := tortured(t)
	for _, verb := range []string{"push", "pull", "watch"} {
		t.Run(verb, func(t *testing.T) {
			x := newTorture(t, verb, seed)
			x.kills(*tortureKills)
		})
	}
}

// tortured puts the program to torture into the place of the one under test,
// and returns the seed.
func tortured(t *testing.T) uint64 {
	t.Helper()
	if *tortureProgram != "" {
		t.Setenv("PATH", filepath.Dir(*tortureProgram)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	}
	seed := *tortureSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	return seed
}

// torture is a world of one skill whose verbs are disturbed, round by round.
type torture struct {
	*world
	verb   string
	seed   uint64
	random *rand.Rand
	trap   *trap
	id     string
	round  int
	took   time.Duration // by a run that nobody disturbs
	points map[string]bool
	struck int    // runs that were disturbed
	said   string // by the last run that was disturbed, unless it is a daemon
	code   int    // that it ended with, -1 when it was killed
	mend   func() // undoes what disturbed a run; nil: nothing is to be undone
}

const tortureDir = "skills/one"

func newTorture(t *testing.T, verb string, seed uint64) *torture {
	t.Helper()
	x := &torture{world: emptyWorld(t), verb: verb, seed: seed, points: map[string]bool{}}
	x.random = rand.New(rand.NewPCG(seed, uint64(len(verb)+int(verb[1]))))
	x.trap = newTrap(t, x.remote.url)
	return x
}

// begin makes the skill and publishes it, before any round.
func (x *torture) begin() {
	x.Helper()
	x.save("assetsync.yaml", fmt.Sprintf("endpoint: %s\nagent_space: sp-1\n%stargets:\n  - path: %s\n    type: skill\n"+
		"    metadata: {agent_types: [GENERIC]}\n    deletes: {max_files: 1000, max_percent: 100}\n", x.trap.URL, watchDefaults, tortureDir))
	x.skill("one")
	for i := range 6 {
		x.save(fmt.Sprintf("%s/ours%d.md", tortureDir, i), "at first\n")
		x.save(fmt.Sprintf("%s/d/theirs%d.md", tortureDir, i), "at first\n")
	}
	x.save(tortureDir+"/notes.md", "at first\n")
	x.succeed("push")
	x.id = x.remote.idOf("one")
}

// shapes is how many kinds of rounds there are.
const shapes = 3

// edit is what people do before a run, in the directory and in the web app:
// many files, so that a zip is sent, or few, with files that are made and
// deleted by turns. No path is edited on both sides.
func (x *torture) edit() {
	x.Helper()
	n, text := 1, fmt.Sprintf("round %d of %s\n", x.round, x.verb)
	if x.round%shapes == 0 {
		n = 6
	}
	ours, theirs := n, n
	if x.verb == "pull" {
		ours = 1
	} else {
		theirs = 1
	}
	for i := range ours {
		x.saveAtOnce(fmt.Sprintf("ours%d.md", i), text)
	}
	for i := range theirs {
		x.webSave(fmt.Sprintf("d/theirs%d.md", i), text)
	}
	if x.round%shapes != 1 {
		return
	}
	if name := tortureDir + "/ours.new.md"; x.has(name) {
		x.remove(name)
	} else {
		x.saveAtOnce("ours.new.md", text)
	}
	if x.has(tortureDir + "/new/theirs.new.md") {
		_, err := x.remote.client().DeleteAssetFile(context.Background(), &remote.DeleteAssetFileInput{
			AgentSpaceId: new("sp-1"), AssetId: &x.id, Path: new("new/theirs.new.md")})
		x.must(err)
	} else {
		_, err := x.remote.client().CreateAssetFile(context.Background(), &remote.CreateAssetFileInput{
			AgentSpaceId: new("sp-1"), AssetId: &x.id, Path: new("new/theirs.new.md"), Content: &remote.AssetFileBodyMemberText{Value: text}})
		x.must(err)
	}
}

func (x *torture) has(name string) bool {
	_, err := os.Lstat(x.path(name))
	return err == nil
}

// saveAtOnce saves as an editor does, so that nobody reads half of it.
func (x *torture) saveAtOnce(name, text string) {
	draft := tortureDir + "/.draft.swp" // on the same disk, and ignored
	x.save(draft, text)
	x.must(os.Rename(x.path(draft), x.path(tortureDir+"/"+name)))
}

func (x *torture) webSave(path, text string) {
	x.Helper()
	_, err := x.remote.client().UpdateAsset(context.Background(), &remote.UpdateAssetInput{
		AgentSpaceId: new("sp-1"), AssetId: &x.id,
		Content: &remote.AssetContentMemberFile{Value: remote.AssetFileContent{Path: &path, Body: &remote.AssetFileBodyMemberText{Value: text}}},
	})
	x.must(err)
}

// kills disturbs a verb so many times, by killing it. Where, is drawn from
// all points that a run which nobody kills comes along.
func (x *torture) kills(n int) {
	x.Helper()
	x.begin()
	var moments [shapes][]moment
	for shape := range shapes {
		_, count := x.disturb(moment{}, nil)
		moments[shape] = x.shuffled(count)
	}
	tries := 0
	for ; x.struck < n && tries < 3*n; tries++ {
		list := &moments[x.round%shapes]
		if len(*list) == 0 {
			x.round++
			continue
		}
		at := (*list)[0]
		*list = append((*list)[1:], at)
		if struck, _ := x.disturb(at, x.kill); struck != "" {
			x.struck++
			x.points[fmt.Sprint(x.round%shapes, at, struck)] = true
		}
		if x.Failed() {
			break
		}
	}
	violations := 0
	if x.Failed() {
		violations = 1 // it stops there: what comes after tells nothing
	}
	x.Logf("torture: %s %d kills at %d points: %d violations (seed %d)", x.verb, x.struck, len(x.points), violations, x.seed)
	if x.struck == 0 {
		x.Errorf("%d runs, and none was killed", tries)
	}
}

// shuffled returns the moments of a run, each kind in an order of its own and
// the kinds by turns.
func (x *torture) shuffled(count map[string]int) []moment {
	count[passedTime] = max(1, int(x.took.Milliseconds()))
	kinds := []string{beforeCall, fileEvent, afterCall, passedTime}
	var lists [][]moment
	for _, kind := range kinds {
		var list []moment
		for _, i := range x.random.Perm(count[kind]) {
			list = append(list, moment{kind, i + 1})
		}
		lists = append(lists, list)
	}
	var all []moment
	for i := range slices.Max([]int{count[beforeCall], count[fileEvent], count[passedTime]}) {
		for _, list := range lists {
			if i < len(list) {
				all = append(all, list[i])
			}
		}
	}
	return all
}

// kill ends a process; every other time somebody saves a file just before.
func (x *torture) kill(p *os.Process) (dead bool) {
	if x.round%2 == 0 {
		x.saveAtOnce("notes.md", fmt.Sprintf("saved in round %d\n", x.round))
	}
	return p.Kill() == nil
}

// disturb makes one round: people edit, a run is disturbed at a moment, what
// it left is judged, and so is what the next runs make of it. A nil blow
// leaves it alone.
func (x *torture) disturb(at moment, blow func(*os.Process) bool) (struck string, count map[string]int) {
	x.Helper()
	x.round++
	base := x.local()
	var daemonRuns bool
	if x.verb == "watch" {
		x.start()
		daemonRuns = true
	} else {
		x.edit()
	}
	x.trap.look(x.path(".assetsync"))
	x.trap.look(x.path(tortureDir))
	var cmd *exec.Cmd
	var said bytes.Buffer
	start := func() {
		if daemonRuns {
			cmd = x.daemon.cmd
			return
		}
		cmd = exec.Command("assetsync", x.verb)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = x.dir, x.env, &said, &said
		x.must(cmd.Start())
	}
	strike := func() bool { return blow != nil && blow(cmd.Process) }
	began := time.Now()
	x.trap.arm(at, start, strike)
	if daemonRuns {
		x.edit()
		x.awaitDaemon()
	} else {
		_ = cmd.Wait() // killed, mostly
		x.said, x.code = said.String(), cmd.ProcessState.ExitCode()
	}
	took := time.Since(began)
	struck, count = x.trap.disarm()
	if struck == "" && blow == nil {
		x.took = max(x.took, took)
	}
	if x.mend != nil {
		x.mend()
		x.mend = nil
	}
	edited, live := x.local(), x.live()
	x.judge(at, struck, base, edited, live, said.String())
	return struck, count
}

// awaitDaemon waits until the daemon was killed or has published, and ends it.
func (x *torture) awaitDaemon() {
	x.Helper()
	ours := fmt.Sprintf("round %d of %s\n", x.round, x.verb)
	deadline := time.Now().Add(patience)
	for !x.daemon.ended() && time.Now().Before(deadline) && x.live()["ours0.md"] != ours {
		time.Sleep(glance)
	}
	if !x.daemon.ended() {
		time.Sleep(5 * glance) // it proves and records what it has published
	}
	x.daemon.kill()
	x.daemon = nil
}

func (x *torture) local() map[string]string {
	x.Helper()
	files, err := x.files(tortureDir)
	x.must(err)
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.Contains(name, manifest.TempPrefix) })
	return files
}

func (x *torture) live() map[string]string {
	x.Helper()
	files, err := x.remote.files(x.id, 0)
	x.must(err)
	return files
}

// judge looks at what a disturbed run left, lets the next ones go on from
// there, and looks again. base is what both sides were before people edited.
func (x *torture) judge(at moment, struck string, base, here, there map[string]string, said string) {
	x.Helper()
	fail := func(what string, more ...any) {
		x.Helper()
		x.Errorf("seed %d, round %d of %s, struck at %s (%s): %s%s\nit said: %s", x.seed, x.round, x.verb, at, struck, what, fmt.Sprint(more...), said)
	}
	text := fmt.Sprintf("round %d of %s\n", x.round, x.verb)
	note := fmt.Sprintf("saved in round %d\n", x.round)
	for side, files := range map[string]map[string]string{"here": here, "on the remote": there} {
		for name, got := range files {
			if old, ok := base[name]; (!ok || got != old) && got != text && got != note {
				fail(side+", "+name+" is neither old nor new: ", got)
			}
		}
	}
	want := x.wanted(base, text)
	if struck != "" && here["notes.md"] == note {
		want["notes.md"] = note
	}
	x.age()
	verbs := []string{"push", "pull", "push", "pull"}
	if x.verb == "pull" {
		verbs = []string{"pull", "push", "pull", "push"}
	}
	var version int32
	for i, verb := range verbs {
		if out, errs, code := x.run(verb); code != 0 {
			fail(fmt.Sprintf("%s, run %d after it, ends with %d:\n", verb, i+1, code), out, errs)
			return
		}
		if i == 1 {
			version = x.version(tortureDir)
			if d := cmp.Diff(want, x.local()); d != "" {
				fail("the directory after the next runs (-want +got):\n", d)
			}
			if d := cmp.Diff(want, x.live()); d != "" {
				fail("the remote after the next runs (-want +got):\n", d)
			}
		}
	}
	if now := x.version(tortureDir); now != version {
		fail(fmt.Sprintf("runs with nothing to do took it from version %d to %d", version, now))
	}
	if d := cmp.Diff(want, x.local()); d != "" {
		fail("the directory after runs with nothing to do (-want +got):\n", d)
	}
	for _, name := range x.temporaries() {
		fail("a temporary file stays: ", name)
	}
}

// wanted is what both sides are to hold in the end: what edit has made of base.
func (x *torture) wanted(base map[string]string, text string) map[string]string {
	want := maps.Clone(base)
	ours, theirs := 1, 1
	if x.round%shapes == 0 && x.verb == "pull" {
		theirs = 6
	} else if x.round%shapes == 0 {
		ours = 6
	}
	for i := range ours {
		want[fmt.Sprintf("ours%d.md", i)] = text
	}
	for i := range theirs {
		want[fmt.Sprintf("d/theirs%d.md", i)] = text
	}
	if x.round%shapes == 1 {
		for _, name := range []string{"ours.new.md", "new/theirs.new.md"} {
			if _, ok := base[name]; ok {
				delete(want, name)
			} else {
				want[name] = text
			}
		}
	}
	return want
}

// age makes the temporary files of the state older than any write takes, as
// they are for those who come back later.
func (x *torture) age() {
	x.Helper()
	then := time.Now().Add(-2 * sweepAge)
	for _, name := range x.temporaries() {
		if strings.HasPrefix(name, x.path(".assetsync")) {
			x.must(os.Chtimes(name, then, then))
		}
	}
}

// temporaries lists temporary files below the directory and the state.
func (x *torture) temporaries() (names []string) {
	x.Helper()
	x.must(filepath.WalkDir(x.dir, func(path string, d fs.DirEntry, err error) error {
		if strings.HasPrefix(d.Name(), manifest.TempPrefix) || strings.HasPrefix(d.Name(), "tmp_") {
			names = append(names, path)
		}
		return err
	}))
	return names
}
