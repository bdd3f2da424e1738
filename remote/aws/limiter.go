package aws

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The rate per account and region. The service publishes none per operation;
// this is what one person's pushes need, and far below what throttled in
// practice.
const (
	DefaultRate  = 10 // requests a second
	DefaultBurst = 20
)

const (
	slowest      = 0.5 // requests a second, however much is throttled
	recoverSteps = 20  // successes from a halved rate to the full one
)

// Limiter is a token bucket that all targets of an account and region share:
// every attempt takes a token. Throttling halves the rate and spends what was
// saved up; successes bring it back. It is safe for concurrent use.
type Limiter struct {
	full    rate.Limit
	burst   int
	mu      sync.Mutex // for changes of the rate
	limiter *rate.Limiter
}

// NewLimiter makes a limiter of perSecond requests in bursts of at most
// burst. It lets through at least one request in two seconds.
func NewLimiter(perSecond float64, burst int) *Limiter {
	full := rate.Limit(max(perSecond, slowest))
	burst = max(burst, 1)
	return &Limiter{full: full, burst: burst, limiter: rate.NewLimiter(full, burst)}
}

// errTooLate is a token that would come after the end of the time.
var errTooLate = errors.New("there would be no time left")

// wait takes a token. It fails when ctx ends, or would end before there is
// one. told is called before a wait, if there is one.
func (l *Limiter) wait(ctx context.Context, told func(time.Duration)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	token := l.limiter.Reserve() // of a bucket that holds one at least: it always comes
	delay := token.Delay()
	if delay <= 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < delay {
		token.Cancel()
		return errTooLate
	}
	told(delay)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		token.Cancel()
		return ctx.Err()
	}
}

// throttled slows down.
func (l *Limiter) throttled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limiter.SetLimit(max(l.limiter.Limit()/2, slowest))
	l.limiter.SetBurst(1)
}

// succeeded speeds up towards the full rate.
func (l *Limiter) succeeded() {
	l.mu.Lock()
	defer l.mu.Unlock()
	current := l.limiter.Limit()
	if current >= l.full {
		return
	}
	current = min(current+l.full/(2*recoverSteps), l.full)
	l.limiter.SetLimit(current)
	if current == l.full {
		l.limiter.SetBurst(l.burst)
	}
}
