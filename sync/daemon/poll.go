package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	assetsync "assetsync/sync"
)

const (
	// pollTimeout bounds one look at the remote's list: a remote that takes
	// longer does not answer.
	pollTimeout = 30 * time.Second

	// pollGap is the least time between two polls, whoever asks for them.
	pollGap = time.Second

	// resetGap is the least time between two resets: after a sleep every
	// target asks for one, as soon as its files were looked through.
	resetGap = 10 * time.Second

	// authBase and authMax bound the pauses while the credentials are not
	// taken: somebody who signs in again expects no longer ones, and fewer
	// calls are no burden to anybody.
	authBase = 2 * time.Second
	authMax  = 30 * time.Second
)

// errListSlow is a listing that took longer than pollTimeout.
var errListSlow = &assetsync.Error{Kind: assetsync.KindUnavailable, Message: fmt.Sprintf("the remote takes longer than %v to list its assets", pollTimeout)}

// poll asks the remote from time to time what it holds. While it does not
// answer, or does not take the credentials, it alone goes on asking: targets
// wait until it is answered.
func (d *Daemon) poll() {
	offline := backoff{base: retryBase, max: offlineMax}
	auth := backoff{base: authBase, max: authMax}
	var reset time.Time                // the last one
	pause := d.o.Jitter(d.pollEvery()) // daemons that begin together part here
	var gap time.Duration              // none before the first
	for ; ; gap = pollGap {
		stale, err := d.pollSleep(gap, pause, reset)
		if err != nil {
			return
		}
		if stale {
			reset = time.Now()
			d.o.Remote.Reset()
		}
		versions, err := d.listVersions()
		if d.ctx.Err() != nil {
			return
		}
		v := judgePoll(err)
		switch v.state {
		case Offline:
			pause = offline.next(d.o.Jitter)
		case AuthExpired:
			pause = auth.next(d.o.Jitter)
		default:
			offline.reset()
			auth.reset()
			every := d.pollEvery()
			pause = every - every/10 + d.o.Jitter(every/5)
		}
		d.polled(v, err == nil, max(pause, pollGap))
		if err == nil {
			for _, l := range d.all() {
				l.hint(versions)
			}
		}
	}
}

func (d *Daemon) pollEvery() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.every
}

// pollSleep waits for the next poll, which somebody may ask for earlier, but
// for the gap. It reports whether to drop what is stale; reset is when that was done last.
func (d *Daemon) pollSleep(gap, pause time.Duration, reset time.Time) (stale bool, err error) {
	if err := wait(d.ctx, gap); err != nil {
		return false, err
	}
	timer := time.NewTimer(max(0, pause-gap))
	defer timer.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return false, context.Cause(d.ctx)
		case stale := <-d.pollNow:
			if stale && !reset.IsZero() && time.Since(reset) < resetGap {
				continue // it was polled since
			}
			return stale, nil
		case <-timer.C:
			return false, nil
		}
	}
}

// askPoll makes the next poll come soon.
func (d *Daemon) askPoll(reset bool) {
	select {
	case d.pollNow <- reset:
		return
	default:
	}
	if !reset {
		return // one is asked for already
	}
	select { // it has to drop what is stale, too
	case <-d.pollNow:
	default:
	}
	select {
	case d.pollNow <- true:
	default:
	}
}

func (d *Daemon) listVersions() (map[string]Listed, error) {
	ctx, cancel := context.WithTimeout(d.ctx, pollTimeout)
	defer cancel()
	versions, err := d.o.Remote.Versions(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, errListSlow
	}
	return versions, err
}

// judgePoll says what an answer means for all targets. Only what keeps every
// target from working closes the gate: a listing alone may be refused.
func judgePoll(err error) verdict {
	if err == nil {
		return verdict{state: InStep}
	}
	e := assetsync.AsError(err)
	if errors.Is(err, ErrNotAllowed) {
		return verdict{state: InStep, reason: "changes of the remote are noticed late: " + reasonOf(e)}
	}
	v := verdict{state: InStep, reason: withHint(e)}
	switch e.Kind {
	case assetsync.KindAuth:
		v.state = AuthExpired
	case assetsync.KindUnavailable:
		v.state, v.reason = Offline, reasonOf(e) // to repeat it later is what the daemon does
	}
	return v
}

// polled records an answer, and lets the targets go on when it is a good one
// after a bad one.
func (d *Daemon) polled(v verdict, listed bool, pause time.Duration) {
	now := d.o.Now()
	d.mu.Lock()
	before := d.remote
	d.remote.Reason, d.remote.NextPoll = v.reason, now.Add(pause)
	if listed {
		d.remote.PolledAt = now
	}
	if v.state != before.State {
		d.remote.State, d.remote.Since = v.state, now
	}
	d.mu.Unlock()
	d.logRemote(before, v, now)
	if v.state == before.State {
		return
	}
	for _, l := range d.all() {
		l.release()
	}
}

// logRemote tells of each change of the state once, and of each reason why a
// remote that can be used is not listed.
func (d *Daemon) logRemote(before RemoteView, v verdict, now time.Time) {
	switch {
	case v.state != before.State && v.state == InStep:
		d.log.Info("the remote answers again", zap.Duration("after", now.Sub(before.Since)))
	case v.state != before.State:
		d.log.Warn("the remote cannot be used; nothing is lost, and publishing goes on when it can", zap.String("state", string(v.state)), zap.String("reason", v.reason))
	case v.state == InStep && v.reason != "" && v.reason != d.hindered:
		d.hindered = v.reason
		d.log.Warn("the remote cannot be listed", zap.String("reason", v.reason))
	}
}

// gate returns why no target may be looked at; the state is InStep when all
// may.
func (d *Daemon) gate() (State, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.remote.State, d.remote.Reason
}
