package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// ask is something that somebody wants a loop to do between looks. There is
// room for the reply, so that nobody has to wait for it.
type ask struct {
	do    func() reply
	reply chan reply
}

type reply struct {
	result   assetsync.Result
	contents []Contents
	err      error // of the loop, when nothing was done
}

var (
	// errEnding is what asks get that come too late.
	errEnding = &assetsync.Error{Kind: assetsync.KindUnavailable, Message: "the daemon is ending, or its config leaves this target out now", Hint: "repeat the command"}

	// errBusy ends the patience of an ask.
	errBusy = errors.New("the target is being looked at")
)

// ask lets the loop do something between looks. It waits until that is done,
// ctx ends or the loop does, and until busy before it is begun; nil is never.
func (l *loop) ask(ctx context.Context, busy <-chan time.Time, do func() reply) (reply, error) {
	a := ask{do, make(chan reply, 1)}
	select {
	case l.asks <- a:
	case <-ctx.Done():
		return reply{}, context.Cause(ctx)
	case <-l.done:
		return reply{}, errEnding
	case <-busy:
		return reply{}, errBusy
	}
	select {
	case r := <-a.reply: // a loop replies to all that it takes
		return r, r.err
	case <-ctx.Done():
		return reply{}, context.Cause(ctx)
	}
}

// serve does what is asked, unless the loop ends.
func (l *loop) serve(a ask) reply {
	if l.ctx.Err() != nil {
		return reply{err: errEnding}
	}
	return a.do()
}

// answer does what is asked and replies. In a function of its own, the reply takes no
// room in that of run: a thousand loops wait there, each with a stack of 4 KB in the
// place of 8.
//
//go:noinline
func (l *loop) answer(a ask) { a.reply <- l.serve(a) }

// inTurn does something when it is the target's turn.
func (l *loop) inTurn(ctx context.Context, do func() reply) reply {
	free, err := l.d.slot(ctx)
	if err != nil {
		return failed(l.t.Name, err)
	}
	defer free()
	return do()
}

func failed(target string, err error) reply {
	return reply{result: assetsync.Failure(target, err)}
}

// push does what somebody asked for; it counts as a look. What it leaves to
// check out is looked for right after it.
func (l *loop) push(ctx context.Context, o assetsync.PushOptions) reply {
	if o.DryRun || !l.t.Direction.Publishes() {
		return reply{result: l.t.Engine.Push(ctx, o)} // such a target refuses it
	}
	first := l.begin()
	res := l.t.Engine.Push(ctx, o)
	l.pushed(ctx, res, first)
	if l.takes() && len(res.Pending) > 0 {
		l.mu.Lock()
		l.retry = time.Time{}
		l.mu.Unlock()
		l.want(time.Time{})
	}
	return reply{result: res}
}

// status answers from memory where memory is known to be right, or nothing
// better is to be had; else it looks. synced says that all events of earlier
// changes were read.
func (l *loop) status(ctx context.Context, synced bool) reply {
	if state, reason := l.d.gate(); state != InStep {
		if r, ok := l.memory(fmt.Sprintf("the remote is %s: %s", state, reason)); ok {
			return r
		}
	}
	if synced && l.fresh() {
		return reply{result: l.see().standing()}
	}
	return l.inTurn(ctx, func() reply {
		res := l.t.Engine.Status(ctx)
		l.keep(res)
		v := l.see()
		v.Result = res
		return reply{result: v.standing()}
	})
}

// keep puts what a status found on view. That one failed, or that who asked
// went away, is not how the target stands.
func (l *loop) keep(res assetsync.Result) {
	if res.Error != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view.Result, l.view.LookedAt, l.sure = res, l.d.o.Now(), true
}

// memory is what a status is answered without looking, for a reason that the
// answer names; false when nobody has looked yet.
func (l *loop) memory(why string) (reply, bool) {
	v := l.see()
	if v.LookedAt.IsZero() {
		return reply{}, false
	}
	res := v.standing()
	if res.Error == nil {
		note := fmt.Sprintf("this is how it was at %s: %s", v.LookedAt.Local().Format(time.TimeOnly), why)
		res.Notes = append(slices.Clone(res.Notes), note)
	}
	return reply{result: res}, true
}

// hangs reports whether the loop is in a look that takes so long that it is
// no longer counted. One that waits for its turn does not hang, though it may
// still show the state of before.
func (l *loop) hangs() bool {
	v := l.see()
	return v.State == Publishing && l.d.o.Now().Sub(v.Since) > slowLook
}

// fresh reports whether the result on view is what a status would find, as
// far as anybody can notice: polled files may have changed since the last
// walk, and so may what cannot be watched. It is called in the loop, so that
// no batch is on its way.
func (l *loop) fresh() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.sure || l.dirty || l.watch == nil || l.watch.Pending() || l.missed() {
		return false
	}
	h := l.watch.Health()
	return h.Mode == watcher.Native && h.Lost == "" && h.Trouble == ""
}

// waitingFor says what keeps a loop from doing what it was asked to.
func (l *loop) waitingFor(owner string) string {
	v := l.see()
	return l.t.Name + ": waiting for " + owner + ", which is " + doing(v.State) + " since " + v.Since.Local().Format(time.TimeOnly)
}

func doing(s State) string {
	if s == Publishing {
		return "looking at it"
	}
	return "busy (" + string(s) + ")"
}
