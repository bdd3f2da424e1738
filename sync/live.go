package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

const (
	// liveCommits is how many commits back the one that a version comes from
	// is looked for: some years of a busy branch, and half a second at most.
	liveCommits = 5_000

	// liveNear is how many are looked at first, where one is enough: what is
	// live is hardly ever older.
	liveNear = 64

	// mostCommits is how many commits a version names.
	mostCommits = 3
)

// CommitReport is a run of commits, each the first parent of another, that
// publish the same.
type CommitReport struct {
	Commit string    `json:"commit"` // id of the one that made it; where the history is cut off, of the oldest that is known
	Newest string    `json:"newest"` // id of the last one that has it
	At     time.Time `json:"at"`     // committer time of Commit
}

// LiveCommit says which commit of a target's source is live.
type LiveCommit struct {
	Tree   string `json:"tree"`             // [Result.LiveTree]
	Commit string `json:"commit,omitempty"` // that made it; "" when none publishes it
	Newest string `json:"newest,omitempty"` // the last one that has it
	Ahead  int    `json:"ahead"`            // first-parent commits that the source's revision has after Newest; 0 as well when Commit is ""
	Cut    bool   `json:"cut,omitempty"`    // there is no Commit, and older ones are not in the clone or were not looked at
}

// findLive looks for the newest commit that publishes what a result says is
// live, by the tree id, on the first-parent line of a revision. It needs git alone,
// no state and no remote: past is a reader of repo made by
// [gitrepo.Worktree.PastIDs], which many targets may share, since what is live is
// told by ids. Commits whose trees cannot be read publish nothing. Errors are those
// of [gitrepo.Worktree.Line]. It is certain when all that it looked at is in the
// repository: else the answer may be another one once it is.
func findLive(ctx context.Context, repo *gitrepo.Worktree, past *gitrepo.Past, rev string, t Target, res Result) (live LiveCommit, certain bool, err error) {
	live, tree := LiveCommit{Tree: res.LiveTree}, cmp.Or(res.SentTree, res.LiveTree)
	r, err := gitRun(t, repo)
	if err != nil {
		return live, false, err
	}
	r.reader = past
	head, err := repo.Resolve(ctx, rev)
	if err != nil {
		return live, false, err
	}
	certain = true
	for _, most := range [...]int{liveNear, liveCommits} {
		line, err := repo.Line(ctx, head, t.Path, most)
		if err != nil {
			return live, false, err
		}
		certain = certain && !line.Missing
		i, err := r.newestWith(ctx, line, tree)
		if err != nil {
			return live, false, err
		}
		live.Cut = i < 0 && !line.Complete
		if i < 0 && line.Complete {
			return live, certain && !r.unreadPast, nil
		}
		if i >= 0 {
			live.Newest = line.Points[i].Newest
			if i, err = r.oldestWith(ctx, line, i, tree); err != nil {
				return live, false, err
			}
			live.Commit = line.Points[i].Commit
		}
		if i >= 0 && (i < len(line.Points)-1 || line.Complete) {
			break // else an older commit may have made it
		}
	}
	if live.Newest != "" {
		live.Ahead, _, err = repo.Ahead(ctx, live.Newest, head)
	}
	return live, certain && !r.unreadPast, err
}

// lineOf names the revision whose first-parent line a target comes from.
func lineOf(t Target) string {
	if t.Rev != "" {
		return t.Rev
	}
	return headRev
}

// gitRun is a run that looks at git alone.
func gitRun(t Target, repo *gitrepo.Worktree) (*run, error) {
	kind, ok := assettype.Lookup(t.Type)
	if !ok {
		return nil, fmt.Errorf("look at git for target %s: type %q is not known", t.Name, t.Type)
	}
	e := &Engine{Options: Options{Target: t, Repo: repo}, kind: kind, limits: remote.Edition20260608(), log: zap.NewNop()}
	var err error
	e.source, e.dir, err = newSource(t, kind, e.limits, repo)
	return &run{Engine: e}, err
}

// newestWith returns the first of a line's points that publishes the tree, or
// -1.
func (r *run) newestWith(ctx context.Context, line gitrepo.Line, tree string) (int, error) {
	for i, p := range line.Points {
		if has, err := r.publishes(ctx, p, tree); has || err != nil {
			return i, err
		}
	}
	return -1, nil
}

// oldestWith goes on from a point that publishes the tree to those before it
// that do, as where the directory moved, and returns the last of them.
func (r *run) oldestWith(ctx context.Context, line gitrepo.Line, i int, tree string) (int, error) {
	for i+1 < len(line.Points) {
		if has, err := r.publishes(ctx, line.Points[i+1], tree); !has || err != nil {
			return i, err
		}
		i++
	}
	return i, nil
}

// publishes reports whether a commit publishes the tree.
func (r *run) publishes(ctx context.Context, p gitrepo.Point, tree string) (bool, error) {
	snap, err := r.treeAt(ctx, p)
	r.unreadPast = r.unreadPast || len(snap.Unknown) > 0
	return err == nil && p.Object != "" && len(snap.Unknown) == 0 && snap.Tree.ID().String() == tree, err
}

// lineage is a line of commits with what they publish.
type lineage struct {
	gitrepo.Line
	snaps []manifest.Snapshot // by point
}

func (r *run) lineage(ctx context.Context, rev string) (l lineage, err error) {
	if l.Line, err = r.Repo.Line(ctx, rev, r.Target.Path, liveCommits); err != nil {
		return l, err
	}
	for _, p := range l.Points {
		snap, err := r.treeAt(ctx, p)
		if err != nil {
			return l, err
		}
		l.snaps = append(l.snaps, snap)
	}
	return l, nil
}

// committed returns what the commits publish, oldest first.
func (l lineage) committed() []diff.Committed {
	trees := make([]diff.Committed, len(l.snaps))
	for i, s := range l.snaps {
		trees[len(trees)-1-i] = diff.Committed{Tree: s.Tree, Unknown: s.Unknown, At: l.Points[i].At}
	}
	return trees
}

// holding returns the points that publish a tree, newest first. Two that follow
// each other, as where the directory moved, are one.
func (r *run) holding(l lineage, tree manifest.Tree) (points []gitrepo.Point) {
	last := -2
	for i, p := range l.Points {
		// Asking the ignore rules about every file of every commit takes long.
		if p.Object == "" || !isWithin(l.snaps[i].Tree, tree) || !r.isLive(l.snaps[i], observation{side: diff.Side{Tree: tree}}) {
			continue
		}
		if last == i-1 {
			p.Newest = points[len(points)-1].Newest
			points = points[:len(points)-1]
		}
		points, last = append(points, p), i
	}
	return points
}

// isWithin reports whether a tree has all files of part.
func isWithin(part, tree manifest.Tree) bool {
	for e := range part.All() {
		if !sameEntry(tree.Get(e.Path), &e) {
			return false
		}
	}
	return true
}

// pointsOf returns for each tree the points that publish it. Ids tell; only of
// a tree that no commit has, contents are compared: the service may have
// rewritten what was sent. The content of a tree is in obs, or in history.
func (r *run) pointsOf(ctx context.Context, rev string, l lineage, trees []manifest.Tree, obs observation) ([][]gitrepo.Point, error) {
	found := make([][]gitrepo.Point, len(trees))
	var rest []diff.Versioned
	for i, tree := range trees {
		if found[i] = r.holding(l, tree); len(found[i]) == 0 {
			rest = append(rest, diff.Versioned{Side: diff.Side{Tree: tree}})
		}
	}
	if len(rest) == 0 || len(l.Points) == 0 {
		return found, nil
	}
	h := diff.Histories{Local: l.committed(), Remote: rest}
	rest, _, err := r.asSent(ctx, &commitLine{r: r, rev: rev}, h, pathsOf(rest), obs)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if len(found[i]) == 0 {
			found[i], rest = r.holding(l, rest[0].Side.Tree), rest[1:]
		}
	}
	return found, nil
}

// pathsOf returns all paths of versions, some of them more than once.
func pathsOf(versions []diff.Versioned) (paths []manifest.Path) {
	for _, v := range versions {
		for e := range v.Side.Tree.All() {
			paths = append(paths, e.Path)
		}
	}
	return paths
}

// nameCommits puts into a log which commits the versions come from. It never
// fails for what git holds: that is a note.
func (r *run) nameCommits(ctx context.Context, log []VersionReport, versions map[int32]manifest.Tree) error {
	if r.Repo == nil || len(log) == 0 {
		return nil
	}
	rev := r.revision()
	l, err := r.lineage(ctx, rev)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case r.Target.Rev == "" && errors.Is(err, gitrepo.ErrNoRevision):
		return nil // nothing was ever committed
	case err != nil:
		r.note("which commits the versions come from cannot be told: %v", err)
		return nil
	}
	trees := make([]manifest.Tree, len(log))
	for i, v := range log {
		trees[i] = versions[v.Version]
	}
	points, err := r.pointsOf(ctx, rev, l, trees, observation{})
	if err != nil {
		return err
	}
	nameless := false
	for i := range log {
		log[i].name(points[i])
		nameless = nameless || len(points[i]) == 0
	}
	if why := l.gaps(); nameless && why != "" {
		r.note("a version without a commit may come from one that is not known here: %s", why)
	}
	return nil
}

// name puts the newest commits into the report.
func (v *VersionReport) name(points []gitrepo.Point) {
	for i, p := range points {
		if i == mostCommits {
			v.MoreCommits = len(points) - mostCommits
			return
		}
		v.Commits = append(v.Commits, CommitReport{p.Commit, p.Newest, p.At})
	}
}

// gaps says what of a line is not known, "" for nothing.
func (l lineage) gaps() string {
	var why []string
	for i, s := range l.snaps {
		if len(s.Unknown) > 0 {
			why = append(why, fmt.Sprintf("commit %.7s cannot be read as a whole: %s", l.Points[i].Commit, s.Unknown[0].Reason))
			break
		}
	}
	if n := len(l.Points); n > 0 && !l.Complete {
		why = append(why, fmt.Sprintf("what comes before commit %.7s is not in the clone, or too far back", l.Points[n-1].Commit))
	}
	return strings.Join(why, "; ")
}

// reportLive puts into the result which tree is live of the target's own
// files.
func (r *run) reportLive(snap manifest.Snapshot, obs observation) {
	if r.isInStep(snap, obs) {
		r.res.LiveTree, r.res.SentTree = obs.side.Tree.ID().String(), ""
		return
	}
	own := func(e manifest.Entry) bool { return !r.ignores(snap, e.Path) }
	live := obs.side.Tree.Filter(own)
	r.res.LiveTree, r.res.SentTree = live.ID().String(), ""
	if sent := r.sentFor(live); !sent.Equal(live) {
		r.res.SentTree = sent.ID().String()
	}
}
