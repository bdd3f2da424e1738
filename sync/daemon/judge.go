package daemon

import (
	"fmt"
	"slices"
	"strings"
	"time"

	assetsync "assetsync/sync"
)

// State is how a target does.
type State string

// The states. Starting is that of a target that was not looked at yet.
const (
	Starting    State = "starting"
	InStep      State = "in step"      // nothing to publish
	Differs     State = "differs"      // something to publish, and the policy leaves it to people
	Publishing  State = "publishing"   // a look is on its way
	Held        State = "waiting"      // for a git operation, another branch, or files that are being written
	Paused      State = "paused"       // somebody asked for it
	Blocked     State = "blocked"      // a guard or a problem needs a person
	Conflict    State = "conflict"     // both sides changed a path
	AuthExpired State = "auth expired" // the remote does not take the credentials
	Offline     State = "offline"      // the remote does not answer
	Failed      State = "failed"       // anything else; it is tried again
)

// States returns all of them, in the order in which they are told.
func States() []State {
	return []State{InStep, Publishing, Starting, Differs, Held, Paused, Blocked, Conflict, AuthExpired, Offline, Failed}
}

// verdict is what a look came to.
type verdict struct {
	state  State
	reason string        // for people; "" when in step
	max    time.Duration // the longest pause before the next attempt; 0: wait for a reason to look
	until  time.Time     // when a version budget lets it go on; zero: it does not put it off
}

const (
	// retryBase is the first pause after a failed look.
	retryBase = time.Second

	// offlineMax is the longest pause while the remote does not answer: how
	// late a target may be in step after it does again, were there no poll.
	offlineMax = time.Minute

	// troubleMax is the longest pause where time alone seldom helps: a full
	// disk, a refusal, a file that cannot be read.
	troubleMax = 5 * time.Minute
)

// judge says what a push left behind.
func judge(res assetsync.Result) verdict {
	if res.Error != nil {
		return judgeError(res)
	}
	switch res.Outcome {
	case assetsync.Blocked:
		v := verdict{state: Blocked, reason: "a problem", max: troubleMax}
		if n := len(res.Problems); n > 0 {
			v.reason = strings.TrimSpace(string(res.Problems[0].Path) + " " + res.Problems[0].Detail) // a problem may have no path
			if n > 1 {
				v.reason += fmt.Sprintf(", and %d more", n-1)
			}
		}
		if res.Passing() {
			v.state, v.max = Held, offlineMax
		}
		return v
	case assetsync.Conflict:
		return verdict{state: Conflict, reason: "both sides changed; assetsync status shows what"}
	case assetsync.Planned:
		if !res.NextVersion.IsZero() {
			return verdict{state: Held, until: res.NextVersion}
		}
		if len(res.Changes) > 0 || slices.ContainsFunc(res.MetadataChanges, func(c assetsync.MetadataChange) bool { return c.Action == "publish" }) {
			return verdict{state: Differs, reason: "changes to publish: assetsync push publishes them"}
		}
	}
	return verdict{state: InStep}
}

func judgeError(res assetsync.Result) verdict {
	e := res.Error
	v := verdict{state: Failed, reason: reasonOf(e), max: troubleMax}
	switch {
	case res.Passing():
		v.state, v.max = Held, offlineMax
	case res.Guard == assetsync.GuardGit:
		v.state, v.max = Held, holdMax
	case e.Kind == assetsync.KindAuth:
		v.state, v.reason = AuthExpired, withHint(e)
	case e.Kind == assetsync.KindUsage:
		v.reason = withHint(e)
	case e.Kind == assetsync.KindUnavailable:
		v.state, v.max = Offline, offlineMax
	case e.Kind == assetsync.KindConflict:
		v.state, v.max = Conflict, 0
	case e.Kind == assetsync.KindGuard:
		v.state, v.max, v.reason = Blocked, 0, withHint(e)
	}
	return v
}

// reasonOf is what an error says, without what differs each time: a request's
// id makes no other reason.
func reasonOf(e *assetsync.Error) string {
	if e.RequestID == "" {
		return e.Message
	}
	return strings.ReplaceAll(e.Message, ", request "+e.RequestID, "")
}

func withHint(e *assetsync.Error) string {
	if e.Hint == "" {
		return reasonOf(e)
	}
	return reasonOf(e) + "; " + e.Hint
}
