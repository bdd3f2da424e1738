package daemon

import (
	"context"
	"errors"
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

	// authBase and authMax bound the pauses while the credentials are not
	// taken: somebody who signs in again expects no longer ones, and fewer
	// calls are no burden to anybody.
	authBase = 2 * time.Second
	authMax  = 30 * time.Second
)

// poll asks the remote from time to time what it holds. While it does not
// answer, or does not take the credentials, it alone goes on asking: targets
// wait until it is answered.
func (d *Daemon) poll() {
	offline := backoff{base: retryBase, max: offlineMax}
	auth := backoff{base: authBase, max: authMax}
	pause := d.o.Jitter(d.pollEvery()) // daemons that begin together part here
	for {
		reset, err := d.pollSleep(pause)
		if err != nil {
			return
		}
		if reset {
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
		d.polled(v, pause)
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

// pollSleep waits for the next poll, which somebody may ask for earlier.
func (d *Daemon) pollSleep(pause time.Duration) (reset bool, err error) {
	if err := wait(d.ctx, min(pause, pollGap)); err != nil {
		return false, err
	}
	timer := time.NewTimer(max(0, pause-pollGap))
	defer timer.Stop()
	select {
	case <-d.ctx.Done():
		return false, context.Cause(d.ctx)
	case reset = <-d.pollNow:
	case <-timer.C:
	}
	return reset, nil
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

func (d *Daemon) listVersions() (map[string]int32, error) {
	ctx, cancel := context.WithTimeout(d.ctx, pollTimeout)
	defer cancel()
	return d.o.Remote.Versions(ctx)
}

// judgePoll says what an answer means for all targets. Only what keeps every
// target from working closes the gate: a listing alone may be refused.
func judgePoll(err error) verdict {
	switch {
	case err == nil:
		return verdict{state: InStep}
	case errors.Is(err, ErrNotAllowed):
		return verdict{state: InStep, reason: "changes of the remote are noticed late: " + err.Error()}
	}
	e := assetsync.AsError(err)
	v := verdict{state: InStep, reason: e.Message}
	switch e.Kind {
	case assetsync.KindAuth:
		v.state = AuthExpired
	case assetsync.KindUnavailable:
		v.state = Offline
	}
	if e.Hint != "" {
		v.reason += "; " + e.Hint
	}
	return v
}

// polled records an answer, and lets the targets go on when it is a good one
// after a bad one.
func (d *Daemon) polled(v verdict, pause time.Duration) {
	now := d.o.Now()
	d.mu.Lock()
	before := d.remote
	d.remote.Reason, d.remote.NextPoll = v.reason, now.Add(pause)
	if v.state == InStep {
		d.remote.PolledAt = now
	}
	if v.state != before.State {
		d.remote.State, d.remote.Since = v.state, now
	}
	d.mu.Unlock()
	if v.state == before.State {
		return
	}
	if v.state == InStep {
		d.log.Info("the remote answers again", zap.Duration("after", now.Sub(before.Since)))
	} else {
		d.log.Warn("the remote cannot be used; nothing is lost, and publishing goes on when it can", zap.String("state", string(v.state)), zap.String("reason", v.reason))
	}
	for _, l := range d.all() {
		l.release()
	}
}

// gate returns why no target may be looked at, "" state InStep when it may.
func (d *Daemon) gate() (State, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.remote.State, d.remote.Reason
}
