package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/remote/aws"
	"assetsync/remote/emulator"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// embeddedRate is in effect no limit: the remote is in this process.
const embeddedRate = 1_000_000

// sessionOptions say what a verb needs.
type sessionOptions struct {
	args         []string // which targets; none: all
	allowMissing bool     // a target's directory need not exist
	writes       bool     // the remote is about to be written
	ownAccount   bool     // the account is checked as before a write
	stateless    bool     // state ends with the run
	rev          string   // a git revision that is published, whatever the targets' sources

	// promoted are what to publish in the place of the targets' own sources, by
	// name; other targets are left out. nil: none, and all.
	promoted map[string]assetsync.Promotion
	at       *pinned // of a hook: a commit instead of what is here
}

// session is everything that the engines of one run share.
type session struct {
	*app
	env        Environment
	targets    []Target
	dir        string // of the state
	throw      string // a temporary directory to remove at the end
	space      state.Space
	transport  *aws.Transport
	assets     *assetsync.Directory
	db         *state.DB
	history    *gitrepo.History
	swept      func()              // waits until the history is swept; nil: it is not
	configFile string              // of the targets; "" when they are of the command line
	listed     bool                // one listing may stand for a look at each asset
	whole      bool                // all targets of the config are at work
	rev        string              // the commit that all of them publish, in hex; "": what their sources say
	account    *once               // of a daemon: the account was checked
	engines    []*assetsync.Engine // in the order of targets
	turns      *turns              // of the verb that is run on each of them; nil: none is
	looks      *assetsync.GitLooks // of a run over the targets; nil: of a daemon
	embedded   *emulator.Server
	promoted   map[string]assetsync.Promotion // see sessionOptions
}

// newSession returns a session that nothing is opened for.
func (a *app) newSession() *session {
	return &session{app: a, account: &once{}}
}

// loadConfig finds and reads the config of the invocation.
func (a *app) loadConfig() (*Config, error) {
	path := a.configPath
	if path == "" {
		found, err := FindConfig(a.cwd)
		if err != nil {
			return nil, err
		}
		path = found
	}
	config, err := LoadConfig(path, a.cwd)
	if err == nil {
		a.base = config.Dir
	}
	return config, err
}

// open makes the session of a verb that needs a config.
func (a *app) open(ctx context.Context, o sessionOptions) (*session, error) {
	config, err := a.loadConfig()
	if err != nil {
		return nil, err
	}
	return a.openWith(ctx, config, o)
}

// openWith makes a session from a config. The session must be closed, which
// finish does.
func (a *app) openWith(ctx context.Context, config *Config, o sessionOptions) (*session, error) {
	s := a.newSession()
	s.looks = assetsync.NewGitLooks()
	if err := s.begin(ctx, config, o); err != nil {
		return nil, s.abort(err)
	}
	return s, nil
}

func (s *session) begin(ctx context.Context, config *Config, o sessionOptions) error {
	if err := s.connect(ctx, config, o); err != nil {
		return err
	}
	notes, err := s.choose(ctx, config, o)
	if err != nil {
		return err
	}
	s.sayAll(notes)
	if o.writes || o.ownAccount {
		if err := s.checkAccount(ctx); err != nil {
			return err
		}
	}
	if s.db, err = state.Open(s.stateFile(), s.owner()); err != nil {
		return stateError(err)
	}
	if s.history, err = gitrepo.OpenHistory(filepath.Join(s.dir, "history.git")); err != nil {
		return err
	}
	if o.writes {
		s.swept = s.sweepHistory()
	}
	s.listed = len(s.targets) > 1 && !o.stateless
	s.whole = len(o.args) == 0 && !o.stateless && o.promoted == nil && o.at == nil
	s.engines, err = s.makeEngines(ctx, s.db, o.writes)
	return err
}

func (a *app) sayAll(notes []string) {
	for _, n := range notes {
		a.say("note: %s", n)
	}
}

// connect prepares the way to the remote: state directory, credentials, rate.
func (s *session) connect(ctx context.Context, config *Config, o sessionOptions) (err error) {
	if s.env, err = config.Environment(s.envName, s.getenv); err != nil {
		return err
	}
	s.configFile = config.configFile()
	home := s.stateHome(config)
	if o.stateless && s.stateDir == "" {
		home = filepath.Join(s.cwd, ".assetsync") // of an embedded remote
	}
	s.dir = home
	if o.stateless && s.stateDir == "" {
		if s.dir, err = os.MkdirTemp("", "assetsync-"); err != nil {
			return &assetsync.Error{Kind: assetsync.KindFailed, Err: err, Message: fmt.Sprintf("make temporary state: %v", err),
				Hint: "a push without a config needs a directory for temporary files: name one with TMPDIR"}
		}
		s.throw = s.dir
	}
	if s.throw == "" || s.env.Embedded() {
		if err := makeStateDir(home); err != nil {
			return err
		}
	}
	if config.namesSchema && home == stateBeside(config.Dir) {
		if err := keepSchema(home); err != nil {
			s.say("note: %v", err) // editors alone need it
		}
	}
	return s.dial(ctx, home)
}

// dial makes the transport: in the process for an embedded remote, to the
// service or another endpoint else.
func (s *session) dial(ctx context.Context, home string) error {
	opts := aws.Options{
		Region: s.env.Region, Profile: s.env.Profile, RoleARN: s.env.RoleARN, Endpoint: s.env.Endpoint,
		Limiter: aws.NewLimiter(s.env.Rate.RequestsPerSecond, s.env.Rate.Burst), Timeout: s.timeout,
		UserAgent: thisBuild().userAgent(), Clock: s.now, Logger: s.log, OnWait: s.onWait,
	}
	opts.Anonymous = s.isUnsigned()
	if s.env.Embedded() {
		server, err := emulator.New(emulator.Options{
			Path: filepath.Join(home, "emulator.db"), Clock: s.now, NewID: newID,
		})
		if err != nil {
			return fmt.Errorf("open embedded remote: %w", err)
		}
		s.embedded = server
		opts.Base, opts.Endpoint = emulator.RoundTripper(server), "http://embedded"
		opts.Limiter = aws.NewLimiter(embeddedRate, embeddedRate)
	}
	transport, err := aws.New(ctx, opts)
	if errors.Is(err, aws.ErrNoRegion) {
		hint := "set region: in " + ConfigName + ", AWS_REGION, or region in the AWS profile"
		if s.configFile == "" { // the command line describes the target, and a config beside it is not read
			hint = "give --region, set AWS_REGION, or region in the AWS profile"
		}
		return usageError(err, hint, "no region is set")
	}
	if missing := aws.NoProfileError(""); errors.As(err, &missing) {
		return usageError(err, "correct profile: in the config, or AWS_PROFILE; aws configure list-profiles lists those that there are", "%v", missing)
	}
	if err != nil {
		return err
	}
	s.transport = transport
	s.space = state.Space{Endpoint: transport.Endpoint(), Region: transport.Region(), AgentSpace: s.env.AgentSpace}
	if s.env.Embedded() {
		s.space.Endpoint, s.space.Region = EmbeddedEndpoint, s.env.Region
	}
	s.assets = assetsync.NewDirectory(s.space.AgentSpace)
	return nil
}

// isUnsigned reports whether requests go without a signature: to a remote of
// our own, and to an endpoint on this machine unless credentials are named.
func (s *session) isUnsigned() bool {
	if s.env.Embedded() {
		return true
	}
	named := s.env.Profile != "" || s.env.RoleARN != ""
	for _, variable := range []string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE"} {
		text, _ := s.getenv(variable)
		named = named || text != ""
	}
	return !named && onThisMachine(s.env.Endpoint)
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// checkAccount compares the account of the credentials with the config's,
// before the first write.
func (s *session) checkAccount(ctx context.Context) error {
	if s.env.Account == "" || s.env.Embedded() {
		return nil
	}
	who, err := s.transport.Identity(ctx)
	if err != nil {
		return fmt.Errorf("check account: %w", err)
	}
	if who.Account != s.env.Account {
		return usageError(nil, "use other credentials, or correct account: in the config",
			"the credentials belong to account %s, and the config allows only %s", who.Account, s.env.Account)
	}
	return nil
}

// client returns a client with its own count of calls.
func (s *session) client() (*remote.Client, func() map[string]int, error) {
	var mu sync.Mutex
	calls := map[string]int{}
	client, err := remote.NewClient(remote.Options{
		Endpoint: s.transport.Endpoint(), HTTPClient: counted{s.transport, s.app}, OnStart: s.onCall,
		OnCall: func(operation string, _ error) {
			mu.Lock()
			defer mu.Unlock()
			calls[operation]++
		},
	})
	count := func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return calls
	}
	return client, count, err
}

func (s *session) engine(t Target, db *state.DB) (*assetsync.Engine, error) {
	return s.engineIn(s.worktrees.look(), t, db)
}

// engineIn makes one of many engines.
func (s *session) engineIn(git *worktreeLook, t Target, db *state.DB) (*assetsync.Engine, error) {
	client, calls, err := s.client()
	if err != nil {
		return nil, err
	}
	repo, err := git.around(t)
	if err != nil {
		return nil, err
	}
	o := assetsync.Options{
		Target: t, Space: s.space, EnvName: s.env.Name, Client: client, Calls: calls, Assets: s.assets,
		State: db, History: s.history, Repo: repo, Conflicts: filepath.Join(s.dir, "conflicts"),
		Listed: s.listed, Rest: s.rest, Looks: s.looks, Together: assetsync.AtOnce, Now: s.now, Sleep: s.sleeping(t.Name), Rand: rand.Reader, DoubtWait: s.transport.AttemptTimeout(), Logger: s.log,
	}
	if p, ok := s.promoted[t.Name]; ok {
		o.From = &p
	}
	if repo != nil && s.configFile != "" {
		o.ConfigFile, o.MetadataAt = s.configFile, metadataAt(repo, s.env, t)
	}
	return assetsync.New(o)
}

// rest lets others of the run's targets have the turn of one that waits.
func (s *session) rest(wait func()) {
	if s.turns == nil {
		wait()
		return
	}
	s.turns.rest(wait)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// each runs a verb on every target, a few at once, and returns the results in
// the order of the targets; see [app.eachTarget].
func (s *session) each(ctx context.Context, verb func(context.Context, *assetsync.Engine) assetsync.Result) []assetsync.Result {
	results := make([]assetsync.Result, len(s.engines))
	targets := make([]Target, len(s.engines))
	for i, e := range s.engines {
		targets[i] = e.Target
	}
	s.turns = s.many.newTurns()
	s.eachTarget(targets, s.turns, func(i int, notBegun string) assetsync.Result {
		if notBegun != "" {
			results[i] = assetsync.NotBegun(targets[i].Name, notBegun)
		} else {
			results[i] = verb(ctx, s.engines[i])
		}
		return results[i]
	})
	if s.whole {
		orphans, err := s.orphans(s.db, results)
		if err != nil {
			orphans = []string{fmt.Sprintf("what was published before cannot be told: %v", err)}
		}
		s.sayAll(orphans)
	}
	return results
}

// finish prints the results and closes the session. With exitCode, anything
// that differs is an exit code of its own.
func (s *session) finish(results []assetsync.Result, exitCode bool) error {
	return s.abort(s.show(s.env.Name, results, exitCode))
}

// show prints results of targets in an environment.
func (a *app) show(env string, results []assetsync.Result, exitCode bool) error {
	a.setCode(results, exitCode)
	if a.jsonOut {
		return a.writeResults(env, results, results)
	}
	err := a.printResults(results, nil)
	a.explain(results)
	a.summarize(results)
	return err
}

// abort closes the session, whose run has come to err.
func (s *session) abort(err error) error { return errors.Join(err, s.close()) }

func (s *session) close() error {
	var errs []error
	if s.swept != nil {
		s.swept()
		s.swept = nil
	}
	if s.history != nil {
		errs = append(errs, s.history.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.embedded != nil {
		errs = append(errs, s.embedded.Close())
	}
	if s.throw != "" {
		errs = append(errs, os.RemoveAll(s.throw))
	}
	return errors.Join(errs...)
}
