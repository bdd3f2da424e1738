package sync_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"assetsync/manifest"
	"assetsync/manifest/durable"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/remote/emulator"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// slowSave is how long a file is away while a bad editor saves it; half a call
// takes longer.
const slowSave = 20 * time.Millisecond

// lanes is how many sleepers there may be: each wakes in nanoseconds of its
// own, so that never two run at once and a story goes the same way each time.
const lanes = 16

func itoa(n int) string { return strconv.Itoa(n) }

// sim is one simulation. All of it runs in one synctest bubble, one goroutine
// at a time.
type sim struct {
	story   simStory
	dir     string
	server  *emulator.Server
	reader  *remote.Client
	space   state.Space
	workers map[string]*simWorker
	origin  *simOrigin
	ids     int

	asset   string
	ledger  *simLedger
	line    []simVersion // the remote after each write
	logged  int
	late    int // writes that came or may come late
	runs    map[string]*simRun
	tokens  map[*simRun]string // of the write that a run is at
	burned  map[string]bool    // tokens that were refused
	settled bool               // faults have stopped
	lostAt  int                // in the timeline, where what is missing was replaced
	warned  bool               // somebody was told of a possible lost update
	types   []any              // the agent types that the config of one says
	status  string             // that the web app has set last

	log        []string
	violations []string
	totals     simTotals
}

// simTotals counts what happened.
type simTotals struct{ edits, faults, crashes, conflicts, merges, versions, exempted int }

func (t *simTotals) add(u simTotals) {
	t.edits += u.edits
	t.faults += u.faults
	t.crashes += u.crashes
	t.conflicts += u.conflicts
	t.merges += u.merges
	t.versions += u.versions
	t.exempted += u.exempted
}

// simWorker is somebody with a directory: a machine with state, or a pipeline
// that has none.
type simWorker struct {
	*sim
	name       string
	lane       int
	dir, state string
	target     assetsync.Target
	disk       *simDisk
	copies     *simDisk
	busy       chan struct{} // closed when its run is over; nil: none was begun

	changed  map[string]bool   // paths that were edited since they were told to be saved
	broken   map[string]string // what the files held that cannot be read now
	latest   map[string]string // what was saved since the last run began; "": deleted
	deleted  map[string]bool   // paths that somebody deleted here
	saving   string            // a path that is not there because it is being saved; "": none is
	conflict []string          // paths that the last run called conflicts
	shown    map[string]string // what the remote held of a path when it was told to be one
	outcome  string            // of the last run

	published int               // length of the timeline when a run of its own had published all there was; 0: not so
	held      map[string]string // what the files held then
}

func newSim(story simStory, dir string) *sim {
	s := &sim{
		story: story, dir: dir, ledger: newSimLedger(story.kind), types: []any{"GENERIC"}, runs: map[string]*simRun{}, tokens: map[*simRun]string{}, burned: map[string]bool{},
		space:   state.Space{Endpoint: "embedded", Region: "local", AgentSpace: "sp-1"},
		workers: map[string]*simWorker{},
	}
	opts := emulator.Options{Path: filepath.Join(dir, "emulator.db"), Exclusive: true, Clock: time.Now, NewID: s.newID}
	for _, q := range story.quirks {
		must(opts.Quirks.ParseQuirk(q))
	}
	var err error
	s.server, err = emulator.New(opts)
	must(err)
	s.reader = s.webClient("oracle")
	return s
}

func (s *sim) newID() string {
	s.ids++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", s.ids)
}

func (s *sim) note(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), s.dir+string(filepath.Separator), "")
	s.log = append(s.log, time.Now().Format("04:05.000 ")+text)
}

// violate notes that a promise was broken, by a run or nil, at a path or "".
func (s *sim) violate(promise string, run *simRun, path, format string, args ...any) {
	v := violation{promise, run, path, promise + ": " + fmt.Sprintf(format, args...)}
	for _, e := range simExemptions() {
		if e.promise == promise && e.applies(s, v) {
			s.totals.exempted++
			s.note("exempted, for %s: %s", e.reading, v.text)
			return
		}
	}
	s.note("VIOLATION %s", v.text)
	s.violations = append(s.violations, v.text)
}

// nap sleeps, and wakes at a nanosecond at which nobody else wakes.
func (s *sim) nap(lane int, d time.Duration) {
	wake := time.Now().Add(d)
	wake = wake.Add(time.Duration(lane) - time.Duration(wake.UnixNano()%lanes))
	if !wake.After(time.Now()) {
		wake = wake.Add(lanes)
	}
	time.Sleep(time.Until(wake))
}

// writers are who changes files.
func (s *sim) writers() []string {
	if s.story.git {
		return []string{"one", "two", "web", "dev"}
	}
	return []string{"one", "two", "web"}
}

// paths are those that who may touch.
func (s *sim) paths(who string) []string {
	if s.story.kind == byLine {
		return []string{"SKILL.md", "f1.md", "f2.md", "dir/f3.md"}
	}
	prefix := map[string]string{"one": "x", "two": "y", "web": "w", "dev": "g"}[who]
	if s.story.kind == together {
		prefix = "f"
	}
	paths := []string{prefix + "1.md", prefix + "2.md", "dir/" + prefix + "3.md", prefix + "4.md", prefix + "5.md"}
	if who == "one" || s.story.kind == together {
		paths = append([]string{"SKILL.md"}, paths...)
	}
	return paths
}

// worker makes somebody with a directory.
func (s *sim) worker(name string) *simWorker {
	root := filepath.Join(s.dir, name)
	w := &simWorker{
		sim: s, name: name, lane: 1 + len(s.workers), dir: filepath.Join(root, "demo"), state: filepath.Join(root, ".assetsync"),
		changed: map[string]bool{}, broken: map[string]string{}, deleted: map[string]bool{}, latest: map[string]string{}, shown: map[string]string{},
	}
	w.target = assetsync.Target{
		Name: "demo", Path: w.dir, ConfigDir: root, Type: "skill", AssetID: s.asset,
		Metadata:     map[string]any{"agent_types": []any{"GENERIC"}},
		MaxFileCalls: 3, MaxDeletes: 100, MaxDeletePercent: 100,
	}
	if s.story.text {
		w.target.Text = manifest.TextLF
	}
	must(os.MkdirAll(w.dir, 0o755))
	must(os.MkdirAll(filepath.Join(w.state, "conflicts"), 0o700))
	w.disk, w.copies = newSimDisk(w.dir), newSimDisk(filepath.Join(w.state, "conflicts"))
	s.workers[name] = w
	return w
}

// content is what somebody writes at a path that held had: all of it, or his
// own line.
func (s *sim) content(who, path string, m simMark, had string) string {
	said := "what " + m.mark + " says\n"
	if own := ownLine(who); s.story.kind == byLine && own.MatchString(had) {
		return own.ReplaceAllLiteralString(had, said)
	}
	text := said + "of " + path + "\n"
	if path == "SKILL.md" {
		text = skillMain + text
	}
	return text
}

// put writes a file as an editor does; nil removes it.
func (w *simWorker) put(path string, content *string) {
	name := filepath.Join(w.dir, filepath.FromSlash(path))
	if content == nil {
		must(os.RemoveAll(name))
	} else {
		must(os.MkdirAll(filepath.Dir(name), 0o755))
		must(os.RemoveAll(name))
		must(os.WriteFile(name, []byte(*content), 0o644))
	}
	w.disk.saved(filepath.FromSlash(path), content)
}

// file returns what a file holds, also one that cannot be read just now; "" is
// none.
func (w *simWorker) file(path string) string {
	if content, ok := w.broken[path]; ok {
		return content
	}
	data, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(path)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic(err)
	}
	return string(data)
}

// files returns all files of the directory, broken ones too.
func (w *simWorker) files() map[string]string {
	files := maps.Clone(w.broken)
	must(filepath.WalkDir(w.dir, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == ".git" || e.Name() == ".assetsync"):
			return fs.SkipDir
		case !e.Type().IsRegular() || strings.HasPrefix(e.Name(), manifest.TempPrefix):
			return nil
		}
		rel, err := filepath.Rel(w.dir, name)
		files[filepath.ToSlash(rel)] = readName(name)
		return err
	}))
	return files
}

// run lets a worker run a verb, beside what others do. It waits for the run
// before it.
func (w *simWorker) run(verb string, harm simHarm, seed uint64, body func(*simRun, *assetsync.Engine) assetsync.Result) {
	w.wait()
	r := &simRun{
		sim: w.sim, worker: w, verb: verb, number: len(w.runs) + 1, rnd: rand.New(rand.NewPCG(seed, 11)), harm: harm,
		looked: -1, doubtful: map[string]bool{}, left: map[string]bool{},
	}
	w.runs[r.String()] = r
	done := make(chan struct{})
	w.busy = done
	go func() {
		defer close(done)
		w.nap(w.lane, time.Millisecond)
		w.process(r, body)
	}()
}

// wait waits until the worker's run is over.
func (w *simWorker) wait() {
	if w.busy != nil {
		<-w.busy
		w.busy = nil
		w.nap(0, time.Millisecond)
	}
}

// process is a process that runs a verb, and may die.
func (w *simWorker) process(r *simRun, body func(*simRun, *assetsync.Engine) assetsync.Result) {
	e, cleanup := w.engine(r)
	r.began = len(w.line)
	clear(w.latest)
	before := w.files()
	changed := maps.Clone(w.changed)
	w.note("%s begins", r)
	var res assetsync.Result
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		res = body(r, e)
	}()
	<-ended
	cleanup()
	if r.consent && r.verb != "push" {
		w.chosen(before)
	}
	r.cutShort = r.died || res.Error != nil
	if r.takesBack() {
		w.tookBack(r, before, r.cutShort)
	}
	if r.died {
		w.powerFails(r.rnd)
		return
	}
	w.heard(r, res, before, changed)
}

// chosen takes what a pull brought as the worker's own choice: he gave up what
// he had for it.
func (w *simWorker) chosen(before map[string]string) {
	after := w.files()
	for p, content := range after {
		if content != before[p] {
			w.ledger.setBack(w.name, p, content, before[p])
			w.changed[p] = true
		}
	}
	for p, content := range before {
		if _, there := after[p]; !there {
			w.ledger.newMark(w.name, p, content, true)
			w.ledger.blurred[p] = true
			w.deleted[p], w.changed[p] = true, true
		}
	}
}

// tookBack takes what a run that takes back has made of the remote as its
// worker's own choice, over what he had of it, and no more than that.
func (w *simWorker) tookBack(r *simRun, before map[string]string, unsure bool) {
	own := func(p string) bool { return w.story.kind == together || slices.Contains(w.paths(w.name), p) }
	for i := 1; i < len(w.line); i++ {
		was, is := w.line[i-1].files, w.line[i].files
		if w.line[i].run != r {
			continue
		}
		for p := range was {
			if _, there := is[p]; !there && own(p) {
				w.ledger.newMark(w.name, p, before[p], true)
				w.ledger.blurred[p], w.deleted[p] = true, true
				w.ledger.meant(w.name, simMark{p, ""})
			}
		}
		for p, content := range is {
			if content != was[p] && w.file(p) != content {
				r.left[p] = true // which he was told
			}
			if content != was[p] && own(p) {
				w.ledger.setBack(w.name, p, content, before[p])
				w.ledger.meant(w.name, w.ledger.markOf(w.name, p, content))
			}
		}
	}
	for _, p := range w.paths(w.name) {
		w.ledger.unsure[p] = w.ledger.unsure[p] || unsure || w.changed[p]
	}
}

// powerFails is what a crash leaves of the directory.
func (w *simWorker) powerFails(rnd *rand.Rand) {
	if rnd.IntN(2) == 0 && (w.disk.fail(rnd) || w.copies.fail(rnd)) {
		w.note("the disk of %s has forgotten something", w.name)
	}
	w.disk.age()
	w.copies.age()
}

// engine opens what a process opens.
func (w *simWorker) engine(r *simRun) (*assetsync.Engine, func()) {
	db, err := state.Open(filepath.Join(w.state, "state.db"), state.Owner{})
	must(err)
	history, err := gitrepo.OpenHistory(filepath.Join(w.state, "history.git"))
	must(err)
	calls := map[string]int{}
	client, err := remote.NewClient(remote.Options{
		Endpoint: "http://embedded", HTTPClient: r, OnCall: func(op string, _ error) { calls[op]++ },
	})
	must(err)
	repo, err := gitrepo.FindWorktree(w.dir)
	must(err)
	steps := 0
	target := w.target
	if r.verb == "sync" {
		target.Direction = assetsync.BothWays
	}
	o := assetsync.Options{
		Repo: repo, Target: target, Space: w.space, Client: client, Calls: func() map[string]int { return calls },
		Assets: assetsync.NewDirectory(w.space.AgentSpace), State: db, History: history,
		Conflicts: w.copies.dir,
		Disk: func(dir string) durable.Hook {
			switch dir {
			case "":
				return r.hook(func(_ durable.Op, do func() error) error { return do() }, &steps)
			case w.copies.dir:
				return r.hook(w.copies.step, &steps)
			}
			return r.hook(w.disk.step, &steps)
		},
		Listed: true, Now: time.Now, Rand: simRandom{r.rnd}, DoubtWait: time.Minute,
		Sleep: func(_ context.Context, d time.Duration) error { w.nap(w.lane, d); return nil },
	}
	if w.story.ahead {
		o.Together = r.inAnyOrder
	}
	e, err := assetsync.New(o)
	must(err)
	return e, func() {
		if repo != nil {
			must(repo.Close())
		}
		must(history.Close())
		must(db.Close())
	}
}

// simRandom is where an engine takes its nonces from.
type simRandom struct{ *rand.Rand }

func (r simRandom) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return len(b), nil
}

// names returns the names of the workers with state, in order.
func (s *sim) machines() (machines []*simWorker) {
	for _, name := range slices.Sorted(maps.Keys(s.workers)) {
		if w := s.workers[name]; name != "ci" {
			machines = append(machines, w)
		}
	}
	return machines
}

func (s *sim) close() {
	must(s.server.Close())
	must(os.RemoveAll(s.dir))
}

// tellAnswers puts on record how the service behaves, as a probe finds it.
func (w *simWorker) tellAnswers() {
	answers := []string{}
	for _, q := range emulator.AllQuirks() {
		if slices.Contains([]string{"file-create-version", "create-existing", "file-delete-version"}, q.Name) {
			answers = append(answers, q.Name+"="+q.Readings[0])
		}
	}
	for i, a := range answers {
		name, _, _ := strings.Cut(a, "=")
		for _, q := range w.story.quirks {
			if strings.HasPrefix(q, name+"=") {
				answers[i] = q
			}
		}
	}
	db, err := state.Open(filepath.Join(w.state, "state.db"), state.Owner{})
	must(err)
	must(db.Update(func(tx state.Tx) error { return tx.PutEndpoint(w.space, probed(answers...)) }))
	must(db.Close())
}
