package main

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

const (
	// parallelTargets is how many targets are worked on at once unless
	// --parallel says otherwise; all share one rate limit.
	parallelTargets = 4

	// maxParallel bounds --parallel: each target at work holds its files and an
	// answer of the service in memory, and all wait for one rate.
	maxParallel = 32
)

// manyFlags are those of a run over several targets.
type manyFlags struct {
	failFast bool
	parallel int // 0: parallelTargets
}

// registerMany gives a verb that works on each of its targets the flags that
// say how. [session.each] does what they say.
func (a *app) registerMany(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&a.many.failFast, "fail-fast", false, "begin no further target once one has failed")
	f.IntVar(&a.many.parallel, "parallel", parallelTargets, fmt.Sprintf("work on `N` targets at once, 1 to %d", maxParallel))
}

func (m manyFlags) check(given func(string) bool) error {
	if given("parallel") && (m.parallel < 1 || m.parallel > maxParallel) {
		return usageError(nil, "all targets share one rate of requests, so more of them at once seldom help",
			"--parallel %d: want 1 to %d", m.parallel, maxParallel)
	}
	return nil
}

// limit is how many targets are worked on at once.
func (m manyFlags) limit() int {
	if m.parallel == 0 {
		return parallelTargets
	}
	return m.parallel
}

// isPlain reports whether nothing was asked for that a daemon, which works on
// all of its targets at once, does not do.
func (m manyFlags) isPlain() bool { return !m.failFast && m.limit() == parallelTargets }

// turns lets a few targets be at work at once. It is safe for concurrent use.
type turns struct {
	taken chan struct{} // holds one for each target at work
	begun chan struct{} // closed once every target, or the first one of a path, had a turn
	alone bool          // a turn is kept to its end
}

// newTurns returns the turns of one run. With --fail-fast none is given away: a target
// that begins in the turn of another could have been kept from it.
func (m manyFlags) newTurns() *turns {
	return &turns{make(chan struct{}, m.limit()), make(chan struct{}), m.failFast}
}

func (t *turns) take() { t.taken <- struct{}{} }
func (t *turns) end()  { <-t.taken }

// rest gives the turn of the caller to others while it waits, and takes one again
// once all have begun.
func (t *turns) rest(wait func()) {
	if t.alone {
		wait()
		return
	}
	t.end()
	defer t.take() // also of a panic: the turn is ended by who has it
	wait()
	<-t.begun
}

// eachTarget calls do with the index of each target, a few at once, and shows how
// far it is. One target's failure never stops another, unless --fail-fast says so:
// then those that were not begun are told why they are not. Targets of one file go
// one after the other: what one checks out, no other is reading.
func (a *app) eachTarget(targets []Target, turns *turns, do func(i int, notBegun string) assetsync.Result) {
	shown, end := a.showing(len(targets), "target")
	defer end()
	var group sync.WaitGroup
	stop := fuse{on: a.many.failFast}
	for _, shared := range byPath(targets) {
		turns.take()
		group.Go(func() {
			defer turns.end()
			for _, i := range shared {
				notBegun := ""
				if first := stop.blown(); first != "" {
					notBegun = fmt.Sprintf("not begun, because %s failed (--fail-fast)", first)
				}
				result := do(i, notBegun)
				stop.see(result)
				shown.finished(result)
			}
		})
	}
	close(turns.begun)
	group.Wait()
}

// byPath returns the indices of targets, those of one directory or file together.
func byPath(targets []Target) [][]int {
	var groups [][]int
	at := map[string]int{}
	for i, t := range targets {
		g, ok := at[t.Path]
		if !ok {
			g = len(groups)
			at[t.Path], groups = g, append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// fuse keeps targets from being begun once one has failed. It is safe for
// concurrent use.
type fuse struct {
	on    bool
	first atomic.Pointer[string]
}

// blown returns the target that failed first; "" while targets may begin.
func (f *fuse) blown() string {
	if name := f.first.Load(); name != nil {
		return *name
	}
	return ""
}

// see looks at what became of a target.
func (f *fuse) see(r assetsync.Result) {
	if f.on && resultCode(r) != 0 {
		f.first.CompareAndSwap(nil, &r.Target)
	}
}
