package sync

import (
	"time"

	"assetsync/sync/state"
)

// budgetSpan is what a version budget is counted in.
const budgetSpan = time.Hour

// MaxVersionsPerHour is the largest budget: as many publishings are on record,
// by which it is counted.
const MaxVersionsPerHour = maxPublishings

// nextVersion returns when the budget of the target allows another version; the
// zero time: now. It counts the publishings of this machine that are on record,
// so a daemon that starts again has the same. One that a clock puts into the
// future is none.
func nextVersion(made []state.Publishing, perHour int, now time.Time) time.Time {
	if perHour <= 0 {
		return time.Time{}
	}
	var recent []time.Time
	for _, p := range made {
		if !p.At.After(now) && now.Sub(p.At) < budgetSpan {
			recent = append(recent, p.At)
		}
	}
	if len(recent) < perHour {
		return time.Time{}
	}
	return recent[len(recent)-perHour].Add(budgetSpan)
}

// isSpent reports whether the budget puts the publishing off; the result says
// until when. Nothing is lost by that: what differs then is planned then.
func (r *run) isSpent(obs observation) bool {
	at := nextVersion(r.knownAsset.Published, r.Target.MaxVersionsPerHour, r.Now())
	if at.IsZero() {
		return false
	}
	r.res.Outcome, r.res.Version, r.res.NextVersion = Planned, obs.version, at
	return true
}
