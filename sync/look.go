package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/durable"
	"assetsync/remote"
)

// Status plans in both directions and changes nothing, not even the state:
// Changes is what a push would publish, Pending what a pull would check out.
func (e *Engine) Status(ctx context.Context) Result {
	return e.do(ctx, "status", Consent{}, func(ctx context.Context, r *run) error {
		snap, err := r.scan(ctx)
		if err != nil {
			return err
		}
		if !r.Assets.isRead(r.kind) {
			r.listAhead(ctx, snap)
		}
		id, err := r.resolve(ctx, snap)
		if err != nil {
			return err
		}
		if id == "" && !r.Target.Direction.Publishes() {
			r.noteNoAsset()
			return nil
		}
		if id == "" {
			r.res.Changes = reportChanges(diff.Two(manifest.Tree{}, snap.Tree))
			r.res.Outcome = Planned
			r.checkNames(snap.Tree, diff.Side{})
			r.noteLineEnds(ctx, diff.Two(manifest.Tree{}, snap.Tree))
			if err := r.blockOnProblems(); err != nil {
				return err
			}
			if err := r.mayCreate(ctx, snap, true); err != nil {
				r.note("a push would fail: %v", err)
			}
			return nil
		}
		obs, err := r.observeOrListed(ctx, id, snap, nil)
		if err != nil {
			return err
		}
		if err := r.settle(ctx, id, obs); err != nil {
			return err
		}
		policy := diff.Policy{Direction: diff.Both}
		if !r.Target.Direction.Publishes() {
			policy.Direction = diff.Pull
		}
		if err := r.deriveBoth(ctx, id, snap, obs, policy); err != nil {
			return err
		}
		r.noteCheckOuts()
		if err := r.settleCheckOuts(snap, false); err != nil {
			return err
		}
		p, err := r.propose(ctx, snap, obs, policy)
		if err != nil {
			return err
		}
		if policy.Direction == diff.Pull {
			p.meta = metadataPlan{}
			r.noteAhead(p)
		}
		r.report(p, obs)
		r.reportLive(snap, obs)
		if r.Target.Direction.Publishes() {
			r.checkNames(snap.Tree, obs.side)
		}
		r.res.Pending = reportChanges(slices.Concat(p.files.Checkout, p.files.Pending))
		if p.writes() || len(r.res.Pending) > 0 || len(p.meta.changes) > 0 {
			r.res.Outcome = Planned
		}
		r.noteIntents()
		r.noteLineEnds(ctx, p.changes)
		if err := r.keepsIdentity(ctx, snap, obs, p); err != nil {
			if AsError(err).Kind != KindUsage {
				return err
			}
			r.note("a push would fail: %v", err)
		}
		if err := r.noteGuards(ctx, snap, obs, p); err != nil {
			return err
		}
		for i := range r.res.Conflicts {
			c := &r.res.Conflicts[i]
			if theirs := obs.side.Tree.Get(c.Path); theirs != nil {
				r.findCopies(c, *theirs)
			}
		}
		if len(r.res.Conflicts) > 0 {
			r.note("a file that changed on both sides stays as it is on both: %s", r.hintConflicts())
		}
		switch {
		case len(r.res.Problems) > 0:
			r.res.Outcome = Blocked
		case len(r.res.Conflicts) > 0 || p.meta.conflicts():
			r.res.Outcome = Conflict
		}
		return nil
	})
}

// noteGuards tells what would stop a push: a directory that holds nothing any
// more stops one that has nothing to publish, too.
func (r *run) noteGuards(ctx context.Context, snap manifest.Snapshot, obs observation, p proposal) error {
	if !r.Target.Direction.Publishes() || len(r.res.Problems) > 0 {
		return nil
	}
	speak := PushOptions{DryRun: true}
	if p.writes() {
		if _, err := r.gitQuiet(ctx, speak); err != nil {
			r.note("whether git is in the way cannot be told: %v", err)
		}
	}
	err := r.guard(ctx, snap, obs, p, speak)
	if errors.Is(err, manifest.ErrChanged) {
		r.note("whether a push would stop for credentials cannot be told: %v", err)
		return nil
	}
	return err
}

// noteIntents tells of publishings that are not over.
func (r *run) noteIntents() {
	for _, in := range r.knownTarget.Intents {
		if in.Doubt {
			r.note("a write of %s was sent and not answered; it may still have an effect until %s",
				in.Started.Local().Format(time.TimeOnly), in.Until.Local().Format(time.TimeOnly))
			continue
		}
		r.note("the push of %s was cut short; the next push finds out what it did", in.Started.Local().Format(time.TimeOnly))
	}
}

// noteCheckOuts tells of a check out that is not over.
func (r *run) noteCheckOuts() {
	if n := len(r.knownAsset.CheckingOut); n > 0 {
		r.note("a check out of %s was cut short; the next pull brings what is missing", countFiles(n))
	}
}

// errBothChanged is the cause of an error that is about single paths: all
// others were published.
var errBothChanged = errors.New("changed on both sides")

// conflicts makes an error of the conflicts in the result, and puts the other
// side's bytes where people find them.
func (r *run) conflicts(ctx context.Context, id string, obs observation, dryRun bool) error {
	r.ended = &obs
	keys := 0
	for _, c := range r.res.MetadataChanges {
		if c.Action == "conflict" {
			keys++
		}
	}
	n := len(r.res.Conflicts)
	if n+keys == 0 {
		return nil
	}
	for i := range r.res.Conflicts {
		c := &r.res.Conflicts[i]
		theirs := obs.side.Tree.Get(c.Path)
		if theirs == nil || c.Copy != "" {
			continue
		}
		if dryRun {
			r.findCopies(c, *theirs)
			continue
		}
		data, err := r.remoteContent(ctx, id, obs, *theirs)
		if err != nil {
			return err
		}
		if c.Copy, err = r.conflictCopy(*theirs, data); err != nil {
			return err
		}
		if text, ok := r.marked[c.Path]; ok {
			if c.Marked, err = r.conflictFile(path.Join(theirs.ID.Short()+markedSuffix, string(c.Path)), text); err != nil {
				return err
			}
		}
		r.show(*theirs)
	}
	if !dryRun {
		if err := r.commit(); err != nil {
			return err
		}
	}
	e := &Error{Kind: KindConflict, Err: errBothChanged}
	switch {
	case n > 0 && n == r.flapping():
		e.Message = fmt.Sprintf("%s went back and forth: this machine and somebody else undo each other; yours is not published again", countFiles(n))
		e.Hint = "end one of the two writers, then push with --prefer local, or drop yours with pull --prefer remote; after an hour it is published again"
	case n == 0:
		e.Message = "metadata changed on both sides; nothing of it was published"
		e.Hint = "push with --prefer local to publish the config's, or take theirs over into assetsync.yaml"
	case r.From != nil:
		e.Message = fmt.Sprintf("%s changed in %s and here, in %s; what is here stays", countFiles(n), r.From.Env, r.historyKey().Env)
		e.Hint = "publish " + r.From.Env + "'s with --prefer local, or make both one in " + r.From.Env + " first"
	default:
		e.Message = fmt.Sprintf("%s changed on both sides; your files are as they were", countFiles(n))
		e.Hint = r.hintConflicts()
	}
	return e
}

// hintConflicts says how the conflicts of files in the result end.
func (r *run) hintConflicts() string {
	isClash := func(c ConflictReport) bool { return c.Why == string(diff.WhyClash) }
	i := slices.IndexFunc(r.res.Conflicts, isClash)
	switch {
	case i < 0:
		return hintResolve
	case !slices.ContainsFunc(r.res.Conflicts, func(c ConflictReport) bool { return !isClash(c) }):
		return hintClash
	}
	return fmt.Sprintf("%s; of %s: %s", hintResolve, shownName(r.res.Conflicts[i].Path), hintClash)
}

// hintResolve says how a conflict of files ends.
const hintResolve = "take over what you want of theirs, then assetsync resolve --merged FILE; or take one side: resolve --ours FILE, resolve --theirs FILE"

// hintClash says how a conflict ends of a file in whose place is a directory on
// the other side. No side of it can be taken: it would cost paths that nobody
// named.
const hintClash = "rename or delete one of the two, here or on the remote"

// findCopies names the copies of a conflict that were made before.
func (r *run) findCopies(c *ConflictReport, theirs manifest.Entry) {
	root, err := os.OpenRoot(r.Conflicts)
	if err != nil {
		return // none were
	}
	defer root.Close()
	find := func(dir string) string {
		name := path.Join(r.Target.Name, dir, string(c.Path))
		if info, err := root.Lstat(name); err != nil || !info.Mode().IsRegular() {
			return ""
		}
		return filepath.Join(r.Conflicts, filepath.FromSlash(name))
	}
	c.Copy = find(theirs.ID.Short())
	c.Marked = find(theirs.ID.Short() + markedSuffix)
}

// markedSuffix follows the id of the other side's content in the name of the
// directory that holds the text of both.
const markedSuffix = ".both"

// conflictCopy writes the bytes of the other side's file beside the state and
// returns where: one copy of each content, however often it is in the way.
func (r *run) conflictCopy(e manifest.Entry, data []byte) (string, error) {
	return r.conflictFile(path.Join(e.ID.Short(), string(e.Path)), data)
}

// conflictFile makes a file of a conflict hold data, and returns its path.
func (r *run) conflictFile(name string, data []byte) (string, error) {
	if err := os.MkdirAll(r.Conflicts, 0o700); err != nil {
		return "", fmt.Errorf("write conflict copy: %w", err)
	}
	// Through a root: a name of the remote must not lead anywhere else.
	root, err := os.OpenRoot(r.Conflicts)
	if err != nil {
		return "", fmt.Errorf("write conflict copy: %w", err)
	}
	defer root.Close()
	name = path.Join(r.Target.Name, name)
	full := filepath.Join(r.Conflicts, filepath.FromSlash(name))
	if old, err := root.ReadFile(name); err == nil && bytes.Equal(old, data) {
		return full, nil
	}
	dir := durable.New(root, r.hook(r.Conflicts))
	if err := dir.MkdirAll(path.Dir(name), 0o700); err != nil {
		return "", fmt.Errorf("write conflict copy: %w", err)
	}
	if err := dir.WriteFile(name, data, 0o600); err != nil {
		return "", fmt.Errorf("write conflict copy: %w", err)
	}
	return full, nil
}

// remoteContent returns the bytes of an observed file.
func (r *run) remoteContent(ctx context.Context, id string, obs observation, e manifest.Entry) ([]byte, error) {
	data, ok, err := r.blob(obs, e.ID)
	if err != nil || ok {
		return data, err
	}
	if data, err = r.readFile(ctx, id, obs.version, e.Path); err != nil {
		return nil, err
	}
	if manifest.BlobID(data) != e.ID {
		return nil, fmt.Errorf("read %s of asset %s version %d: %w", e.Path, id, obs.version, errMoved)
	}
	obs.content[e.ID] = data
	return data, nil
}

// listVersions returns the versions that the service lists, ascending.
func (r *run) listVersions(ctx context.Context, id string) ([]remote.AssetVersionMetadata, error) {
	var list []remote.AssetVersionMetadata
	pages := remote.NewListAssetVersionsPaginator(r.Client, &remote.ListAssetVersionsInput{AgentSpaceId: &r.Space.AgentSpace, AssetId: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list versions of asset %s: %w", id, err)
		}
		list = append(list, page.Items...)
	}
	slices.SortFunc(list, func(a, b remote.AssetVersionMetadata) int { return int(*a.Version) - int(*b.Version) })
	return list, nil
}
