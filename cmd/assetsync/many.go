package main

import (
	"fmt"
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
