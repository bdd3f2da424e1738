package daemon

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// fakeRemote is the agent space that fakeEngines publish to. While err is set
// nobody gets an answer, as with a network that is gone.
type fakeRemote struct {
	t *testing.T

	mu      sync.Mutex
	err     error                  // of everything
	listErr error                  // of the listing only
	lists   []time.Time            // when it was listed
	resets  []time.Time            // when Reset was called
	looks   int                    // engine calls that reached for it
	assets  map[string]*fakeAsset  // by id
	listed  func(map[string]int32) // changes what the listing says
	busy    int                    // looks at this moment
	busiest int                    // most of them at one moment
	hang    bool                   // a listing lasts until its context ends
}

// fakeAsset is an asset whose content is a number.
type fakeAsset struct {
	version int32
	content int
	updated time.Time // as it is listed
}

func (r *fakeRemote) Versions(ctx context.Context) (map[string]Listed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lists = append(r.lists, time.Now())
	if r.hang {
		r.mu.Unlock()
		<-ctx.Done()
		r.mu.Lock()
		return nil, ctx.Err()
	}
	if r.err != nil {
		return nil, r.err
	}
	if r.listErr != nil {
		return nil, r.listErr
	}
	versions := map[string]int32{}
	for id, a := range r.assets {
		versions[id] = a.version
	}
	if r.listed != nil {
		r.listed(versions)
	}
	listed := map[string]Listed{}
	for id, version := range versions {
		one := Listed{Version: version}
		if a := r.assets[id]; a != nil {
			one.UpdatedAt = a.updated
		}
		listed[id] = one
	}
	return listed, ctx.Err()
}

func (r *fakeRemote) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resets = append(r.resets, time.Now())
}

// counts returns how often it was listed, reset and looked at.
func (r *fakeRemote) counts() (lists, resets, looks int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.lists), len(r.resets), r.looks
}

// version returns the version of an asset.
func (r *fakeRemote) version(id string) int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.assets[id].version
}

// fail makes everything fail; nil makes it work again.
func (r *fakeRemote) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// enter counts a look.
func (r *fakeRemote) enter() (leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looks++
	r.busy++
	r.busiest = max(r.busiest, r.busy)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.busy--
	}
}

// call is one call of a method of a fakeEngine.
type call struct {
	verb string
	at   time.Time
}

// fakeEngine publishes a number. It fails the test when two methods run at
// once, as a loop must never let them.
type fakeEngine struct {
	t      *testing.T
	remote *fakeRemote
	name   string
	asset  string

	direction assetsync.Direction
	checkout  func()           // runs when files were changed here
	budget    func() time.Time // when the next version may be made; zero: now

	mu      sync.Mutex
	local   int
	base    int // the content of the last step
	inside  bool
	calls   []call
	before  func(ctx context.Context, verb string)                   // runs first, without locks
	replace func(verb string, res assetsync.Result) assetsync.Result // changes a result
	took    time.Duration
	after   time.Duration // how long a result takes to come back
}

func (e *fakeEngine) begin(ctx context.Context, verb string) (end func()) {
	e.mu.Lock()
	if e.inside {
		e.t.Errorf("%s: %s while another call is on its way", e.name, verb)
	}
	e.inside = true
	e.calls = append(e.calls, call{verb, time.Now()})
	before, took := e.before, e.took
	e.mu.Unlock()
	leave := e.remote.enter()
	if before != nil {
		before(ctx, verb)
	}
	if took > 0 {
		time.Sleep(took)
	}
	return func() {
		leave()
		e.mu.Lock()
		e.inside = false
		e.mu.Unlock()
	}
}

func (e *fakeEngine) result(ctx context.Context, verb string, publish bool) assetsync.Result {
	e.remote.mu.Lock()
	res := assetsync.Result{Target: e.name, AssetID: e.asset, Outcome: assetsync.Unchanged, Calls: map[string]int{"GetAsset": 1}}
	a := e.remote.assets[e.asset]
	switch {
	case ctx.Err() != nil:
		res = assetsync.Failure(e.name, context.Cause(ctx))
	case e.remote.err != nil:
		res = assetsync.Failure(e.name, e.remote.err)
	case a == nil:
		res.Outcome, res.AssetID = assetsync.Planned, ""
	default:
		res.ObservedVersion, res.Version = a.version, a.version
		e.take(verb, a, &res)
		if a.content != e.local && len(res.Pending) == 0 && e.direction.Publishes() {
			res.Changes = []assetsync.ChangeReport{{Path: "SKILL.md", Action: "update", Why: "changed here"}}
			res.Outcome = assetsync.Planned
		}
		if publish && e.budget != nil && res.Outcome == assetsync.Planned {
			res.NextVersion = e.budget()
			publish = res.NextVersion.IsZero()
		}
		if a.content != e.local && len(res.Pending) == 0 && publish {
			a.content, a.version = e.local, a.version+1
			e.base = e.local
			res.Outcome, res.Version, res.Versions, res.Published = assetsync.Published, a.version, []int32{a.version}, assetsync.ByFiles
			res.Calls["UpdateAssetFile"] = 2
		}
	}
	e.remote.mu.Unlock()
	e.mu.Lock()
	after := e.after
	e.mu.Unlock()
	if after > 0 {
		time.Sleep(after)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.replace != nil {
		res = e.replace(verb, res)
	}
	return res
}

// take checks out what only the remote has changed; a look shows it as pending.
func (e *fakeEngine) take(verb string, a *fakeAsset, res *assetsync.Result) {
	if !e.direction.Takes() || e.local != e.base || a.content == e.base {
		return
	}
	changes := []assetsync.ChangeReport{{Path: "SKILL.md", Action: "update", Why: "changed there"}}
	if verb != "sync" {
		res.Pending = changes
		return
	}
	e.local, e.base = a.content, a.content
	res.Outcome, res.CheckedOut = assetsync.CheckedOut, changes
	if e.checkout != nil {
		e.checkout()
	}
}

func (e *fakeEngine) Push(ctx context.Context, o assetsync.PushOptions) assetsync.Result {
	defer e.begin(ctx, "push")()
	return e.result(ctx, "push", !o.DryRun)
}

// Sync checks out what it finds after it has published.
func (e *fakeEngine) Sync(ctx context.Context, _ assetsync.SyncOptions) assetsync.Result {
	defer e.begin(ctx, "sync")()
	if e.direction == assetsync.PushOnly || e.direction == "" {
		e.t.Errorf("%s: a sync of a target that is only pushed", e.name)
	}
	return e.result(ctx, "sync", e.direction == assetsync.BothWays)
}

func (e *fakeEngine) Status(ctx context.Context) assetsync.Result {
	defer e.begin(ctx, "status")()
	return e.result(ctx, "status", false)
}

func (e *fakeEngine) Contents(ctx context.Context, revision string) (Contents, assetsync.Result) {
	defer e.begin(ctx, "contents")()
	res := e.result(ctx, "contents", false)
	if res.Error != nil {
		return Contents{}, res
	}
	res.Notes = append(res.Notes, "read "+revision)
	return Contents{Files: map[string][]byte{"SKILL.md": []byte(revision)}}, res
}

// edit changes what a method does from now on.
func (e *fakeEngine) edit(change func(*fakeEngine)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e)
}

// did returns the verbs called since the last time it was asked.
func (e *fakeEngine) did() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	verbs := make([]string, len(e.calls))
	for i, c := range e.calls {
		verbs[i] = c.verb
	}
	e.calls = nil
	return verbs
}

// fakeWatch keeps the law of [watcher.Watch]: one batch at a time, merged with
// the next when nobody takes it, and Pending until it is taken.
type fakeWatch struct {
	t    *testing.T
	name string
	out  chan watcher.Batch

	mu      sync.Mutex
	closed  bool
	settles bool // something waits to be settled
	health  watcher.RootHealth
}

func newFakeWatch(t *testing.T, name string) *fakeWatch {
	return &fakeWatch{t: t, name: name, out: make(chan watcher.Batch, 1), health: watcher.RootHealth{Mode: watcher.Native}}
}

func (w *fakeWatch) send(b watcher.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.health.LastEvent = time.Now()
	select {
	case last := <-w.out:
		if b.Why == "" && last.Why != "" {
			b = last
		}
		if !last.First.IsZero() {
			b.First = last.First
		}
	default:
	}
	w.out <- b
}

// withdraw takes back what is to be taken: the files are as they were.
func (w *fakeWatch) withdraw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.out:
	default:
	}
}

func (w *fakeWatch) Batches() <-chan watcher.Batch { return w.out }

func (w *fakeWatch) Pending() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.settles || len(w.out) > 0
}

func (w *fakeWatch) Health() watcher.RootHealth {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.health
}

func (w *fakeWatch) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		w.t.Errorf("watch of %s is closed twice", w.name)
	}
	w.closed = true
}

// fakeRepo is a git worktree.
type fakeRepo struct {
	mu       sync.Mutex
	obstacle string
	commit   string
	err      error
	looks    []time.Time
}

func (r *fakeRepo) Look(context.Context) (obstacle, commit string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looks = append(r.looks, time.Now())
	return r.obstacle, r.commit, r.err
}

func (r *fakeRepo) set(obstacle, commit string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.obstacle, r.commit = obstacle, commit
}

// fakePauses keeps names over restarts.
type fakePauses struct {
	mu    sync.Mutex
	names []string
	err   error
	hang  chan struct{} // Save waits for it
}

func (p *fakePauses) Load() ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.names), p.err
}

func (p *fakePauses) Save(names []string) error {
	p.mu.Lock()
	hang := p.hang
	p.mu.Unlock()
	if hang != nil {
		<-hang
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return fmt.Errorf("keep pauses: %w", p.err)
	}
	p.names = slices.Clone(names)
	return nil
}

// fakeAlarms keeps what was told over restarts.
type fakeAlarms struct {
	mu    sync.Mutex
	told  map[string][]EventKind
	saves int
	err   error
}

func (a *fakeAlarms) Load() (map[string][]EventKind, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.told), a.err
}

func (a *fakeAlarms) Save(told map[string][]EventKind) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.saves++
	if a.err != nil {
		return a.err
	}
	a.told = told
	return nil
}
