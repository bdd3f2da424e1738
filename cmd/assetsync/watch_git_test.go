package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/emulator"
	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
)

// realSkills is a git bundle of published skills, which lies beside the
// checkout where there is one.
const realSkills = "../../../shared/realdata/aws-sample-skills.bundle"

const (
	// walkPatience is how long a daemon may take to be in step: many times
	// what a slow machine needs, so that only a daemon that never is fails.
	walkPatience = time.Minute

	// walkRefusal is how long a target has to say one and the same refusal
	// until it is believed to be the end of it.
	walkRefusal = 1500 * time.Millisecond

	// walkStop is how long an operation of git that stops halfway is left so:
	// many times watch.settle.
	walkStop = 2 * time.Second
)

// TestWatchWalksThroughGit lets git walk through the history of real skills,
// and through a longer one made of them, under a running daemon. Every state
// that settled is published once, nothing in between is, and where a guard
// keeps a state back, the status says so.
func TestWatchWalksThroughGit(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	for _, tt := range []struct {
		name   string
		linked bool
		branch string
		walk   func(*walk)
	}{
		{name: "history", walk: (*walk).history},
		{name: "history in haste", walk: (*walk).haste},
		{name: "operations", walk: (*walk).operations},
		{name: "linked worktree", linked: true, walk: (*walk).operations},
		{name: "branch", branch: "work", walk: (*walk).branches},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWalk(t, tt.linked)
			w.start(tt.branch)
			tt.walk(w)
			w.settle("the end")
			w.compare()
		})
	}
}

// walk is a repository with a daemon on it, and what settled there.
type walk struct {
	t       *testing.T
	dir     string
	linked  bool
	env     []string
	url     string
	remote  *emulator.Server
	command *app     // that asks the daemon
	log     syncText // of the daemon
	random  *rand.Rand
	steps   int
	states  map[string][]walkState // by the name of the skill
}

// walkState is a state of a skill's directory after a step.
type walkState struct {
	tree  manifest.ID
	must  bool   // it settled and nothing was in the way
	where string // which step led to it
	said  string // what was in the way
}

// skillOnDisk is a directory that holds a skill.
type skillOnDisk struct {
	name string
	tree manifest.ID
}

// syncText is a text that a daemon writes while others read it.
type syncText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *syncText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *syncText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// newWalk clones the real skills and grows a branch "work" on them.
func newWalk(t *testing.T, linked bool) *walk {
	t.Helper()
	bundle, err := filepath.Abs(realSkills)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(bundle); err != nil {
		t.Skip("no real skills beside the checkout")
	}
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{t: t, dir: home, linked: linked, states: map[string][]walkState{}, random: rand.New(rand.NewPCG(1, 2))}
	w.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=c", "GIT_COMMITTER_EMAIL=c@localhost",
		"GIT_EDITOR=true", "XDG_RUNTIME_DIR=" + home,
	}
	w.git("clone", "-q", bundle, "clone")
	w.dir = filepath.Join(home, "clone")
	w.grow(16)
	if linked {
		top := w.dir
		w.dir = filepath.Join(home, "linked")
		_ = top
		w.gitIn(top, "checkout", "-q", "--detach")
		w.gitIn(top, "worktree", "add", "-q", w.dir, "work")
	}
	return w
}

// grow adds commits to a new branch "work", each of which edits, adds or
// deletes files of a few skills.
func (w *walk) grow(n int) {
	w.t.Helper()
	w.git("checkout", "-q", "-b", "work")
	for i := range n {
		dirs := slices.Sorted(maps.Keys(w.disk()))
		for range 1 + w.random.IntN(3) {
			dir := filepath.Join(w.dir, dirs[w.random.IntN(len(dirs))])
			files := textsBelow(w.t, dir)
			names := slices.Sorted(maps.Keys(files))
			name := names[w.random.IntN(len(names))]
			switch w.random.IntN(4) {
			case 0:
				w.write(filepath.Join(dir, "references", fmt.Sprintf("added-%d.md", i)), strings.Repeat("more to know\n", 1+w.random.IntN(2000)))
			case 1:
				if name != "SKILL.md" {
					if err := os.Remove(filepath.Join(dir, name)); err != nil {
						w.t.Fatal(err)
					}
					continue
				}
				fallthrough
			default:
				w.write(filepath.Join(dir, name), files[name]+fmt.Sprintf("\nchange %d\n", i))
			}
		}
		w.git("add", "-A")
		w.git("commit", "-q", "--allow-empty", "-m", fmt.Sprintf("change %d", i))
	}
}

func (w *walk) write(name, content string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func textsBelow(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	fsys := os.DirFS(dir)
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// try runs git in a directory, away from any configuration but the
// repository's own.
func (w *walk) try(dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(w.t.Context(), "git", args...)
	cmd.Dir, cmd.Env = dir, w.env
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (w *walk) gitIn(dir string, args ...string) string {
	w.t.Helper()
	out, err := w.try(dir, args...)
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (w *walk) git(args ...string) string {
	w.t.Helper()
	return w.gitIn(w.dir, args...)
}

// stops runs a git that has to stop halfway, and leaves it so for a while.
func (w *walk) stops(args ...string) {
	w.t.Helper()
	if out, err := w.try(w.dir, args...); err == nil {
		w.t.Fatalf("git %s does not stop:\n%s", strings.Join(args, " "), out)
	}
	time.Sleep(walkStop)
}

var skillName = regexp.MustCompile(`(?m)^name: *"?([^"\n]*?)"? *$`)

// disk returns the skills that lie in the worktree, by directory.
func (w *walk) disk() map[string]skillOnDisk {
	w.t.Helper()
	found := map[string]skillOnDisk{}
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.Name() != "SKILL.md":
			return nil
		}
		files := map[manifest.Path][]byte{}
		for name, text := range textsBelow(w.t, filepath.Dir(path)) {
			files[manifest.Path(name)] = []byte(text)
		}
		bundle, err := manifest.NewBundle(files)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(w.dir, filepath.Dir(path))
		name := skillName.FindSubmatch(files["SKILL.md"])
		if name == nil {
			return fmt.Errorf("%s has no name", path)
		}
		found[rel] = skillOnDisk{string(name[1]), bundle.Tree().ID()}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// start begins a remote and a daemon that publishes all skills to it.
func (w *walk) start(branch string) {
	w.t.Helper()
	var err error
	w.remote, err = emulator.New(emulator.Options{Path: filepath.Join(w.t.TempDir(), "emulator.db"), Exclusive: true, Clock: time.Now, NewID: newID})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = w.remote.Close() })
	server := httptest.NewServer(w.remote)
	w.t.Cleanup(server.Close)
	w.url = server.URL
	pin := ""
	if branch != "" {
		pin = "\n    branch: " + branch
	}
	// One change is a file call, more are a zip: each state is one version.
	w.write(filepath.Join(w.dir, "assetsync.yaml"), `region: eu-west-1
agent_space: sp-walk
endpoint: `+server.URL+`
rate: {requests_per_second: 10000, burst: 10000}
targets:
  - path: "**"
    type: skill`+pin+`
    metadata: {agent_types: [GENERIC]}
    deletes: {max_files: 1000, max_percent: 100}
`)
	w.git("config", "core.excludesFile", filepath.Join(w.dir, "..", "excludes"))
	w.write(filepath.Join(w.dir, "..", "excludes"), "assetsync.yaml\n")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	w.command = w.app()
	watch := w.app()
	watch.stderr = &w.log
	go func() { ended <- watch.run(ctx, []string{"watch", "--log-format", "json"}) }()
	w.t.Cleanup(func() {
		cancel()
		if code := <-ended; code != 0 {
			w.t.Errorf("the daemon ends with %d", code)
		}
		if w.t.Failed() {
			w.t.Logf("the daemon says:\n%s", w.log.String())
		}
	})
	w.settle("the start")
}

// app is an invocation in the worktree.
func (w *walk) app() *app {
	getenv := func(name string) (string, bool) {
		for _, v := range w.env {
			if value, ok := strings.CutPrefix(v, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}
	a := &app{
		stdin: strings.NewReader(""), stdout: &syncText{}, stderr: &syncText{}, getenv: getenv, now: time.Now,
		cwd: w.dir, timeout: walkPatience,
	}
	a.log, _ = newLogger(a.stderr, a.logLevel(0), "json")
	return a
}

// settle waits until the daemon has nothing to do, and notes the states that
// it was in step with or said it could not publish.
func (w *walk) settle(step string) {
	w.t.Helper()
	w.steps++
	began := time.Now()
	var refused string
	var since time.Time
	for {
		disk := w.disk()
		said, why := w.inStep(disk, began)
		if why == "" && said == nil {
			w.note(step, disk, nil)
			return
		}
		if text := fmt.Sprint(said); why != "" {
			refused = ""
		} else if text != refused {
			refused, since = text, time.Now()
		} else if time.Since(since) > walkRefusal {
			w.note(step, disk, said)
			return
		}
		if time.Since(began) > walkPatience {
			w.t.Fatalf("after %s the daemon is not in step within %s: %s %v", step, walkPatience, why, said)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// inStep returns why the daemon is not in step with what lies on the disk yet,
// "" when it is but for what it says of directories that it will not publish.
func (w *walk) inStep(disk map[string]skillOnDisk, began time.Time) (said map[string]string, why string) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	config, err := w.command.loadConfig()
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.command.daemonOf(config, nil)
	if err != nil || r == nil {
		return nil, fmt.Sprintf("no daemon: %v", err)
	}
	found, err := r.client.Status(ctx, r.ask)
	if err != nil && (len(disk) > 0 || !errors.Is(err, daemon.ErrStale)) {
		return nil, err.Error()
	}
	h, err := r.client.Health(ctx)
	if err != nil {
		return nil, err.Error()
	}
	say := func(dir, text string) {
		if said == nil {
			said = map[string]string{}
		}
		said[dir] = text
	}
	views := map[string]daemon.View{}
	for _, v := range h.Targets {
		views[v.Target] = v
		if _, ok := disk[filepath.FromSlash(v.Target)]; !ok && h.Config == "" {
			return nil, v.Target + " is still a target"
		}
	}
	status := map[string]assetsync.Result{}
	for _, res := range found.Results {
		status[res.Target] = res
	}
	for dir := range disk {
		v, ok := views[filepath.ToSlash(dir)]
		res := status[filepath.ToSlash(dir)]
		switch {
		case !ok && h.Config == "":
			return nil, dir + " is no target yet"
		case !ok:
			say(dir, "the old config is in use: "+h.Config)
		case v.State == daemon.InStep && res.Error == nil && len(res.Changes) == 0 && len(res.MetadataChanges) == 0 && len(res.Problems) == 0:
		case v.State == daemon.Blocked, v.State == daemon.Failed, v.State == daemon.Conflict:
			if v.LookedAt.Before(began) {
				return nil, dir + " was not looked at"
			}
			say(dir, string(v.State)+": "+v.Reason)
		case v.State == daemon.Held && w.heldForGood(v):
			say(dir, string(v.State)+": "+v.Reason)
		default:
			return nil, fmt.Sprintf("%s is %s (%s)", dir, v.State, v.Reason)
		}
	}
	return said, ""
}

// heldForGood reports whether a target waits for something that only another
// step ends.
func (w *walk) heldForGood(v daemon.View) bool {
	return strings.Contains(v.Reason, "not on the history of")
}

func (w *walk) note(step string, disk map[string]skillOnDisk, said map[string]string) {
	for _, dir := range slices.Sorted(maps.Keys(disk)) {
		s := disk[dir]
		_, refused := said[dir]
		w.states[s.name] = append(w.states[s.name], walkState{s.tree, !refused, fmt.Sprintf("%d: %s", w.steps, step), said[dir]})
	}
}

// passing notes the states that a step led to and that are not waited for:
// they may be published, as long as they stand.
func (w *walk) passing(step string) {
	w.t.Helper()
	w.steps++
	disk := w.disk()
	said := map[string]string{}
	for dir := range disk {
		said[dir] = "it did not stand long"
	}
	w.note(step, disk, said)
}

// compare holds the versions of every asset to the states.
func (w *walk) compare() {
	w.t.Helper()
	versions := w.versions()
	published, kept := 0, map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(w.states)) {
		published += len(versions[name])
		if why := whyNot(w.states[name], versions[name]); why != "" {
			w.t.Errorf("%s: %s; its versions:\n%v\nits states:\n%s", name, why, versions[name], told(w.states[name]))
		}
		for _, s := range w.states[name] {
			if !s.must {
				reason, _, _ := strings.Cut(s.said, ":")
				kept[reason]++
			}
		}
	}
	for name := range versions {
		if w.states[name] == nil {
			w.t.Errorf("%s was published and never was a state", name)
		}
	}
	w.t.Logf("%d steps, %d versions of %d skills; states that were not waited for, or refused: %v", w.steps, published, len(w.states), kept)
}

// whyNot returns why versions are not what states, one after the other, should
// have led to, "" when they are: a state that had to be published is the
// newest version while it stands, another may be, and nothing else is there.
func whyNot(states []walkState, versions []manifest.ID) string {
	for i := 1; i < len(versions); i++ {
		if versions[i] == versions[i-1] {
			return fmt.Sprintf("version %d is published twice", i)
		}
	}
	for i, v := range versions {
		if !slices.ContainsFunc(states, func(s walkState) bool { return s.tree == v }) {
			return fmt.Sprintf("version %d, %s, was no state", i+1, v.Short())
		}
	}
	made := map[int]bool{0: true} // how many versions may have been made by now
	for _, s := range states {
		next := map[int]bool{}
		for n := range made {
			if !s.must || n > 0 && versions[n-1] == s.tree {
				next[n] = true
			}
			if n < len(versions) && versions[n] == s.tree {
				next[n+1] = true
			}
		}
		if len(next) == 0 {
			return fmt.Sprintf("state %s of step %s was not published when it stood", s.tree.Short(), s.where)
		}
		made = next
	}
	if !made[len(versions)] {
		return "there are versions that were no states when they were made"
	}
	return ""
}

func told(states []walkState) string {
	var b strings.Builder
	for _, s := range states {
		fmt.Fprintf(&b, "%s must=%v %s %s\n", s.tree.Short(), s.must, s.where, s.said)
	}
	return b.String()
}

// versions reads the trees of all versions, by the name of the skill.
func (w *walk) versions() map[string][]manifest.ID {
	w.t.Helper()
	client, err := remote.NewClient(remote.Options{Endpoint: w.url, HTTPClient: http.DefaultClient})
	if err != nil {
		w.t.Fatal(err)
	}
	space := "sp-walk"
	assets, err := assetsync.ListAssets(w.t.Context(), client, space, "skill")
	if err != nil {
		w.t.Fatal(err)
	}
	found := map[string][]manifest.ID{}
	for _, a := range assets {
		metadata, err := a.Metadata.Map()
		if err != nil {
			w.t.Fatal(err)
		}
		name := fmt.Sprint(metadata["name"])
		for v := int32(1); v <= *a.Version; v++ {
			out, err := client.GetAssetContent(w.t.Context(), &remote.GetAssetContentInput{AgentSpaceId: &space, AssetId: a.AssetId, AssetVersion: &v})
			if err != nil {
				w.t.Fatal(err)
			}
			bundle, err := manifest.ReadZip(out.Content.ZipFile, manifest.ZipLimits{})
			if err != nil {
				w.t.Fatal(err)
			}
			found[name] = append(found[name], bundle.Tree().ID())
		}
	}
	return found
}

// commits returns the commits of a branch, oldest first.
func (w *walk) commits(branch string) []string {
	w.t.Helper()
	return strings.Fields(w.git("rev-list", "--reverse", "--first-parent", branch))
}

// history checks out every commit, there and back.
func (w *walk) history() {
	all := w.commits("work")
	back := slices.Clone(all)
	slices.Reverse(back)
	for _, c := range append(back, all...) {
		w.git("checkout", "-q", c)
		w.settle("checkout " + c[:7])
	}
}

// haste checks out one commit after the other, some so fast that nothing
// settles.
func (w *walk) haste() {
	all := w.commits("work")
	for range 8 {
		for range 12 {
			c := all[w.random.IntN(len(all))]
			w.git("checkout", "-q", c)
			w.passing("checkout " + c[:7])
			time.Sleep(time.Duration(w.random.IntN(250)) * time.Millisecond)
		}
		w.settle("a rest")
	}
	w.git("checkout", "-q", "work")
}

// operations does what people do with git.
func (w *walk) operations() {
	step := func(args ...string) {
		w.t.Helper()
		w.git(args...)
		w.settle("git " + strings.Join(args, " "))
	}
	skill := "aws-wa-review-skill-devops"
	file := filepath.Join(w.dir, skill, "SKILL.md")
	edit := func(text string) {
		w.t.Helper()
		old, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		w.write(file, string(old)+text)
	}
	commit := func(text string) {
		w.t.Helper()
		edit(text)
		w.settle("edit " + text)
		step("commit", "-q", "-a", "-m", text)
	}
	top := w.git("rev-parse", "HEAD")

	// A side branch that changes the end of the same file.
	step("checkout", "-q", "-b", "side", "HEAD~4")
	commit("\nside one\n")
	w.write(filepath.Join(w.dir, skill, "references", "side.md"), "side\n")
	w.settle("an untracked file")
	step("add", "-A")
	step("commit", "-q", "-m", "side two")

	// Stash: there and back.
	edit("\nnot yet\n")
	w.write(filepath.Join(w.dir, "eks-resilience-checker-skill-devops", "references", "new.md"), "new\n")
	step("add", "-A")
	step("stash")
	step("stash", "pop")
	step("stash", "--include-untracked")
	step("stash", "pop")
	step("reset", "-q", "--hard")
	step("clean", "-q", "-f", "-d", "--exclude=assetsync.yaml")

	// Amend: the same content, then other.
	step("commit", "-q", "--amend", "-m", "side two, again")
	edit("\namended\n")
	w.settle("edit")
	step("commit", "-q", "-a", "--amend", "-m", "side two, amended")

	// Rebase without a conflict, and an interactive one.
	step("checkout", "-q", "work")
	step("checkout", "-q", "-b", "clean", "HEAD~6")
	w.write(filepath.Join(w.dir, skill, "references", "clean.md"), "clean\n")
	w.settle("a new file")
	step("add", "-A")
	step("commit", "-q", "-m", "clean one")
	w.write(filepath.Join(w.dir, skill, "references", "clean.md"), "clean, again\n")
	w.settle("an edit")
	step("commit", "-q", "-a", "-m", "clean two")
	step("rebase", "-q", "work")
	w.env = append(w.env, "GIT_SEQUENCE_EDITOR=sed -i -e '1{h;d};2{G}'")
	w.stops("rebase", "-q", "-i", "HEAD~2") // the other way round they meet
	step("rebase", "--abort")
	w.env[len(w.env)-1] = "GIT_SEQUENCE_EDITOR=sed -i -e '2s/^pick/fixup/'"
	step("rebase", "-q", "-i", "HEAD~2")
	w.env[len(w.env)-1] = "GIT_SEQUENCE_EDITOR=sed -i -e 's/^pick/edit/'"
	w.git("rebase", "-q", "-i", "HEAD~3") // it stops, which is no failure
	time.Sleep(walkStop)
	w.git("rebase", "--continue")
	time.Sleep(walkStop / 4)
	w.git("rebase", "--continue")
	step("rebase", "--continue")
	w.env = w.env[:len(w.env)-1]

	// Rebase with a conflict that is resolved, by both of git's ways.
	for _, way := range []string{"--merge", "--apply"} {
		step("checkout", "-q", "-B", "ours", top)
		commit("\nours " + way + "\n")
		step("checkout", "-q", "-B", "theirs", top)
		commit("\ntheirs " + way + "\n")
		w.stops("rebase", "-q", way, "ours")
		w.git("checkout", "-q", "--theirs", skill)
		w.git("add", "-A")
		time.Sleep(walkStop / 4)
		step("rebase", "--continue")
	}

	// Merge: with a conflict, aborted and resolved; fast forward; cherry-pick.
	step("checkout", "-q", "-b", "merged", "ours")
	w.stops("merge", "-q", "side")
	step("merge", "--abort")
	w.stops("merge", "-q", "side")
	w.git("checkout", "-q", "--ours", ".")
	w.git("add", "-A")
	step("commit", "-q", "-m", "merged")
	w.stops("cherry-pick", "side~1")
	step("cherry-pick", "--abort")
	step("checkout", "-q", "ours")
	step("merge", "-q", "--ff-only", "merged")
	step("merge", "-q", "--no-edit", "clean")
	step("revert", "--no-edit", "-m", "1", "HEAD")

	// Bisect: nothing of it is published.
	first := w.git("rev-list", "--max-count=1", "--skip=6", "work")
	w.git("bisect", "start", "work", first)
	for range 2 {
		time.Sleep(walkStop / 4)
		w.git("bisect", "good")
	}
	step("bisect", "reset")

	// Another worktree of the repository is not this one's affair.
	other := filepath.Join(filepath.Dir(w.dir), "other")
	step("worktree", "add", "-q", "--detach", other, "work~8")
	w.gitIn(other, "checkout", "-q", "work~3")
	w.settle("a checkout in the other worktree")
	step("worktree", "remove", other)
	step("reset", "-q", "--hard", "work~5")
	step("reset", "-q", "--hard", top)
	step("checkout", "-q", "work")
}

// branches leaves the branch that is published, and comes back.
func (w *walk) branches() {
	step := func(args ...string) {
		w.t.Helper()
		w.git(args...)
		w.settle("git " + strings.Join(args, " "))
	}
	file := filepath.Join(w.dir, "aws-wa-review-skill-devops", "SKILL.md")
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	edit := func(more string) {
		w.t.Helper()
		w.write(file, string(text)+more)
		w.settle("edit " + more)
	}
	step("checkout", "-q", "HEAD~3") // on its history
	step("checkout", "-q", "work")
	for i := range 3 {
		step("checkout", "-q", "-b", fmt.Sprint("other", i), fmt.Sprint("work~", i))
		edit(fmt.Sprintf("\nother %d\n", i))
		step("commit", "-q", "-a", "-m", "other")
		edit(fmt.Sprintf("\nother %d, again\n", i))
		w.git("stash")
		step("checkout", "-q", "work")
		edit("\nwork\n")
		step("commit", "-q", "-a", "-m", "work")
		step("reset", "-q", "--hard", "HEAD~1")
	}
	w.stops("merge", "-q", "--squash", "--no-commit", "nothing-of-that-name")
	step("merge", "-q", "other0")
}

// TestWhyNot holds the judge of the walks to account.
func TestWhyNot(t *testing.T) {
	a, b, c := manifest.ID{1}, manifest.ID{2}, manifest.ID{3}
	must := func(id manifest.ID) walkState { return walkState{tree: id, must: true} }
	may := func(id manifest.ID) walkState { return walkState{tree: id} }
	for _, tt := range []struct {
		name     string
		states   []walkState
		versions []manifest.ID
		ok       bool
	}{
		{"each once", []walkState{must(a), must(b), must(a)}, []manifest.ID{a, b, a}, true},
		{"one stands", []walkState{must(a), must(a), must(b)}, []manifest.ID{a, b}, true},
		{"twice", []walkState{must(a), must(b)}, []manifest.ID{a, a, b}, false},
		{"missing", []walkState{must(a), must(b), must(c)}, []manifest.ID{a, c}, false},
		{"the last is missing", []walkState{must(a), must(b)}, []manifest.ID{a}, false},
		{"in between", []walkState{must(a), must(b)}, []manifest.ID{a, c, b}, false},
		{"an old state again", []walkState{must(a), must(b), must(c)}, []manifest.ID{a, b, a, c}, false},
		{"refused", []walkState{must(a), may(b), must(a)}, []manifest.ID{a}, true},
		{"published after all", []walkState{must(a), may(b), must(c)}, []manifest.ID{a, b, c}, true},
		{"a later one of the same", []walkState{must(a), may(b), must(a), must(b)}, []manifest.ID{a, b}, true},
		{"published and refused", []walkState{must(a), may(b), must(a)}, []manifest.ID{a, b}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if why := whyNot(tt.states, tt.versions); (why == "") != tt.ok {
				t.Errorf("says %q", why)
			}
		})
	}
}

// TestWatchSeesWhatCameAndWent makes a file that a push by hand publishes
// before it settled, and takes it away as soon: its going is published too.
func TestWatchSeesWhatCameAndWent(t *testing.T) {
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{t: t, dir: home, states: map[string][]walkState{}}
	w.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "XDG_RUNTIME_DIR=" + home}
	w.git("init", "-q", "skills")
	w.dir = filepath.Join(home, "skills")
	w.write(filepath.Join(w.dir, "one", "SKILL.md"), "---\nname: one\ndescription: "+strings.Repeat("What it does. ", 10)+"\n---\nText.\n")
	w.start("")
	w.write(filepath.Join(w.dir, "one", "gone.md"), "soon\n")
	w.passing("a file comes")
	config, err := w.command.loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.command.daemonOf(config, nil)
	if err != nil || r == nil {
		t.Fatalf("no daemon: %v", err)
	}
	results, _, err := r.client.Push(t.Context(), r.ask, assetsync.PushOptions{})
	if err != nil || len(results) != 1 || !slices.Equal(results[0].Versions, []int32{2}) {
		t.Fatalf("push: %v, %+v", err, results)
	}
	if err := os.Remove(filepath.Join(w.dir, "one", "gone.md")); err != nil {
		t.Fatal(err)
	}
	w.settle("it goes")
	w.compare()
}
