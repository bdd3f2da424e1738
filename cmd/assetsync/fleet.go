package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
	"assetsync/sync/state"
	"assetsync/watcher"
)

// fleet is what a daemon is made of: sessions that live as long as it does,
// and the targets of the last good config.
type fleet struct {
	*app
	watcher *watcher.Watcher
	args    []string // targets that the command line names; none: all

	notifyNoted bool           // it was said that notify is not in use; of Load alone
	allowed     *allowedNotify // nil before the first Load, of which it is; of Load alone

	mu          sync.Mutex
	sessions    []*session // all that were in use; the last one is
	shared      *state.Shared
	fingerprint string
	notes       []string // on the config's targets that are gone
	expansion   Expansion
	targets     []Target

	liveMu sync.Mutex
	live   *assetsync.LiveCache // of all configs; nil before the first question
}

// current returns the session in use.
func (f *fleet) current() *session {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sessions[len(f.sessions)-1]
}

// Load reads the config and makes targets of it; see [daemon.Options].
func (f *fleet) Load(ctx context.Context) (daemon.Set, error) {
	config, err := f.loadConfig()
	if err != nil {
		return daemon.Set{}, err
	}
	s, err := f.session(ctx, config)
	if err != nil {
		return daemon.Set{}, err
	}
	expansion, err := s.worktrees.expand(ctx, config, s.env, ExpandOptions{AllowMissing: true})
	if err != nil {
		return daemon.Set{}, errors.Join(err, f.discard(s))
	}
	if s.targets, err = Select(expansion.Targets, f.args, f.cwd); err != nil {
		return daemon.Set{}, errors.Join(err, f.discard(s))
	}
	known, orphans, err := f.examine(ctx, s)
	if err != nil {
		return daemon.Set{}, errors.Join(err, f.discard(s))
	}
	notify, err := f.notifying(config, s.env)
	if err != nil {
		return daemon.Set{}, errors.Join(err, f.discard(s))
	}
	f.adopt(s, config, expansion, orphans)
	set := f.set(config, s, known)
	set.Notify = notify
	return set, nil
}

// session returns the session in use when the config says the same of the
// remote, and a new one when it does not.
func (f *fleet) session(ctx context.Context, config *Config) (*session, error) {
	s := f.newSession()
	var err error
	if s.env, err = config.Environment(f.envName, f.getenv); err != nil {
		return nil, err
	}
	f.mu.Lock()
	n := len(f.sessions)
	f.mu.Unlock()
	if n > 0 {
		if old := f.current(); old.env == s.env {
			again := *old
			return &again, nil
		}
	}
	if err := s.connect(ctx, config, sessionOptions{}); err != nil {
		return nil, s.abort(err)
	}
	if s.history, err = gitrepo.OpenHistory(filepath.Join(s.dir, "history.git")); err != nil {
		return nil, s.abort(err)
	}
	s.sweepHistory()()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.shared == nil {
		f.shared = state.NewShared(s.stateFile(), s.owner())
	}
	return s, nil
}

// examine looks at what is on record and refuses targets that would be one
// asset. It returns the assets that targets are known to be.
func (f *fleet) examine(ctx context.Context, s *session) (known map[string]state.Target, orphans []string, err error) {
	db, err := f.acquire(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.shared.Release()) }()
	if _, err := s.makeEngines(ctx, db, true); err != nil {
		return nil, nil, err
	}
	if len(f.args) == 0 {
		if orphans, err = s.orphans(db, nil); err != nil {
			return nil, nil, err
		}
	}
	known, err = db.Targets(s.space)
	return known, orphans, err
}

// acquire lends the state to a look. It makes no directory in the place of
// one that is gone: that may come back, and else the daemon begins anew.
func (f *fleet) acquire(ctx context.Context, s *session) (*state.DB, error) {
	if _, err := os.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open state: %s is gone", s.dir)
	}
	db, err := f.shared.Acquire(ctx)
	if err != nil {
		return nil, stateError(err)
	}
	return db, nil
}

// discard closes a session that never came into use.
func (f *fleet) discard(s *session) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, used := range f.sessions {
		if used.transport == s.transport {
			return nil
		}
	}
	return s.close()
}

// adopt makes a session the one in use.
func (f *fleet) adopt(s *session, config *Config, x Expansion, orphans []string) {
	s.assets.Refresh(targetNames(s.targets))
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.sessions); n > 0 && f.sessions[n-1].transport == s.transport {
		f.sessions[n-1] = s
	} else {
		f.sessions = append(f.sessions, s)
	}
	f.expansion, f.targets, f.notes = x, s.targets, orphans
	f.fingerprint = f.fingerprintOf(config, s.env)
}

func (f *fleet) close() error {
	var errs []error
	for _, s := range f.sessions {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

func targetNames(targets []Target) []string {
	names := make([]string, len(targets))
	for i, t := range targets {
		names[i] = t.Name
	}
	return names
}

// once is a check that has to succeed one time. It is safe for concurrent
// use.
type once struct {
	mu   sync.Mutex
	done bool
}

func (o *once) check(ctx context.Context, check func(context.Context) error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done {
		return nil
	}
	err := check(ctx)
	o.done = err == nil
	return err
}

// Fingerprint is that of the last good config.
func (f *fleet) Fingerprint() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fingerprint
}

// Select finds targets as the command line does, also those that this daemon
// was told to leave out; see [daemon.Options].
func (f *fleet) Select(args []string, cwd string) (daemon.Selection, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	chosen, err := Select(f.expansion.Targets, args, cwd)
	if err != nil {
		return daemon.Selection{}, err
	}
	sel := daemon.Selection{Notes: f.expansion.notesOn(chosen)}
	if len(args) == 0 {
		sel.Notes = append(sel.Notes, f.notes...)
	}
	sel.Names = targetNames(chosen)
	return sel, nil
}

// set makes the daemon's targets, and the watches that tell of new ones.
func (f *fleet) set(config *Config, s *session, known map[string]state.Target) daemon.Set {
	settings := config.Watch()
	set := daemon.Set{Poll: settings.PollRemote}
	for _, t := range s.targets {
		look := &looker{fleet: f, session: s, target: t}
		one := daemon.Target{Name: t.Name, AssetID: t.AssetID, When: t.When, Direction: t.Direction, Key: keyOf(t, s.env, settings), Engine: look}
		if one.AssetID == "" {
			one.AssetID = known[t.Name].AssetID
		}
		if repo, err := s.worktrees.around(t); err == nil && repo != nil {
			one.Repo = repository{repo, t.Rev, t.Branch}
		}
		if t.Rev == "" {
			root := rootOf(t, settings)
			one.Watch = f.watchOf(root)
		}
		set.Targets = append(set.Targets, one)
	}
	set.Triggers = f.triggers(config, s, settings)
	return set
}

// watchOf returns what opens the watch of a root.
func (f *fleet) watchOf(root watcher.Root) func() (daemon.Watch, error) {
	return func() (daemon.Watch, error) {
		w, err := f.watcher.Add(root)
		if err != nil {
			return nil, err
		}
		return w, nil
	}
}

// keyOf is a text that differs when anything about a target does: a digest, since a
// daemon keeps that of each.
func keyOf(t Target, env Environment, w WatchSettings) string {
	text, err := json.Marshal(struct {
		Target Target
		Env    Environment
		Watch  WatchSettings
	}{t, env, w})
	if err != nil { // metadata is made of what JSON can say
		panic(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// idleMaxWait is after how many times watch.idle a target that is never quiet
// is published: a minute, where nothing else is set.
const idleMaxWait = 12

// rootOf says what to watch of a target.
func rootOf(t Target, w WatchSettings) watcher.Root {
	root := watcher.Root{
		Dir: t.Path, Ignore: t.Ignore, Top: t.ConfigDir, Mode: watcher.Mode(w.Mode), Settle: w.Settle, MaxWait: w.MaxWait,
	}
	if !isDirType(t.Type) {
		root.Dir, root.Files = filepath.Dir(t.Path), []string{filepath.Base(t.Path)}
	}
	if t.When == assetsync.OnIdle {
		root.Settle, root.MaxWait = w.Idle, idleMaxWait*w.Idle
	}
	return root
}

// triggers are the config itself, and the directories in which a glob may
// find a new target, or lose one.
func (f *fleet) triggers(config *Config, s *session, w WatchSettings) []daemon.Trigger {
	add := func(root watcher.Root) func() (daemon.Watch, error) {
		root.Mode, root.Settle, root.MaxWait = watcher.Mode(w.Mode), w.Settle, w.MaxWait
		return f.watchOf(root)
	}
	path := filepath.Join(config.Dir, filepath.Base(config.File))
	list := []daemon.Trigger{{
		Key:   "config " + path,
		Watch: add(watcher.Root{Dir: config.Dir, Files: []string{filepath.Base(path)}}),
	}}
	for _, dir := range config.GlobBases() {
		list = append(list, daemon.Trigger{
			Key:      fmt.Sprintf("glob %s %s", dir, keyOf(Target{}, s.env, w)),
			Watch:    add(watcher.Root{Dir: dir, Top: config.Dir}),
			Concerns: f.concernsGlob(dir, config.MainFiles()),
		})
	}
	for _, rev := range config.revisions() {
		list = append(list, daemon.Trigger{
			Key:   fmt.Sprintf("git %s %s", config.Dir, rev),
			Watch: func() (daemon.Watch, error) { return watchRevision(s.worktrees, config.Dir, rev), nil },
		})
	}
	return list
}

// concernsGlob reports whether files that settled below dir may make a new
// target or end one: something outside of the targets, or a main file, has
// come or gone.
func (f *fleet) concernsGlob(dir string, mainFiles []string) func(watcher.Batch) bool {
	return func(b watcher.Batch) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return slices.ContainsFunc(b.Paths, func(c watcher.Change) bool {
			path := filepath.Join(dir, filepath.FromSlash(c.Path))
			inside := func(t Target) bool { return strings.HasPrefix(path, t.Path+string(filepath.Separator)) }
			return c.Op != watcher.Modified && (slices.Contains(mainFiles, filepath.Base(path)) || !slices.ContainsFunc(f.targets, inside))
		})
	}
}

// repository is what a daemon has to know of git.
type repository struct {
	worktree *gitrepo.Worktree
	rev      string // that is published; "" for the directory
	branch   string
}

// Look implements [daemon.Repository].
func (r repository) Look(ctx context.Context) (obstacle, commit string, err error) {
	obstacle, s, err := assetsync.GitObstacle(ctx, r.worktree, r.rev, r.branch)
	if err != nil && r.branch == "" {
		return "", s.Head, nil // the engine tells; nothing has to be waited for
	}
	return obstacle, s.Head, err
}

// space is the agent space of the session in use, as a daemon sees it.
type space struct {
	*fleet
	poll   remote.AssetPoll
	listed map[string]daemon.Listed // what poll told last; nil: nothing
}

// Versions implements [daemon.Remote].
func (r *space) Versions(ctx context.Context) (map[string]daemon.Listed, error) {
	s := r.current()
	client, _, err := s.client()
	if err != nil {
		return nil, err
	}
	stamps, changed, err := r.poll.List(ctx, client, s.space.AgentSpace)
	if remote.IsKind(err, remote.KindAccessDenied) {
		return nil, fmt.Errorf("%w: %w", daemon.ErrNotAllowed, err)
	}
	if err != nil {
		return nil, assetsync.AsError(fmt.Errorf("list assets of agent space %s: %w", s.space.AgentSpace, err))
	}
	s.assets.Refresh(targetNames(s.targets))
	if !changed && r.listed != nil {
		return r.listed, nil
	}
	r.listed = make(map[string]daemon.Listed, len(stamps))
	for _, a := range stamps {
		r.listed[a.AssetID] = daemon.Listed{Version: a.Version, UpdatedAt: a.UpdatedAt}
	}
	return r.listed, nil
}

// Reset implements [daemon.Remote].
func (r *space) Reset() { r.current().transport.CloseIdleConnections() }
