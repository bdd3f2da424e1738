package emulator

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The kinds of faults.
const (
	FaultThrottle     = "throttle"      // 429, no effect
	Fault500          = "500"           // InternalServerException, no effect
	Fault503          = "503"           // of the front door, no effect
	FaultExpiredToken = "expired-token" // 403 of the front door, no effect
	FaultDenied       = "denied"        // 403 AccessDeniedException, no effect
	FaultResetBefore  = "reset-before"  // the connection is cut, no effect
	FaultResetAfter   = "reset-after"   // the effect, then the connection is cut
	FaultTruncate     = "truncate"      // the effect, then half of the answer
	FaultNotJSON      = "not-json"      // the effect, then a page of HTML with status 200
	FaultDelay        = "delay"         // a pause, then as usual
	FaultLate         = "late"          // the connection is cut now, the effect comes later
)

// Fault makes some requests go wrong. Which ones is counted for each rule by
// itself, in the order of their arrival.
type Fault struct {
	Op    string // operation; "" or "*" for all
	Nth   int    // first request that is hit, from 1; 0 means 1
	Count int    // how many in a row are hit; 0 means 1, -1 all from Nth on
	Kind  string
	// Wait is the pause of FaultDelay, and for FaultLate how long after the
	// request its effect comes, at the next request after that.
	Wait time.Duration
	// Requests, for FaultLate, lets the effect come just before this many
	// further requests have arrived: 1 is before the next. It goes before
	// Wait, and is bounded by [lateWithin].
	Requests int
}

// lateWithin is after what time no effect is late any more: AWS refuses a
// signed request whose date is off by more than 15 minutes.
const lateWithin = 15*time.Minute - time.Second

// ParseFault reads "op=UpdateAsset,nth=2,count=1,kind=late:1s". Only kind is
// needed. delay takes a duration; late takes a duration or a number of
// requests; count takes a number or "all".
func ParseFault(s string) (Fault, error) {
	var f Fault
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(part, "=")
		var err error
		switch name {
		case "op":
			f.Op = value
		case "nth":
			f.Nth, err = positive(value)
		case "count":
			if f.Count = -1; value != "all" {
				f.Count, err = positive(value)
			}
		case "kind":
			err = f.parseKind(value)
		default:
			err = fmt.Errorf("want op, nth, count or kind")
		}
		if err != nil {
			return Fault{}, fmt.Errorf("fault %q: %s: %w", s, name, err)
		}
	}
	if err := f.validate(); err != nil {
		return Fault{}, fmt.Errorf("fault %q: %w", s, err)
	}
	return f, nil
}

func positive(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a number from 1", s)
	}
	return n, nil
}

func (f *Fault) parseKind(s string) (err error) {
	kind, arg, has := strings.Cut(s, ":")
	f.Kind = kind
	switch {
	case !has:
		return nil
	case kind != FaultDelay && kind != FaultLate:
		return fmt.Errorf("%s takes no %q", kind, arg)
	}
	if n, err := strconv.Atoi(arg); err == nil && kind == FaultLate {
		f.Requests = n
		return nil
	}
	f.Wait, err = time.ParseDuration(arg)
	return err
}

func (f Fault) validate() error {
	kinds := []string{FaultThrottle, Fault500, Fault503, FaultExpiredToken, FaultDenied, FaultResetBefore, FaultResetAfter,
		FaultTruncate, FaultNotJSON, FaultDelay, FaultLate}
	switch {
	case !slices.Contains(kinds, f.Kind):
		return fmt.Errorf("kind %q is not one of %s", f.Kind, strings.Join(kinds, ", "))
	case f.Op != "" && f.Op != "*" && !slices.Contains(Operations(), f.Op):
		return fmt.Errorf("op %q is not one of %s", f.Op, strings.Join(Operations(), ", "))
	case f.Nth < 0 || f.Count < -1 || f.Wait < 0 || f.Requests < 0:
		return fmt.Errorf("a number is negative")
	case f.Kind == FaultDelay && f.Wait == 0:
		return fmt.Errorf("delay needs a duration: delay:200ms")
	case f.Kind == FaultLate && f.Wait == 0 && f.Requests == 0:
		return fmt.Errorf("late needs a duration or a number of requests: late:1s, late:2")
	}
	return nil
}

// faults counts requests against the rules.
type faults struct {
	mu    sync.Mutex
	rules []Fault
	seen  []int
	late  []lateCall
}

// lateCall is a request whose effect is still to come.
type lateCall struct {
	call     *call
	due      time.Time
	requests int // to come before it, if they do by then; 0: only due counts
}

func (f *faults) add(rules ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, rules...)
	f.seen = append(f.seen, make([]int, len(rules))...)
}

// hit counts a request and returns the rule that it falls under, the first
// of several; the zero Fault for none.
func (f *faults) hit(op string) (hit Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, r := range f.rules {
		if r.Op != "" && r.Op != "*" && r.Op != op {
			continue
		}
		f.seen[i]++
		first, count := max(1, r.Nth), r.Count
		if count == 0 {
			count = 1
		}
		if hit.Kind == "" && f.seen[i] >= first && (count < 0 || f.seen[i] < first+count) {
			hit = r
		}
	}
	return hit
}

func (f *faults) postpone(c *call, rule Fault, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := lateCall{call: c, due: now.Add(rule.Wait), requests: rule.Requests}
	if l.requests > 0 {
		l.due = now.Add(lateWithin)
	}
	f.late = append(f.late, l)
}

// ripe counts a further request and takes the calls that are due before it.
func (f *faults) ripe(now time.Time) (out []*call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var rest []lateCall
	for _, l := range f.late {
		l.requests--
		if l.requests == 0 || !now.Before(l.due) {
			out = append(out, l.call)
			continue
		}
		rest = append(rest, l)
	}
	f.late = rest
	return out
}

// answered returns the answer of a fault that has no effect, nil for the
// others.
func (f Fault) answered() *apiError {
	switch f.Kind {
	case FaultThrottle:
		return frontDoor(http.StatusTooManyRequests, "ThrottlingException", "rate exceeded")
	case Fault500:
		return frontDoor(http.StatusInternalServerError, "InternalServerException", "internal error")
	case Fault503:
		return frontDoor(http.StatusServiceUnavailable, "ServiceUnavailableException", "service unavailable")
	case FaultExpiredToken:
		return frontDoor(http.StatusForbidden, "ExpiredTokenException", "The security token included in the request is expired")
	case FaultDenied:
		return frontDoor(http.StatusForbidden, "AccessDeniedException", "not authorized to perform this operation")
	}
	return nil
}

// answer is what goes over the wire.
type answer struct {
	status int
	header map[string]string
	body   []byte
	cut    bool // the connection ends after half of the body
}

// spoil changes a good answer as the fault says; false when nothing is to be
// sent at all.
func (f Fault) spoil(a answer) (answer, bool) {
	switch f.Kind {
	case FaultResetAfter:
		return a, false
	case FaultTruncate:
		a.cut = true
	case FaultNotJSON:
		a.status, a.header = http.StatusOK, maps.Clone(a.header)
		a.header["Content-Type"] = "text/html"
		delete(a.header, headerErrorType)
		a.body = []byte("<html><body>It works!</body></html>\n")
	}
	return a, true
}
