package sync

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"go.uber.org/zap"

	"assetsync/manifest"
	"assetsync/manifest/durable"
	"assetsync/manifest/gitrepo"
	"assetsync/manifest/secrets"
	"assetsync/remote"
	"assetsync/remote/assettype"
	"assetsync/sync/planfile"
	"assetsync/sync/state"
	"assetsync/sync/worktree"
)

// Options is what an [Engine] is made of. All but Repo, From, ConfigFile,
// MetadataAt, Listed, Rest, Looks, Together, Disk, Logger and DoubtWait are required.
type Options struct {
	Target  Target
	Space   state.Space
	EnvName string         // names the environment in history; "" when it has no name
	Client  *remote.Client // this target's own, so that OnCall counts its calls
	Calls   func() map[string]int
	Assets  *Directory // the space's assets, shared by the engines of a run
	State   *state.DB
	History *gitrepo.History

	// Repo is the git worktree that the source lies in; nil outside of git.
	// Its locks and operations in progress stop a push.
	Repo *gitrepo.Worktree

	// From is what a push publishes in the place of the target's own source;
	// nil: that.
	From *Promotion

	// ConfigFile is the file, by its absolute path, that says which metadata
	// the target owns; "" when there is none.
	ConfigFile string
	// MetadataAt returns the metadata that the config of a commit owned: config
	// is a point of the line of ConfigFile, paths are where the target has lain,
	// slash-separated below the top of Repo, the likeliest first. A target that
	// the config did not have owned nothing. It is false when the config cannot
	// be understood. Nil: nothing is known of earlier configs.
	MetadataAt func(ctx context.Context, config gitrepo.Point, paths []string) (map[string]any, bool, error)

	Conflicts string // directory for the other side's bytes of a conflict

	// Listed lets one listing of all assets stand for a look at each, where nothing
	// changed here: for a run over several targets that reads the list itself.
	Listed bool

	// Rest runs wait, during which this engine needs neither processor nor disk, while
	// others of the run are at work, and returns once all have begun, but for those that
	// go after another of the same path: what they all wait for is then asked once. Nil:
	// wait is called.
	Rest func(wait func())
	// Looks are what the engines of a run have seen git do. Nil: each looks itself.
	Looks *GitLooks

	// Together runs reads of which none needs the answer of another, in any order or
	// at once, and returns when all have ended: [AtOnce]. Nil: each call goes out
	// when the one before it was answered and it is known to be needed.
	Together func(reads ...func())

	// Disk returns the hook for what is changed below a directory: the source's
	// when files are checked out, or Conflicts; that of "" is for the steps of
	// State and History. Nil: there is none.
	Disk func(dir string) durable.Hook

	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	Rand  io.Reader // source of nonces

	// DoubtWait is how long the effect of a write that was not answered is
	// looked for: the transport's timeout of one request.
	DoubtWait time.Duration
	Logger    *zap.Logger
}

// Engine keeps one target in step. Its verbs may be called one after the
// other; one engine at a time may serve an asset, which the lock of the state
// ensures between processes.
type Engine struct {
	Options
	kind   assettype.Type
	limits remote.Limits
	source source
	dir    directory // of the worktree, where files are checked out
	log    *zap.Logger

	scanner     *secrets.Scanner
	mayBeSecret manifest.Patterns // files that the target allows to look like credentials
}

// New checks the options.
func New(o Options) (*Engine, error) {
	kind, ok := assettype.Lookup(o.Target.Type)
	if !ok {
		return nil, usage("assetsync asset types lists what the service knows", "target %s: type %q is not known", o.Target.Name, o.Target.Type)
	}
	if o.Client == nil || o.Assets == nil || o.State == nil || o.History == nil || o.Calls == nil || o.Now == nil || o.Sleep == nil || o.Rand == nil {
		return nil, fmt.Errorf("make engine of %s: an option is missing", o.Target.Name)
	}
	e := &Engine{Options: o, kind: kind, limits: remote.Edition20260608(), log: o.Logger, scanner: secrets.New()}
	if e.log == nil {
		e.log = zap.NewNop()
	}
	e.log = e.log.With(zap.String("target", o.Target.Name))
	var err error
	if e.mayBeSecret, err = manifest.NewPatterns(o.Target.AllowSecrets); err != nil {
		return nil, usage("correct allow_secrets: in assetsync.yaml", "target %s: %v", o.Target.Name, err)
	}
	if e.source, e.dir, err = newSource(o.Target, kind, e.limits, o.Repo); err != nil {
		return nil, err
	}
	if d, ok := e.source.(directory); ok {
		d.kept = o.State
		e.source = d
	}
	if o.From != nil {
		e.source = &promoted{source: e.source, from: *o.From, target: o.Target, single: kind.SingleFile}
	}
	return e, nil
}

// run is one pass of a verb over the target.
type run struct {
	*Engine
	verb        string
	consent     Consent
	fileCalls   int // up to so many changes go by file calls
	started     time.Time
	res         Result
	knownTarget state.Target // as on record, advanced by settling
	knownAsset  state.Asset  // as on record, advanced by settling
	loaded      struct {
		target state.Target
		asset  *state.Asset // nil: it was not yet
	} // what was on record, before this run wrote
	recorded   bool // this run wrote to the record
	endpoint   state.Endpoint
	made       []int32               // versions of this run that are not on record yet
	proven     []int32               // versions that an earlier run made, as its intent showed, not on record yet
	adopted    bool                  // knownAsset is the record of the result's asset
	pastRead   map[int32]observation // versions that are not the newest, as read in this run
	lessons    lessons               // what this run has learned of the endpoint
	noCreate   bool                  // CreateAssetFile was not allowed in this run
	reader     *gitrepo.Past         // of commits, once it is needed
	unreadPast bool                  // of a commit that was compared, a part could not be read
	ended      *observation          // the newest version, once a push came to its end
	brought    []manifest.Path       // by a check out that was cut short, and perhaps not on disk
	traces     []worktree.Trace      // of a check out that is not on record yet

	likely     int32 // the newest version as a listing of all assets has it; 0: it did not tell
	lookCloser bool  // the asset itself is read, whatever a listing says
	unattended bool  // nobody waits for the result: it is a daemon's own look

	plan    *planfile.Target // of a run that only plans; nil: another one
	exact   bool             // an approved plan is carried out, or nothing
	met     []int32          // versions that others made while something was published
	slipped bool             // something of others was overwritten meanwhile, and put back

	unmerged  bool                         // nothing is merged: an earlier state is asked for as it was
	merged    map[manifest.Path]mergedFile // of the plan of this round
	marked    map[manifest.Path][]byte     // of the same plan: what does not merge, with conflict markers
	meanwhile map[manifest.Path]struct{}   // merged with what somebody wrote since the plan

	// told is the base that this run has found by the histories: unlike one
	// on record it is told anew in each round. Nil: none was.
	told     map[manifest.Path]state.Pair
	toldKeys map[string]json.RawMessage // the same for metadata
}

// errStopped ends a run whose result already says why.
var errStopped = errors.New("stopped")

// do runs one verb and finishes its result.
func (e *Engine) do(ctx context.Context, verb string, consent Consent, body func(context.Context, *run) error) Result {
	r := &run{Engine: e, verb: verb, consent: consent, fileCalls: e.Target.MaxFileCalls, started: e.Now(), res: Result{Target: e.Target.Name, Outcome: Unchanged, Published: ByNothing}}
	err := r.load()
	if err == nil {
		err = body(ctx, r)
	}
	if errors.Is(err, errRescued) {
		err = body(ctx, r) // from its look on
	}
	if err != nil && !errors.Is(err, errStopped) {
		r.res.Outcome, r.res.Error = Failed, AsError(err)
		switch r.res.Error.Kind {
		case KindConflict:
			r.res.Outcome = Conflict
		case KindGuard:
			r.res.Outcome = Blocked
		}
		e.log.Debug("run failed", zap.String("verb", verb), zap.Error(err))
	}
	r.res.Calls = e.Calls()
	r.res.DurationMS = e.Now().Sub(r.started).Milliseconds()
	return r.res.complete()
}

// load reads what is on record for the target. The asset's record is read
// once its id is known.
func (r *run) load() (err error) {
	if r.knownTarget, err = r.State.Target(r.Space, r.Target.Name); err != nil {
		return err
	}
	r.loaded.target = r.knownTarget
	r.endpoint, err = r.State.Endpoint(r.Space)
	return err
}

// hook is that of a directory.
func (e *Engine) hook(dir string) durable.Hook {
	if e.Disk == nil {
		return nil
	}
	return e.Disk(dir)
}

func (r *run) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.res.Notes, text) {
		r.res.Notes = append(r.res.Notes, text)
	}
}

func (r *run) historyKey() gitrepo.Key { return HistoryKey(r.EnvName, r.Target.Name) }

// HistoryKey returns where history keeps the versions of a target in an
// environment, "" for one without a name.
func HistoryKey(env, target string) gitrepo.Key {
	return gitrepo.Key{Env: cmp.Or(env, "default"), Target: target}
}

// remember keeps a remote version in history; foreign says that somebody else
// made it. History is a cache of what the
// remote holds: it may lack a version of which not every byte was read, and
// damage to it is told and stops nothing.
func (r *run) remember(ctx context.Context, obs observation, foreign bool) error {
	bundle, ok, err := r.bundleOf(obs)
	if err != nil || !ok {
		return err
	}
	return r.tellDamage(r.putVersion(ctx, r.asVersion(obs, bundle, foreign)))
}

// asVersion is an observed version as history keeps it.
func (r *run) asVersion(obs observation, bundle manifest.Bundle, foreign bool) gitrepo.Version {
	v := r.versionOf(obs.version, obs.updatedAt, bundle, foreign)
	if text, err := json.Marshal(obs.metadata); err == nil && obs.metadata != nil { // else it is not known
		v.Metadata = text
	}
	return v
}

func (r *run) versionOf(number int32, at time.Time, bundle manifest.Bundle, foreign bool) gitrepo.Version {
	return gitrepo.Version{
		Asset: r.res.AssetID, Number: int(number), At: at, Bundle: bundle, Foreign: foreign,
		Message: fmt.Sprintf("version %d of %s, by %s", number, r.Target.Name, maker(foreign)),
	}
}

// maker says in words who made a version.
func maker(foreign bool) string {
	if foreign {
		return "somebody else"
	}
	return "this machine"
}

// tellDamage makes a note of damage to the history. Other errors stay.
func (r *run) tellDamage(err error) error {
	var damage *gitrepo.CorruptError
	if !errors.As(err, &damage) {
		return err
	}
	r.note("%v; %s", damage, damage.Hint())
	return nil
}

// bundleOf collects the bytes of what was observed: read in this run, or kept
// by an earlier one under the same id.
func (r *run) bundleOf(obs observation) (manifest.Bundle, bool, error) {
	files := make(map[manifest.Path][]byte, obs.side.Tree.Len())
	for e := range obs.side.Tree.All() {
		data, ok, err := r.blob(obs, e.ID)
		if err != nil || !ok {
			return manifest.Bundle{}, false, err
		}
		files[e.Path] = data
	}
	bundle, err := manifest.NewBundle(files)
	return bundle, err == nil, err
}

// blob returns the bytes of id as read in this run, or from history.
func (r *run) blob(obs observation, id manifest.ID) ([]byte, bool, error) {
	if data, ok := obs.content[id]; ok {
		return data, true, nil
	}
	for _, past := range r.pastRead {
		if data, ok := past.content[id]; ok {
			return data, true, nil
		}
	}
	data, ok, err := r.History.Blob(id)
	return data, ok, r.tellDamage(err)
}
