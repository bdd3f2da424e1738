package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// testPoll is the time between polls in tests.
const testPoll = 30 * time.Second

// rig is a daemon among fakes.
type rig struct {
	*testing.T
	d      *Daemon
	remote *fakeRemote
	pauses *fakePauses
	alarms *fakeAlarms
	logs   *observer.ObservedLogs
	ended  chan error

	mu      sync.Mutex
	set     Set
	loadErr error
	loads   []time.Time
	said    []string
	engines map[string]*fakeEngine
	repos   map[string]*fakeRepo
	watches map[string][]*fakeWatch // all that were opened, by target
	openErr error                   // of watches
	syncErr error
	print   string
}

// bubble runs a test in virtual time. That no goroutine is left is checked by
// synctest.
func bubble(t *testing.T, f func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		f(t, r)
		r.stop()
	})
}

func newRig(t *testing.T) *rig {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	r := &rig{
		T: t, logs: logs, print: "fp", ended: make(chan error, 1),
		remote: &fakeRemote{t: t, assets: map[string]*fakeAsset{}}, pauses: &fakePauses{}, alarms: &fakeAlarms{},
		engines: map[string]*fakeEngine{}, repos: map[string]*fakeRepo{}, watches: map[string][]*fakeWatch{},
		set: Set{Poll: testPoll},
	}
	d, err := New(Options{
		Load: r.load, Select: r.pick, Fingerprint: func() string { return r.print },
		Remote: r.remote, Pauses: r.pauses, Alarms: r.alarms, Sync: func(context.Context) error { r.mu.Lock(); defer r.mu.Unlock(); return r.syncErr },
		Now: time.Now, Jitter: func(d time.Duration) time.Duration { return d / 2 }, Owner: "assetsync watch (pid 1)",
		Logger:  zap.New(core),
		Changed: func(text string) { r.mu.Lock(); defer r.mu.Unlock(); r.said = append(r.said, text) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.d = d
	return r
}

func (r *rig) load(ctx context.Context) (Set, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loads = append(r.loads, time.Now())
	if r.loadErr != nil {
		return Set{}, r.loadErr
	}
	set := r.set
	set.Targets = slices.Clone(set.Targets)
	return set, ctx.Err()
}

func (r *rig) pick(args []string, _ string) (Selection, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s Selection
	for _, t := range r.set.Targets {
		if len(args) == 0 || slices.Contains(args, t.Name) {
			s.Names = append(s.Names, t.Name)
		}
	}
	if len(s.Names) < len(args) {
		return s, &assetsync.Error{Kind: assetsync.KindUsage, Message: "no such target"}
	}
	return s, nil
}

// add makes a target whose asset exists and is in step.
func (r *rig) add(name string, change ...func(*Target)) *fakeEngine {
	asset := "ki-" + name
	if r.remote.assets[asset] == nil {
		r.remote.assets[asset] = &fakeAsset{version: 1}
	}
	e := &fakeEngine{t: r.T, remote: r.remote, name: name, asset: asset}
	t := Target{Name: name, AssetID: asset, When: assetsync.OnSave, Key: "1", Engine: e, Watch: r.open(name)}
	for _, f := range change {
		f(&t)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.engines[name] = e
	r.set.Targets = append(r.set.Targets, t)
	return e
}

// inGit puts a target into a worktree.
func (r *rig) inGit(t *Target) {
	repo := &fakeRepo{commit: "c1"}
	r.repos[t.Name], t.Repo = repo, repo
}

func (r *rig) open(name string) func() (Watch, error) {
	return func() (Watch, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.openErr != nil {
			return nil, r.openErr
		}
		w := newFakeWatch(r.T, name)
		r.watches[name] = append(r.watches[name], w)
		return w, nil
	}
}

// watch returns the watch of a target that was opened last.
func (r *rig) watch(name string) *fakeWatch {
	r.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.watches[name]
	if len(all) == 0 {
		r.Fatalf("no watch of %s was opened", name)
	}
	return all[len(all)-1]
}

// run starts the daemon.
func (r *rig) run() {
	go func() { r.ended <- r.d.Run(context.Background()) }()
	synctest.Wait()
}

// start runs the daemon until every target was looked at.
func (r *rig) start() {
	r.Helper()
	r.run()
	r.startAll()
	for _, e := range r.engines {
		e.did()
	}
}

// startAll says Started to all targets that have a watch.
func (r *rig) startAll() {
	for _, t := range r.set.Targets {
		if t.Watch != nil {
			r.watch(t.Name).send(watcher.Batch{Why: watcher.Started})
		}
	}
	synctest.Wait()
}

// save changes a target's files, which settle at once.
func (r *rig) save(name string) {
	r.Helper()
	r.change(name)
	r.watch(name).send(watcher.Batch{Paths: []watcher.Change{{Path: "SKILL.md", Op: watcher.Modified}}, First: time.Now()})
	synctest.Wait()
}

// change changes a target's files, and nobody notices.
func (r *rig) change(name string) {
	r.remote.mu.Lock() // local is read under it
	defer r.remote.mu.Unlock()
	r.engines[name].local++
}

func (r *rig) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) view(name string) View {
	r.Helper()
	for _, v := range r.d.Views() {
		if v.Target == name {
			return v
		}
	}
	r.Fatalf("no target %s", name)
	return View{}
}

// wantState checks how a target does.
func (r *rig) wantState(name string, want State) {
	r.Helper()
	if v := r.view(name); v.State != want {
		r.Errorf("%s is %q (%s), want %q", name, v.State, v.Reason, want)
	}
}

// wantDid checks what an engine was asked since it was checked last.
func (r *rig) wantDid(name string, want ...string) {
	r.Helper()
	if got := r.engines[name].did(); !slices.Equal(got, want) {
		r.Errorf("%s did %q, want %q", name, got, want)
	}
}

// stop ends the daemon, when it runs, and checks that its watches are closed.
func (r *rig) stop() {
	r.Helper()
	r.d.Stop()
	if r.d.begun() {
		select {
		case err := <-r.ended:
			if err != nil {
				r.Errorf("Run: %v", err)
			}
		case <-time.After(time.Minute):
			r.Fatal("Run does not end")
		}
	}
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, all := range r.watches {
		for _, w := range all {
			if !w.closed {
				r.Errorf("a watch of %s is left open", name)
			}
		}
	}
}

// lines returns what was logged at a level or above.
func (r *rig) lines(level zapcore.Level) []string {
	var lines []string
	for _, e := range r.logs.All() {
		if e.Level >= level {
			lines = append(lines, e.Message)
		}
	}
	return lines
}

var (
	errOffline = &assetsync.Error{Kind: assetsync.KindUnavailable, Message: "no route to host"}
	errAuth    = &assetsync.Error{Kind: assetsync.KindAuth, Message: "the token has expired", Hint: "sign in again"}
	errDisk    = errors.New("disk is full")
)

func (d *Daemon) begun() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ctx != nil
}

// locked changes what others read under a lock: that the bubble is at rest is
// no order for what comes next.
func locked(mu *sync.Mutex, change func()) {
	mu.Lock()
	defer mu.Unlock()
	change()
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// loop returns the loop of a target.
func (r *rig) loop(name string) *loop {
	r.Helper()
	loops := r.d.named([]string{name})
	if len(loops) != 1 {
		r.Fatalf("%d loops of %s", len(loops), name)
	}
	return loops[0]
}

// hint tells a target what the remote lists of it.
func (r *rig) hint(name string, version int32) {
	r.Helper()
	r.loop(name).hint(map[string]Listed{"ki-" + name: {Version: version}})
	synctest.Wait()
}

// answers lets the daemon serve a request and returns the lines of its answer.
func (r *rig) answers(ctx context.Context, serve func(*exchange), req request) []answer {
	r.Helper()
	req.Fingerprint = r.print
	w := httptest.NewRecorder()
	serve(&exchange{ctx: ctx, w: w, request: req})
	var lines []answer
	for dec := json.NewDecoder(w.Body); dec.More(); {
		var a answer
		r.must(dec.Decode(&a))
		lines = append(lines, a)
	}
	if n := len(lines); n == 0 || !lines[n-1].Done {
		r.Fatalf("an answer without an end: %+v", lines)
	}
	return lines
}

// status is what a status of one target is answered.
func (r *rig) status(name string) assetsync.Result {
	r.Helper()
	lines := r.answers(context.Background(), r.d.serveStatus, request{Args: []string{name}})
	last := lines[len(lines)-1]
	if len(last.Results) != 1 {
		r.Fatalf("status of %s: %+v", name, last)
	}
	return last.Results[0]
}
