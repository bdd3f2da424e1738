package sync

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/sync/planfile"
)

// PushOptions are the choices of one push.
type PushOptions struct {
	DryRun bool
	Strict bool        // with DryRun: guards stop it as they stop a push, and do not only speak
	Atomic bool        // one write or none, whatever the target says
	Prefer diff.Prefer // who wins where both sides changed a path
	// OneVersion publishes several changed files by a zip whatever the
	// target's MaxFileCalls, where a zip can stand: no version is then a state
	// that the directory never was in.
	OneVersion bool
	Base       int32 // a version to take as the base; 0: the recorded one
	Unattended bool  // nobody waits for the result, as of a daemon's own look or a hook's push
	// Budgeted keeps to the target's MaxVersionsPerHour. Who asks for a push has
	// seen what it publishes, and is not put off.
	Budgeted bool
	Consent  Consent

	// Approved is a plan of this target: the push does exactly that, or nothing.
	// Nil: it does what it finds to do. See [Engine.Plan].
	Approved *planfile.Target
}

// guardsSpeak reports whether guards say what they would do, and do not do it.
func (o PushOptions) guardsSpeak() bool { return o.DryRun && !o.Strict }

const (
	// maxRounds is how often a push plans again, because the remote moved
	// or because it puts back what it overwrote.
	maxRounds = 3

	// maxJitter spreads the rounds of machines that met each other.
	maxJitter = 500 * time.Millisecond
)

// errReplan asks for another round: what was planned on is no longer so.
var errReplan = errors.New("the asset moved while it was published")

// Push publishes what changed here and was not changed there.
func (e *Engine) Push(ctx context.Context, o PushOptions) Result {
	return e.do(ctx, "push", o.Consent, func(ctx context.Context, r *run) error { return r.push(ctx, o) })
}

func (r *run) push(ctx context.Context, o PushOptions) error {
	if !r.Target.Direction.Publishes() {
		return usage("set direction: both or push to publish it, or leave it out", "target %s is only pulled (direction: pull): nothing of it is ever published", r.Target.Name)
	}
	r.unattended = o.Unattended
	if err := r.mayCarryOut(o.Approved); err != nil {
		return err
	}
	if o.OneVersion {
		r.fileCalls = min(r.fileCalls, 1)
	}
	snap, id, err := r.findSource(ctx, o)
	if err == nil && id != "" && !o.DryRun {
		if err := r.sweep(ctx, snap); err != nil {
			return err
		}
	}
	for round := 1; ; round++ {
		switch {
		case err != nil: // of the look before this round
		case id == "":
			id, err = r.create(ctx, snap, o)
		default:
			err = r.pushOnce(ctx, id, snap, o)
		}
		switch {
		case errors.Is(err, errGone):
			id, err = "", nil
			continue
		case !errors.Is(err, errReplan) && !errors.Is(err, errMoved) && !errors.Is(err, manifest.ErrChanged):
			return err
		case round == maxRounds:
			return r.movedTooOften("publish", err)
		}
		changed := errors.Is(err, manifest.ErrChanged)
		if err = r.jitter(ctx); err != nil {
			return err
		}
		if changed {
			snap, id, err = r.findSource(ctx, o)
		}
	}
}

// inRounds repeats what finds that the remote has moved meanwhile, from its look on.
func (r *run) inRounds(ctx context.Context, once func() error) error {
	for round := 1; ; round++ {
		err := once()
		switch {
		case !errors.Is(err, errReplan) && !errors.Is(err, errMoved):
			return err
		case round == maxRounds:
			return r.movedTooOften(r.verb, err)
		}
		if err := r.jitter(ctx); err != nil {
			return err
		}
	}
}

func (r *run) movedTooOften(doing string, cause error) error {
	if lost, ok := errors.AsType[*Error](cause); ok && lost.Kind == KindConflict {
		return lost // see [lostUpdates.unrepaired]
	}
	return &Error{
		Kind: KindUnavailable, Err: cause,
		Message: fmt.Sprintf("%s %s: %v", doing, r.Target.Name, cause),
		Hint:    "repeat the command; what has landed is found by its content and not sent again",
	}
}

// findSource reads what is to be published and finds its asset: files that
// changed may be another asset's by now.
func (r *run) findSource(ctx context.Context, o PushOptions) (manifest.Snapshot, string, error) {
	snap, err := r.scanQuiet(ctx, o)
	if err != nil {
		return snap, "", err
	}
	id, err := r.resolve(ctx, snap)
	return snap, id, err
}

// jitter waits a random time, so that machines that met each other part.
func (r *run) jitter(ctx context.Context) error {
	var b [8]byte
	if _, err := io.ReadFull(r.Rand, b[:]); err != nil {
		return fmt.Errorf("choose a pause: %w", err)
	}
	return r.Sleep(ctx, time.Duration(binary.BigEndian.Uint64(b[:])%uint64(maxJitter)))
}

func (r *run) pushOnce(ctx context.Context, id string, snap manifest.Snapshot, o PushOptions) error {
	r.lookCloser = r.lookCloser || o.Base > 0 || o.Approved != nil || r.plan != nil
	obs, err := r.observeOrListed(ctx, id, snap, &o)
	if err != nil {
		return err
	}
	if o.DryRun {
		err = r.settle(ctx, id, obs)
	} else {
		err = r.auditOrReplan(ctx, id, obs)
	}
	if err != nil {
		return err
	}
	if err := r.promotesOlder(ctx, snap, obs); err != nil {
		return err
	}
	if o.Base > 0 {
		err = r.rebase(ctx, id, o.Base)
	} else {
		err = r.deriveBoth(ctx, id, snap, obs, diff.Policy{Direction: diff.Push, Prefer: o.Prefer})
	}
	if err != nil {
		return r.movedBefore(err, o.Approved, obs)
	}
	if err := r.settleCheckOuts(snap, true); err != nil {
		return err
	}
	p, err := r.propose(ctx, snap, obs, diff.Policy{Direction: diff.Push, Prefer: o.Prefer})
	if err != nil {
		return err
	}
	if obs.unread && p.writes() {
		if _, err := r.gitQuiet(ctx, o); err != nil { // it has given its turn away since the last look
			return err
		}
		r.lookCloser = true
		return r.pushOnce(ctx, id, snap, o)
	}
	r.report(p, obs)
	r.reportLive(snap, obs)
	now, err := r.planNow(snap, obs, p)
	if err != nil {
		return err
	}
	r.checkNames(snap.Tree, obs.side)
	if err := r.blockOnProblems(); err != nil {
		return err
	}
	if err := r.keepsIdentity(ctx, snap, obs, p); err != nil {
		return err
	}
	if err := r.holdTo(o.Approved, now); err != nil {
		return err
	}
	if err := r.guard(ctx, snap, obs, p, o); err != nil {
		return err
	}
	if p.writes() {
		if err := r.lint(ctx, snap); err != nil {
			return err
		}
		r.noteLineEnds(ctx, p.changes)
	}
	if o.DryRun {
		if p.writes() {
			r.res.Outcome = Planned
			if err := r.planMeans(ctx, id, &obs, p, o.Atomic || r.Target.Atomic); err != nil {
				return err
			}
		}
		return r.conflicts(ctx, id, obs, true)
	}
	if !p.writes() {
		r.res.Version = obs.version
		before := r.knownAsset.Base
		if err := r.record(ctx, obs, p, nil); err != nil {
			return err
		}
		if !before.Is(r.knownAsset.Base) { // else it is reported
			r.reportLive(snap, obs)
		}
		return r.conflicts(ctx, id, obs, false)
	}
	if o.Budgeted && r.isSpent(obs) {
		return r.conflicts(ctx, id, obs, false)
	}
	newest, err := r.publish(ctx, id, obs, p, o.Atomic || r.Target.Atomic)
	if err != nil {
		return err
	}
	r.reportLive(snap, newest)
	err = r.conflicts(ctx, id, newest, false)
	return r.withMet(err, o.Approved)
}

// guard runs the guards on what is about to be published.
func (r *run) guard(ctx context.Context, snap manifest.Snapshot, obs observation, p proposal, o PushOptions) error {
	target := r.Target
	if s, ok := r.source.(*promoted); ok {
		target.Path = s.from.String()
	}
	secrets, err := r.secretsOf(ctx, p.changes, p.meta.publish)
	if err != nil {
		return err
	}
	stops := guards(guardInput{
		secrets: secrets,
		target:  target, consent: r.consent, main: r.source.mainFile(), now: r.Now(), record: r.knownAsset,
		local: diff.Side{Tree: snap.Tree, Unknown: snap.Unknown}, remote: obs.side,
		version: obs.version, metadata: obs.metadata, changes: p.changes, writes: p.writes(), side: "remote",
	})
	if err := r.stop(stops, o.guardsSpeak()); err != nil {
		return err
	}
	if len(deletions(p.changes)) == 0 || o.DryRun {
		return nil
	}
	// A removal is believed only when a second look agrees with it.
	again, err := r.source.scan(ctx)
	if err != nil && !errors.Is(err, errSourceMissing) {
		return fmt.Errorf("look a second time before deleting: %w", err)
	}
	for _, path := range deletions(p.changes) {
		if _, ok := again.Tree.Lookup(path); ok || again.Unknown.Has(path) {
			return &Error{
				Kind:    KindUnavailable,
				Message: fmt.Sprintf("%s was missing and is there again: the directory is changing", path),
				Hint:    "nothing was published; repeat the command when it is quiet",
			}
		}
	}
	return nil
}

// stop turns refusals into the result, or into notes where they only speak.
func (r *run) stop(stops []guardStop, speak bool) error {
	if len(stops) == 0 {
		return nil
	}
	if speak {
		for _, s := range stops {
			if r.planGuard(s) {
				continue
			}
			r.note("a push would stop here (%s): %s; %s", s.guard, s.message, s.hint)
		}
		return nil
	}
	r.res.Guard = stops[0].guard
	for _, s := range stops[1:] {
		r.note("%s; %s", s.message, s.hint)
	}
	return &Error{Kind: KindGuard, Message: stops[0].message, Hint: stops[0].hint}
}

// observeLive is observeAhead for an asset that must be there.
func (r *run) observeLive(ctx context.Context, id string, want ahead) (observation, error) {
	obs, err := r.observeAhead(ctx, id, want)
	if remote.IsKind(err, remote.KindNotFound) && r.Target.AssetID == "" {
		err = r.gone(id, err)
	}
	return obs, err
}

// errGone is an asset that was pinned and is not there any more, and whose
// making anew was consented to.
var errGone = errors.New("the asset is gone")

// gone decides about a pinned asset that does not exist any more.
func (r *run) gone(id string, cause error) error {
	if !r.consent.Empty {
		r.res.Guard = "root"
		return &Error{
			Kind: KindGuard, Err: cause,
			Message: fmt.Sprintf("asset %s, to which the target was published before, is gone", id),
			Hint:    "if it was deleted on purpose and is to be made anew: push --allow-empty",
		}
	}
	r.knownTarget.AssetID = ""
	r.knownTarget.Epoch++
	r.res.AssetID, r.adopted = "", false
	return errGone
}

// rebase takes another version than the recorded one as the base.
func (r *run) rebase(ctx context.Context, id string, version int32) error {
	then, err := r.version(ctx, id, version)
	if err != nil {
		return err
	}
	r.setBase(then)
	r.knownAsset.CheckingOut = nil
	r.knownAsset.Metadata, err = encodeBase(owned(then.metadata, r.Target.Metadata))
	return err
}
