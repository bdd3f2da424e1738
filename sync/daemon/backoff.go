package daemon

import "time"

// backoff chooses the pauses between attempts: exponential with full jitter,
// so that daemons which lost a remote together do not come back together.
type backoff struct {
	base, max time.Duration
	tries     int
}

// next returns a pause of at most base doubled with each try, and at most max.
// It is at least a quarter of that, so that no attempt follows at once.
func (b *backoff) next(jitter func(time.Duration) time.Duration) time.Duration {
	ceiling := min(b.base, b.max)
	for range b.tries {
		if ceiling *= 2; ceiling >= b.max {
			ceiling = b.max
			break
		}
	}
	b.tries++
	floor := ceiling / 4
	return floor + jitter(ceiling-floor)
}

func (b *backoff) reset() { b.tries = 0 }
