package sync

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"assetsync/sync/planfile"
)

// ErrPlanMoved is in the error of a push that was held to a plan which does not
// hold any more: nothing was written, unless the error says which versions were.
var ErrPlanMoved = errors.New("the plan does not hold any more")

// hintReplan says what to do about a plan that does not hold.
const hintReplan = "make a new plan (assetsync plan -o FILE), and have it looked at"

// mayCarryOut refuses a plan that is not one of this target as the config has it
// now, or by which nothing can be published. Without a plan it does nothing.
func (r *run) mayCarryOut(plan *planfile.Target) error {
	if plan == nil {
		return nil
	}
	r.exact = true
	if keys := plan.Policy.Reset(policyOf(r.Target)); len(keys) > 0 {
		return usage(hintReplan, "target %s: the config says otherwise than for the plan: %s", r.Target.Name, strings.Join(keys, ", "))
	}
	if plan.Error == nil {
		return nil
	}
	kind := Kind(plan.Error.Kind)
	if kind != KindGuard {
		kind = KindConflict
	}
	return &Error{Kind: kind, Message: "nothing of it could be planned: " + plan.Error.Message, Hint: hintReplan}
}

// holdTo compares an approved plan with what would be done now. What is done
// already may be done again.
func (r *run) holdTo(plan *planfile.Target, now planfile.Target) error {
	if plan == nil {
		return nil
	}
	live := r.res.SentTree
	if live == "" {
		live = r.res.LiveTree
	}
	moved := plan.Moved(now)
	switch {
	case len(moved) == 0:
		return nil
	case plan.Done(now, live):
		if plan.Writes() {
			r.note("what the plan publishes is live already, as version %d", now.Observed.Version)
		}
		return nil
	}
	return r.moved(moved)
}

// movedBefore prefers to say that the remote has moved since a plan: what else
// cannot be told follows from that.
func (r *run) movedBefore(cause error, plan *planfile.Target, obs observation) error {
	if plan == nil || AsError(cause).Kind != KindConflict || plan.Observed.Version == obs.version {
		return cause
	}
	return r.moved([]string{fmt.Sprintf("version %d is live, and the plan was made on version %d", obs.version, plan.Observed.Version), cause.Error()})
}

func (r *run) moved(what []string) error {
	text := strings.Join(what[:min(len(what), mostNotes)], "; ")
	if n := len(what) - mostNotes; n > 0 {
		text += fmt.Sprintf("; and %d more", n)
	}
	e := &Error{Kind: KindConflict, Err: ErrPlanMoved, Message: "the plan does not hold any more: " + text, Hint: "nothing was published; " + hintReplan}
	if len(r.res.Versions) > 0 {
		e.Message = "the asset moved while the plan was carried out: " + text
		e.Hint = fmt.Sprintf("%s of it stands; %s for the rest", versionList(r.res.Versions), hintReplan)
	}
	return e
}

// withMet is the end of a push that was held to a plan: err, or that others
// published at the same time. Theirs stands then, unmerged, and what is live is
// not what was approved.
func (r *run) withMet(err error, plan *planfile.Target) error {
	if plan == nil || len(r.met) == 0 && !r.slipped {
		return err
	}
	what := "somebody else changed the asset in place"
	if len(r.met) > 0 {
		slices.Sort(r.met)
		what = "somebody else made " + versionList(slices.Compact(r.met))
	}
	message := what + " while the plan was carried out: what is live is not what was approved, and nothing was merged"
	if err != nil {
		message += "; " + err.Error()
	}
	return &Error{
		Kind: KindConflict, Err: ErrPlanMoved, Message: message,
		Hint: "assetsync status shows what differs now; " + hintReplan,
	}
}
